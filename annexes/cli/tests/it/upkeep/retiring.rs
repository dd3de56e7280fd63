//! `retire`: a dry run says what would go and who is behind, `--yes` does it, and what needs a record is refused afterwards.

use crate::program::{TempFolder, run};

/// A store of two segments: one that is larger than a closing leaves open, and another event behind it.
fn store(place: &TempFolder) -> String {
    let large = format!(
        r#"{{"scope":"shop","entity":"order-1","kind":"order.placed","data":{{"note":"{}"}},"tags":["customer:c1"]}}"#,
        "x".repeat(5 << 20)
    );
    let store = place.store("store", &[large.as_str()]);
    let more =
        ["append", &store, "--scope", "shop", "--entity", "order-1", "--kind", "order.paid", "--data", "{}"];
    run(&more).ok();
    store
}

#[test]
fn a_dry_run_changes_nothing_and_yes_retires() {
    let place = TempFolder::new();
    let store = store(&place);
    let dry = run(&["retire", &store, "--before", "2"]).ok();
    assert!(
        dry.contains("would retire 1 record in 1 segment") && dry.contains("nothing was retired"),
        "{dry}"
    );
    let plan = &run(&["retire", &store, "--before", "2", "--json"]).json()[0];
    assert_eq!((&plan["retired"], &plan["floor"]), (&false.into(), &2.into()));
    let words = ["--reason", "older than ten years", "--by", "retention", "--yes"];
    let done = run(&[&["retire", &store, "--before", "2"], &words[..]].concat()).ok();
    assert!(done.contains("retired: 1 records in 1 segments"), "{done}");
    let refused = run(&["read", &store]).refused(1);
    assert!(refused.contains("retired") && refused.contains("--after 1"), "{refused}");
    run(&["read", &store, "--after", "1"]).ok();
    run(&["doctor", &store]).ok();
    run(&["verify", &store]).ok();
    let more =
        ["append", &store, "--scope", "shop", "--entity", "order-1", "--kind", "order.sent", "--data", "{}"];
    assert!(run(&more).ok().contains('4'), "it goes on");
    let again = run(&[&["retire", &store, "--before", "2"], &words[..]].concat()).ok();
    assert!(again.contains("no whole segment"), "{again}");
}

#[test]
fn a_cursor_that_is_behind_is_named() {
    let place = TempFolder::new();
    let store = store(&place);
    let writer = tidegate::Store::open(&store).unwrap();
    drop(writer.cursor("mailer", tidegate::Query::ALL).unwrap());
    writer.close().unwrap();
    let dry = run(&["retire", &store, "--before", "2"]).ok();
    assert!(dry.contains("in the way: cursors/mailer"), "{dry}");
    let words = ["--reason", "old", "--by", "me", "--yes"];
    let refused = run(&[&["retire", &store, "--before", "2"], &words[..]].concat()).refused(1);
    assert!(refused.contains("cursors/mailer"), "{refused}");
    run(&[&["retire", &store, "--before", "2", "--force"], &words[..]].concat()).ok();
}
