//! How far readers got, and what they could not deal with.

use std::fs;
use std::time::Duration;

use serde_json::json;
use tidegate::subscription::cursor::{Change, CursorOptions};
use tidegate::{Query, QueryItem, Store};

use crate::program::{TempFolder, run};

/// A store with a cursor and a reactor, each with something parked and something left.
fn sample(place: &TempFolder) -> String {
    let line = |entity| format!(r#"{{"scope":"s","entity":"{entity}","kind":"order.placed"}}"#);
    let lines: Vec<_> = ["a", "b", "c", "d"].map(line).into();
    let path = place.store("store", &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let store = Store::open(&path).unwrap();
    let settings = CursorOptions::new().max_attempts(1).retry_after(Duration::ZERO);
    let mailer = store.cursor_with("mailer", QueryItem::new().kind("order.*"), settings.clone()).unwrap();
    mailer.next_now().unwrap().unwrap().fail("no such mailbox\n\u{1b}[31m").unwrap();
    mailer.next_now().unwrap().unwrap().ack().unwrap();
    let billing = store.reactor_with("billing", Query::ALL, settings, |_, _| Err("no price".into())).unwrap();
    let _ = billing.step().unwrap();
    let _ = billing.step().unwrap();
    billing.cursor().change(Change::Retry(billing.cursor().parked()[0].position)).unwrap();
    path
}

#[test]
fn cursors_tell_how_far_they_are() {
    let place = TempFolder::new();
    let store = sample(&place);
    let shown = run(&["cursors", &store]).ok();
    let expected = concat!(
        "billing  reactor  at 2, 2 events behind, 2 events parked  \"all\"\n",
        "mailer   cursor   at 2, 2 events behind, 1 event parked  [{\"kinds\":[\"order.*\"]}]\n",
    );
    assert_eq!(shown, expected);
    let told = run(&["cursors", &store, "--json"]).json();
    let mailer = json!({
        "name": "mailer", "role": "cursor", "position": 2, "lag": 2, "parked": 1,
        "query": [{"kinds": ["order.*"]}],
    });
    assert_eq!(told[1], mailer);
}

#[test]
fn parked_events_tell_why() {
    let place = TempFolder::new();
    let store = sample(&place);
    let shown = run(&["parked", &store]).ok();
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 3, "{shown}");
    assert!(lines[0].starts_with("billing  1  20"), "{shown}");
    assert!(lines[0].ends_with("after 1 try, to be tried again: no price"), "{shown}");
    assert!(lines[2].ends_with(r"after 1 try: no such mailbox\n\u{1b}[31m"), "{shown}");
    let told = run(&["parked", &store, "mailer", "--json"]).json();
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["cursor"], &told[0]["position"]), (&json!("mailer"), &json!(1)));
    assert_eq!((&told[0]["attempts"], &told[0]["retried"]), (&json!(1), &json!(false)));
    assert_eq!(told[0]["reason"], "no such mailbox\n\u{1b}[31m");
}

#[test]
fn trouble_is_readable() {
    let place = TempFolder::new();
    let store = sample(&place);
    assert!(run(&["parked", &store, "nobody"]).refused(1).contains("there is no cursor \"nobody\""));
    assert!(run(&["parked", &store, "../STORE"]).refused(1).contains("a cursor cannot be named"));
    fs::write(format!("{store}/cursors/billing"), "tidegate cursor\nnonsense").unwrap();
    for command in ["cursors", "parked"] {
        let ran = run(&[command, &store]);
        assert!(ran.out.contains("mailer"), "the others are told: {}", ran.out);
        assert!(ran.refused(2).contains("cursors/billing"));
    }
    let empty = place.store("empty", &[]);
    assert_eq!(run(&["cursors", &empty]).noted("tidegate: no cursors\n"), "");
    assert_eq!(run(&["parked", &empty]).noted("tidegate: no parked events\n"), "");
}
