//! Readers are sent back and on, and what they parked is retried or given up, without their programs.

use std::fs;
use std::time::Duration;

use serde_json::json;
use tidegate::subscription::cursor::{Cursor, CursorOptions};
use tidegate::{Draft, Query, QueryItem, Store};

use crate::program::{TempFolder, run};

fn settings() -> CursorOptions {
    CursorOptions::new().max_attempts(1).retry_after(Duration::ZERO)
}

fn open(path: &str) -> (Store, Cursor) {
    let store = Store::open(path).unwrap();
    let mailer = store.cursor_with("mailer", QueryItem::new().kind("order.*"), settings()).unwrap();
    (store, mailer)
}

/// What the cursor delivers, all of it acknowledged.
fn drain(path: &str) -> Vec<u64> {
    let (_store, mailer) = open(path);
    std::iter::from_fn(|| {
        let delivery = mailer.next_now().unwrap()?;
        let position = delivery.event().position().0;
        delivery.ack().unwrap();
        Some(position)
    })
    .collect()
}

/// A store with five orders, and a cursor that parked 1 and 2, has 3 done, and has not taken 4 and 5.
fn sample(place: &TempFolder) -> String {
    let line = |entity| format!(r#"{{"scope":"s","entity":"{entity}","kind":"order.placed"}}"#);
    let lines: Vec<_> = ["a", "b", "c", "d", "e"].map(line).into();
    let path = place.store("store", &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let (_store, mailer) = open(&path);
    for _ in 0..2 {
        mailer.next_now().unwrap().unwrap().fail("no such mailbox").unwrap();
    }
    mailer.next_now().unwrap().unwrap().ack().unwrap();
    path
}

#[test]
fn parked_events_are_retried_or_given_up() {
    let place = TempFolder::new();
    let store = sample(&place);
    assert_eq!(
        run(&["parked", "retry", &store, "mailer", "2"]).ok(),
        "mailer delivers again 1 event, at position 2\n"
    );
    assert!(run(&["parked", &store]).ok().contains("to be tried again"));
    assert_eq!(
        run(&["parked", "discard", &store, "mailer", "1"]).ok(),
        "mailer has given up 1 event, at position 1\n"
    );
    let error = run(&["parked", "discard", &store, "mailer", "1"]).refused(1);
    assert!(error.contains("position 1 is not parked"), "{error}");
    assert_eq!(drain(&store), [2, 4, 5]);
    assert_eq!(run(&["parked", &store]).noted("tidegate: no parked events\n"), "");
}

#[test]
fn all_that_is_parked() {
    let place = TempFolder::new();
    let store = sample(&place);
    let said = run(&["parked", "retry", &store, "mailer", "--all", "--json"]).json();
    let again = json!({"count": 2, "first": 1, "last": 2});
    assert_eq!((&said[0]["cursor"], &said[0]["redelivered"]), (&json!("mailer"), &again));
    assert_eq!(
        run(&["parked", "discard", &store, "mailer", "--all"]).ok(),
        "mailer has given up 2 events, from position 1 to 2\n"
    );
    assert_eq!(drain(&store), [4, 5]);
    run(&["parked", "retry", &store, "mailer"]).refused(64);
}

#[test]
fn a_cursor_is_sent_back() {
    let place = TempFolder::new();
    let store = sample(&place);
    assert_eq!(
        run(&["cursors", "rewind", &store, "mailer", "1"]).ok(),
        "mailer is at position 1; it was at 3\nmailer delivers again 2 events, from position 2 to 3\n"
    );
    assert_eq!(drain(&store), [2, 3, 4, 5]);
    let error = run(&["cursors", "rewind", &store, "mailer", "9"]).refused(1);
    assert!(error.contains("the cursor is at position 5"), "{error}");
}

#[test]
fn a_cursor_passes_over_events_only_if_told_to() {
    let place = TempFolder::new();
    let store = sample(&place);
    let error = run(&["cursors", "set", &store, "mailer", "4"]).refused(1);
    assert!(error.contains("give up 1 event") && error.contains("--skip"), "{error}");
    assert_eq!(
        run(&["cursors", "set", &store, "mailer", "4", "--skip"]).ok(),
        "mailer is at position 4; it was at 3\nmailer has given up 1 event, at position 4\n"
    );
    assert_eq!(drain(&store), [5]);
    let said = run(&["cursors", "set", &store, "mailer", "2", "--json"]).json();
    assert_eq!((&said[0]["before"], &said[0]["position"]), (&json!(5), &json!(2)));
    assert_eq!(drain(&store), [3, 4, 5]);
}

#[test]
fn a_reactor_that_is_sent_back_doubles_no_reaction() {
    let place = TempFolder::new();
    let path = sample(&place);
    let react = || {
        let store = Store::open(&path).unwrap();
        let bills = store
            .reactor_with("billing", QueryItem::new().kind("order.placed"), settings(), |_, order| {
                Ok(Some(Draft::new(("bills", order.entity().to_owned()), "bill.sent").into()))
            })
            .unwrap();
        while !matches!(bills.step().unwrap(), tidegate::subscription::reactor::Step::Idle) {}
        drop(bills);
        store.view().unwrap().count(&Query::ALL).unwrap()
    };
    assert_eq!(react(), 10);
    let said = run(&["cursors", "rewind", &path, "billing", "0"]).ok();
    assert!(said.contains("billing looks again at 5 events, from position 1 to 5"), "{said}");
    assert!(said.contains("known by its key"), "{said}");
    assert_eq!(react(), 10);
}

#[test]
fn a_store_in_use_is_left_alone() {
    let place = TempFolder::new();
    let store = sample(&place);
    let (held, mailer) = open(&store);
    for call in [
        &["cursors", "rewind", &store, "mailer", "0"][..],
        &["cursors", "set", &store, "mailer", "5", "--skip"],
        &["parked", "retry", &store, "mailer", "--all"],
        &["parked", "discard", &store, "mailer", "1"],
    ] {
        let error = run(call).refused(1);
        assert!(error.contains("stop the program that writes to it"), "{error}");
    }
    drop(mailer);
    held.close().unwrap();
    let error = run(&["cursors", "rewind", &store, "nobody", "0"]).refused(1);
    assert!(error.contains("there is no cursor \"nobody\""), "{error}");
    let none = place.path("none");
    run(&["cursors", "rewind", &none, "mailer", "0"]).refused(1);
    assert!(!std::path::Path::new(&none).join("STORE").exists(), "no store is made by asking");
}

/// What comes out of a salvage or an import has no cursors, and a mailer that begins anew sends every letter again:
/// that is said where it is done.
#[test]
fn readers_that_begin_anew_are_told_of() {
    let place = TempFolder::new();
    let path = sample(&place);
    {
        let store = Store::open(&path).unwrap();
        let billing = store.reactor_with("billing", Query::ALL, settings(), |_, _| Ok(None)).unwrap();
        let _ = billing.step().unwrap();
    }
    let said = run(&["salvage", &path, &place.path("new")]).ok();
    let lines: Vec<_> = said.lines().collect();
    assert!(
        lines[1]
            .starts_with("the reactor billing was at position 1: it begins anew and looks again at 1 event;")
    );
    assert!(
        lines[2]
            .starts_with("the cursor mailer was at position 3: it begins anew and delivers 3 events again")
    );
    let told = run(&["salvage", &path, &place.path("newer"), "--json"]).json();
    let mailer = json!({"name": "mailer", "role": "cursor", "position": 3, "again": 3});
    assert_eq!(told[0]["readers"][1], mailer);
    let line = r#"{"key":"1","scope":"s","entity":"e","kind":"k"}"#;
    let (file, copy) = (place.file("copy.jsonl", line), place.path("copy"));
    assert!(!run(&["import", &copy, &file]).ok().contains("cursors"), "lines of no store have none");
    let (export, copy) = (place.path("export"), place.path("copy of a store"));
    run(&["export", &path, "--output", &export]).ok();
    assert!(run(&["import", &copy, &export]).ok().contains("cursors do not come along"));
    assert!(!run(&["import", &copy, &export]).ok().contains("cursors"), "it is said of a new store");
}

/// Damage is what a store is salvaged for, so that is when its readers have to be told of.
#[test]
fn readers_of_a_damaged_store_are_told_of() {
    let place = TempFolder::new();
    let path = sample(&place);
    fs::write(format!("{path}/cursors/billing"), "tidegate cursor\nnonsense").unwrap();
    for missing in ["WATERMARK", "STORE"] {
        fs::remove_file(format!("{path}/{missing}")).unwrap();
        let new = place.path(missing);
        let said = run(&["salvage", &path, &new]).ok();
        let told = |start: &str| assert!(said.lines().any(|line| line.starts_with(start)), "{start}: {said}");
        told("the cursor mailer was at position 3: it begins anew and delivers 3 events again");
        told("the cursor billing was at a position that is not known");
        fs::remove_dir_all(&new).unwrap();
        let ran = run(&["salvage", &path, &new, "--json"]).ok();
        let told: serde_json::Value = serde_json::from_str(ran.lines().last().unwrap()).unwrap();
        let mailer = json!({"name": "mailer", "role": "cursor", "position": 3, "again": 3});
        assert_eq!(told["readers"], json!([{"name": "billing"}, mailer]));
    }
}
