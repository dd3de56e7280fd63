//! `stage`: drafts are shown, committed once, and removed only if that is said.

use crate::program::{TempFolder, positions, run};

fn add(store: &str, name: &str, entity: &str) -> String {
    let draft =
        ["--scope", "shop", "--entity", entity, "--kind", "order.placed", "--data", r#"{"total":12}"#];
    run(&[&["stage", "add", store, name][..], &draft, &["--tag", "customer:c1"]].concat()).ok()
}

#[test]
fn drafts_are_shown_and_committed_once() {
    let place = TempFolder::new();
    let store = place.store("store", &[r#"{"scope":"shop","entity":"till","kind":"till.opened"}"#]);
    assert_eq!(add(&store, "offer-7", "order-7"), "the stage offer-7 has 1 draft\n");
    assert_eq!(add(&store, "offer-7", "order-8"), "the stage offer-7 has 2 drafts\n");
    add(&store, "offer-9", "order-9");
    assert_eq!(run(&["stage", "list", &store]).ok(), "offer-7  2 drafts\noffer-9  1 draft\n");
    let listed = run(&["stage", "list", &store, "--json"]).json();
    assert_eq!((&listed[0]["stage"], &listed[0]["drafts"]), (&"offer-7".into(), &2.into()));
    let shown = run(&["stage", "show", &store, "offer-7"]).ok();
    assert_eq!(shown.lines().next(), Some(r#"0  shop/order-7  order.placed  #customer:c1  {"total":12}"#));
    let shown = run(&["stage", "show", &store, "offer-7", "--json"]).json();
    assert_eq!((&shown[1]["draft"], &shown[1]["data"]["total"]), (&1.into(), &12.into()));
    assert_eq!(run(&["read", &store, "--json"]).json().len(), 1, "nothing is in the log");

    let committed = run(&["stage", "commit", &store, "offer-7"]).ok();
    assert!(committed.starts_with("position 2: order.placed in shop/order-7 v1, id "), "{committed}");
    let again = run(&["stage", "commit", &store, "offer-7", "--json"]).json();
    assert_eq!(positions(&again), [2, 3], "it is answered with what the first one did");
    assert_eq!(run(&["read", &store, "--kind", "order.placed", "--json"]).json().len(), 2);
    let missing = run(&["stage", "show", &store, "offer-7"]).refused(1);
    assert!(missing.contains("has no draft"), "{missing}");
    let draft = ["--scope", "shop", "--entity", "order-7", "--kind", "order.paid"];
    let taken = run(&[&["stage", "add", &store, "offer-7"][..], &draft].concat()).refused(1);
    assert!(taken.contains("was committed"), "{taken}");
    run(&["doctor", &store]).ok();
}

#[test]
fn drafts_are_removed_if_that_is_said() {
    let place = TempFolder::new();
    let store = place.store("store", &[]);
    add(&store, "offer-7", "order-7");
    let dry = run(&["stage", "cancel", &store, "offer-7"]).ok();
    assert!(dry.contains("nothing was removed"), "{dry}");
    assert_eq!(run(&["stage", "cancel", &store, "offer-7", "--json"]).json()[0]["cancelled"], false);
    assert_eq!(run(&["stage", "list", &store, "--json"]).json().len(), 1);
    let gone = run(&["stage", "cancel", &store, "offer-7", "--yes"]).ok();
    assert_eq!(gone, "removed 1 draft of the stage offer-7\n");
    assert_eq!(run(&["stage", "list", &store]).ok(), "");
    run(&["stage", "commit", &store, "offer-7"]).refused(1);
    add(&store, "offer-7", "order-7");
    run(&["stage", "commit", &store, "offer-7"]).ok();
    run(&["stage", "cancel", &store, "Offer", "--yes"]).refused(1);
    run(&["stage", "list", &place.path("none")]).refused(1);
}
