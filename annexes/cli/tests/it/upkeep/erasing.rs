//! `erase`: a dry run says what would go, `--yes` does it, and what cannot be erased is refused.

use std::fs;

use crate::program::{TempFolder, run};

const LINES: [&str; 4] = [
    r#"{"scope":"shop","entity":"customer-7","kind":"address.changed","data":{"city":"Bonn"},"tags":["customer:c1"]}"#,
    r#"{"scope":"shop","entity":"customer-8","kind":"address.changed","data":{"city":"Ulm"},"tags":["customer:c2"]}"#,
    r#"{"scope":"shop","entity":"customer-7","kind":"order.placed","data":{"to":"Bonn"},"tags":["customer:c1"]}"#,
    r#"{"scope":"shop","entity":"stock","kind":"item.sold","data":{"item":"tea"}}"#,
];

fn holds(store: &str, text: &str) -> bool {
    let holds = |entry: fs::DirEntry| {
        let path = entry.path();
        path.is_file() && fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
    };
    fs::read_dir(format!("{store}/segments")).unwrap().any(|entry| holds(entry.unwrap()))
}

#[test]
fn a_dry_run_changes_nothing_and_yes_erases() {
    let place = TempFolder::new();
    let store = place.store("store", &LINES);
    let subject = ["--stream", "shop/customer-7"];
    let dry = run(&[&["erase", &store], &subject[..]].concat()).ok();
    assert!(dry.contains("would erase 2 payloads") && dry.contains("positions: 1, 3"), "{dry}");
    assert!(dry.contains("nothing was erased"), "{dry}");
    let words = ["--reason", "request 17", "--by", "desk 2"];
    let dry = run(&[&["erase", &store], &subject[..], &words].concat()).ok();
    assert!(
        dry.contains("nothing was erased") && holds(&store, "Bonn"),
        "it is asked for at a terminal alone: {dry}"
    );
    let plan = &run(&[&["erase", &store, "--json"], &subject[..], &words].concat()).json()[0];
    assert_eq!(
        (&plan["erased"], &plan["events"], &plan["positions"][1][0]),
        (&false.into(), &2.into(), &3.into())
    );
    let done = run(&[&["erase", &store], &subject[..], &words, &["--yes"]].concat()).ok();
    assert!(done.contains("payloads erased: 2 ") && done.contains("Not reached: backups"), "{done}");
    assert!(!holds(&store, "Bonn") && holds(&store, "Ulm"));
    let again = &run(&[&["erase", &store, "--json", "--yes"], &subject[..], &words].concat()).json()[0];
    assert_eq!((&again["events"], again.get("position")), (&0.into(), None));
    run(&["doctor", &store]).ok();
}

#[test]
fn what_cannot_be_erased_is_refused() {
    let place = TempFolder::new();
    let store = place.store("store", &LINES);
    assert!(run(&["erase", &store]).refused(1).contains("say which events"));
    run(&["erase", &store, "--scope", "shop", "--yes"]).refused(64);
    run(&["erase", &store, "--scope", "shop", "--reason", "why"]).refused(64);
    run(&["erase", &store, "--scope", "shop", "--reason", "why", "--by", "me", "--yes"]).ok();
    let error =
        run(&["erase", &store, "--kind", "tidegate.*", "--reason", "why", "--by", "me", "--yes"]).refused(1);
    assert!(error.contains("never erased"), "{error}");
    run(&["erase", &place.path("none"), "--scope", "shop", "--reason", "why", "--by", "me", "--yes"])
        .refused(1);
}
