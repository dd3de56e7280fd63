//! `show`: one event whole.

use serde_json::json;
use tidegate::{Batch, Cause, Draft, Store};

use crate::program::{TempFolder, run};

const LINES: [&str; 3] = [
    r#"{"scope":"shop","entity":"o1","kind":"order.placed","tags":["vip","area:north"],"import_key":"placed","time":"2020-02-29T12:00:00Z","meta":{"user":"ada"},"data":{"to":{"name":"Ada"},"lines":[1,2.50,{}]}}"#,
    r#"{"scope":"shop","entity":"p1","kind":"payment.taken","causes":["placed"],"import_key":"7","data":null}"#,
    r#"{"scope":"bank","entity":"a1","kind":"account.opened","import_key":"placed","base64":"AP8="}"#,
];

#[test]
fn every_field_is_told() {
    let place = TempFolder::new();
    let store = place.store("store", &LINES);
    let told = run(&["show", &store, "1"]).ok();
    for said in [
        "position  1 of 3\n",
        "stream    shop/o1, version 1\n",
        "kind      order.placed\n",
        "happened  2020-02-29T12:00:00.000000Z, as its source says\n",
        "which it began\n",
        "tags      vip area:north\n",
        "imported  with the key placed\n",
        "meta      user: ada\n",
        "batch     1 to 3, as one\n",
        "leaf      ",
        "payload   JSON, 41 bytes\n",
        "  {\n    \"to\": {\n      \"name\": \"Ada\"\n    },\n    \"lines\": [\n      1,\n      2.50,\n      {}\n    ]\n  }\n",
        "causes    none\n",
        "effects\n2  20",
    ] {
        assert!(told.contains(said), "{said:?} is missing in\n{told}");
    }
    let effect = run(&["show", &store, "import-key:7"]).ok();
    assert!(effect.contains("causes\n1  20") && effect.contains("effects   none\n"), "{effect}");
    assert!(effect.contains("payload   JSON, 4 bytes\n  null\n"), "{effect}");
    let bytes = run(&["show", &store, "3"]).ok();
    assert!(bytes.contains("payload   plain, 2 bytes\n  000000  00 ff\n"), "{bytes}");
}

#[test]
fn events_go_by_position_id_and_key() {
    let place = TempFolder::new();
    let store = place.store("store", &LINES);
    let first = run(&["show", &store, "1", "--json"]).json().remove(0);
    let id = first["event"]["id"].as_str().unwrap();
    assert_eq!(run(&["show", &store, id, "--json"]).json().remove(0), first);
    assert_eq!(run(&["show", &store, "placed", "--scope", "shop", "--json"]).json().remove(0), first);
    assert!(run(&["show", &store, "placed"]).refused(1).contains("say which with --scope"));
    assert!(run(&["show", &store, "9"]).refused(1).contains("no event at position 9"));
    let around = (&first["causes"], &first["effects"], &first["more_effects"]);
    assert_eq!(around, (&json!([]), &json!([2]), &json!(false)));
    assert_eq!((&first["batch"], first["leaf"].as_str().unwrap().len()), (&json!([1, 3]), 64));
}

#[test]
fn batches_and_many_effects_are_told() {
    let place = TempFolder::new();
    let path = place.path("store");
    let store = Store::open(&path).unwrap();
    let hub = Draft::new(("s", "hub"), "hub.opened").message_pack(&b"\x81\xa1a\x01"[..]);
    let spokes = (0..5).map(|at| Draft::new(("s", format!("e{at}")), "spoke.made").cause(Cause::Draft(0)));
    store.append(spokes.fold(Batch::from(hub).key("once"), Batch::and)).unwrap();
    store.close().unwrap();
    let told = run(&["show", &path, "1", "--limit", "2"]).ok();
    for said in [
        "batch     1 to 6, as one\n",
        "key       once\n",
        "payload   MessagePack, 4 bytes\n  {\n    \"a\": 1\n  }\n",
        "effects   the first 2; `tidegate graph effects` lists all\n2  20",
    ] {
        assert!(told.contains(said), "{said:?} is missing in\n{told}");
    }
    let told = run(&["show", &path, "1", "--limit", "2", "--json"]).json().remove(0);
    assert_eq!((&told["effects"], &told["more_effects"]), (&json!([2, 3]), &json!(true)));
}

/// A program goes from an event to its causes without a lookup for each.
#[test]
fn causes_are_told_by_their_positions_too() {
    let place = TempFolder::new();
    let store = place.store("store", &LINES);
    let lines = run(&["read", &store, "--json"]).ok();
    let events = run(&["read", &store, "--json"]).json();
    assert_eq!((&events[1]["causes"], &events[1]["cause_positions"]), (&json!(["placed"]), &json!([1])));
    assert!(events[0].get("cause_positions").is_none());
    let copy = place.path("copy");
    run(&["import", &copy, &place.file("lines.jsonl", lines)]).ok();
    let copied = run(&["read", &copy, "--json"]).json();
    assert_eq!(copied[1]["cause_positions"], json!([1]));
    assert!(!run(&["export", &store]).ok().contains("cause_positions"));
}
