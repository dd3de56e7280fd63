//! One event from the command line.

use serde_json::json;

use crate::program::{TempFolder, run, run_with};

#[test]
fn every_option_ends_in_the_event() {
    let place = TempFolder::new();
    let store = place.path("store");
    let at = ["--scope", "shop", "--entity", "order-7"];
    let first = run(&[&["append", &store, "--kind", "order.placed", "--json"][..], &at].concat()).json();
    assert_eq!((&first[0]["position"], &first[0]["version"]), (&json!(1), &json!(1)));
    let id = "0195fdd6-0000-7000-8000-000000000001";
    let foreign = "0195fdd6-0000-7000-8000-0000000000aa/0195fdd6-0000-7000-8000-0000000000bb";
    let first_id = first[0]["id"].as_str().unwrap();
    let options = [
        "append",
        &store,
        "--kind",
        "order.paid",
        "--lane",
        "2",
        "--data",
        "{\"total\" : 1.10}",
        "--tag",
        "vip",
        "--tag",
        "till 4",
        "--cause",
        "1",
        "--cause",
        first_id,
        "--cause",
        foreign,
        "--meta",
        "by=x=y",
        "--id",
        id,
        "--correlation",
        id,
        "--durability",
        "buffered",
    ];
    let said = run(&[&options[..], &at].concat()).ok();
    assert_eq!(said, format!("position 2: order.paid in shop/order-7/2 v1, id {id}\n"));
    let line = run(&["read", &store, "--position", "2", "--json"]).ok();
    assert!(line.contains(r#""data":{"total" : 1.10}"#), "{line}");
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["tags"], json!(["vip", "till 4"]));
    assert_eq!(event["causes"], json!([first_id, first_id, foreign]));
    assert_eq!((&event["meta"], &event["correlation"]), (&json!({"by": "x=y"}), &json!(id)));
}

#[test]
fn a_payload_may_come_from_standard_input() {
    let place = TempFolder::new();
    let store = place.path("store");
    let arguments = ["append", &store, "--scope", "s", "--entity", "e", "--kind", "k", "--data", "-"];
    run_with("{\n  \"a\": 1\n}\n", &arguments).ok();
    let events = run(&["read", &store, "--json"]).json();
    assert_eq!(events[0]["data"], json!({"a": 1}));
}

#[test]
fn a_bad_event_is_refused_and_creates_no_store() {
    let place = TempFolder::new();
    let store = place.path("store");
    let at = ["append", &store, "--scope", "shop", "--entity", "order-7"];
    for (options, expected) in [
        (&["--kind", "order.*"][..], "tidegate: invalid: the kind \"order.*\" holds a `*`"),
        (&["--kind", "tidegate.x"], "tidegate: invalid: the name \"tidegate.x\" is reserved"),
        (&["--kind", "k", "--data", "{x}"], "tidegate: invalid: the payload is not JSON"),
        (&["--kind", "k", "--tag", ""], "tidegate: invalid: the tag is empty"),
    ] {
        let error = run(&[&at[..], options].concat()).refused(1);
        assert!(error.starts_with(expected), "{error}");
    }
    assert!(!std::path::Path::new(&store).exists());
    let error = run(&[&at[..], &["--kind", "k", "--cause", "7"]].concat()).refused(1);
    assert_eq!(
        error,
        "tidegate: refused: the cause at position 7 is unknown; a cause comes before its effects\n"
    );
}

#[test]
fn an_id_is_taken_once() {
    let place = TempFolder::new();
    let store = place.path("store");
    let id = "0195fdd6-0000-7000-8000-000000000001";
    let arguments = ["append", &store, "--scope", "s", "--entity", "e", "--kind", "k", "--id", id];
    run(&arguments).ok();
    let error = run(&arguments).refused(1);
    assert!(error.contains(id) && error.contains("at position 1"), "{error}");
    assert_eq!(run(&["read", &store, "--count"]).ok(), "1\n");
}
