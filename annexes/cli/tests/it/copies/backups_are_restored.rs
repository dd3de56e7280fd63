//! `backup`, `examine`, `restore`, `fork`: what they say, and what they refuse.

use std::fs;

use serde_json::{Value, json};

use crate::program::{TempFolder, field, run};

/// A store of four batches.
fn shop(place: &TempFolder) -> String {
    let path = place.path("shop");
    for (number, kind) in ["order.placed", "order.paid", "order.sent", "order.closed"].iter().enumerate() {
        let data = format!(r#"{{"number":{number}}}"#);
        run(&["append", &path, "--scope", "shop", "--entity", "order-7", "--kind", kind, "--data", &data])
            .ok();
    }
    path
}

fn one(arguments: &[&str]) -> Value {
    run(&[arguments, &["--json"]].concat()).json().pop().unwrap()
}

#[test]
fn from_a_store_and_back() {
    let place = TempFolder::new();
    let (shop, backup) = (shop(&place), place.path("backup"));
    let plan = one(&["backup", &shop, &backup, "--plan"]);
    assert_eq!((&plan["until"], &plan["number"], &plan["kept_bytes"]), (&json!(4), &json!(1), &json!(0)));
    assert!(fs::metadata(&backup).is_err(), "a plan writes nothing");
    let told = run(&["backup", &shop, &backup]).ok();
    assert!(told.contains("backed up 4 events") && told.contains("up to position 4: backup 1"), "{told}");
    let made = one(&["backup", &shop, &backup]);
    assert_eq!((&made["number"], &made["until"], &made["linked"]), (&json!(2), &json!(4), &json!(0)));

    let examined = one(&["examine", &backup]);
    assert_eq!(
        (&examined["events"], &examined["faults"], &examined["root"]),
        (&json!(4), &json!(0), &made["root"])
    );
    let told = run(&["examine", &backup]).ok();
    assert!(told.starts_with("whole: backup 2 of the store "), "{told}");

    let events = run(&["read", &shop, "--json"]).json();
    assert_eq!(run(&["read", &backup, "--json"]).json(), events, "a backup reads like its store");
    let error = run(&["append", &backup, "--scope", "s", "--entity", "e", "--kind", "k"]).refused(1);
    assert!(error.contains("is a backup") && error.contains("tidegate restore"), "{error}");

    for (name, more, same) in [("fork", &[][..], false), ("same", &["--same"][..], true)] {
        let new = place.path(name);
        let plan = one(&[&["restore", &backup, &new, "--plan"], more].concat());
        assert_eq!(
            (&plan["until"], &plan["keeps_id"], &plan["left_out"]),
            (&json!(4), &json!(same), &json!(0))
        );
        assert!(fs::metadata(&new).is_err(), "a plan writes nothing");
        let report = one(&[&["restore", &backup, &new], more].concat());
        assert_eq!((&report["from"], report["from"] == report["store"]), (&made["store"], same));
        assert_eq!(report["root"], made["root"]);
        assert_eq!(run(&["read", &new, "--json"]).json(), events);
        run(&["append", &new, "--scope", "s", "--entity", "e", "--kind", "k"]).ok();
        let error = run(&[&["restore", &backup, &new], more].concat()).refused(1);
        assert!(error.contains("is not empty"), "{error}");
    }
}

/// Shipping and back, with another shipment in between.
#[test]
fn shipped_and_back() {
    let place = TempFolder::new();
    let (shop, target) = (shop(&place), place.path("target"));
    let made = one(&["ship", &shop, &target, "--once"]);
    assert_eq!((&made["number"], &made["until"], &made["events"]), (&json!(1), &json!(4), &json!(4)));
    run(&["append", &shop, "--scope", "shop", "--entity", "order-8", "--kind", "order.placed"]).ok();
    let told = run(&["ship", &shop, &target, "--once"]).ok();
    assert!(told.contains("everything up to position 5") && told.contains("shipment 2, 1 event,"), "{told}");
    let events = run(&["read", &shop, "--json"]).json();
    for (name, more, count) in [("all", &[][..], 5), ("early", &["--until", "2"][..], 2)] {
        let new = place.path(name);
        run(&[&["restore", &target, &new], more].concat()).ok();
        assert_eq!(run(&["read", &new, "--json"]).json(), events[..count]);
        assert!(fs::metadata(format!("{new}.fetched")).is_err(), "what was fetched is removed");
    }
    let error = run(&["restore", &place.path("nothing"), &place.path("new")]).refused(1);
    assert!(error.contains("there is no backup"), "{error}");
}

#[test]
fn up_to_a_position_or_a_time() {
    let place = TempFolder::new();
    let (shop, backup) = (shop(&place), place.path("backup"));
    run(&["backup", &shop, &backup]).ok();
    let events = run(&["read", &shop, "--json"]).json();
    let times = field(&events, "recorded");
    for (name, from, arguments) in [
        ("a", ["restore", &backup], ["--until", "2"]),
        ("b", ["restore", &backup], ["--until-time", times[1].as_str().unwrap()]),
        ("c", ["fork", &shop], ["--until", "2"]),
        ("d", ["fork", &backup], ["--until-time", times[1].as_str().unwrap()]),
    ] {
        let new = place.path(name);
        let told = run(&[&from[..], &[&new], &arguments].concat()).ok();
        assert!(
            told.contains("up to position 2, recorded ") && told.contains("left out: 2 events"),
            "{told}"
        );
        assert!(told.contains("it is a fork, with the id "), "{told}");
        assert_eq!(run(&["read", &new, "--json"]).json(), events[..2]);
    }
    let error = run(&["fork", &shop, &place.path("e"), "--until", "5"]).refused(1);
    assert!(error.contains("the log ends at position 4"), "{error}");
    run(&["fork", &shop, &place.path("e"), "--until", "1", "--until-time", "2026-01-01"]).refused(64);
    run(&["fork", &shop, &format!("{shop}/inside")]).refused(1);
    run(&["backup", &shop, &format!("{shop}/inside")]).refused(1);
    run(&["examine", &shop]).refused(1);
    let error = run(&["restore", &shop, &place.path("e")]).refused(1);
    assert!(error.contains("tidegate fork"), "{error}");
}

#[test]
fn what_was_signed_is_what_is_in_the_backup() {
    let place = TempFolder::new();
    let (shop, backup) = (shop(&place), place.path("backup"));
    run(&["backup", &shop, &backup]).ok();
    let (key, checkpoint) = (place.path("keys/shop.key"), place.path("checkpoint"));
    let public = run(&["key", &shop, &key]).ok();
    let public = public.trim();
    run(&["checkpoint", &shop, "--key", &key, "--output", &checkpoint]).ok();
    let told = run(&["examine", &backup, "--under", &checkpoint, "--log-key", public]).ok();
    assert!(told.contains("the first 4 events are those of the checkpoint"), "{told}");
    // Without a key nothing is believed, and a later checkpoint has events that the backup has not.
    let error = run(&["examine", &backup, "--under", &checkpoint]).refused(1);
    assert!(error.contains("--log-key"), "{error}");
    run(&["append", &shop, "--scope", "s", "--entity", "e", "--kind", "k"]).ok();
    run(&["checkpoint", &shop, "--key", &key, "--output", &checkpoint]).ok();
    let error = run(&["examine", &backup, "--under", &checkpoint, "--log-key", public]).refused(1);
    assert!(error.contains("the backup has 4 events, and the checkpoint has 5"), "{error}");

    let segment = format!("{backup}/segments/00000000000000000001.seg");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[300] ^= 4;
    fs::write(&segment, &bytes).unwrap();
    let ran = run(&["examine", &backup]);
    assert!(ran.out.contains("segments/00000000000000000001.seg, byte "), "{ran:?}");
    assert!(ran.refused(2).contains("fault"));
    let error = run(&["restore", &backup, &place.path("new")]).refused(2);
    assert!(error.contains("segments/00000000000000000001.seg"), "{error}");
    assert!(fs::metadata(place.path("new")).is_err(), "nothing is begun");
}
