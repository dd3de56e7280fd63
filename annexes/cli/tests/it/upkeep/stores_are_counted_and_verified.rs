//! What a store holds, and whether it is whole.

use serde_json::json;

use crate::program::{TempFolder, run};

#[test]
fn stats_count() {
    let place = TempFolder::new();
    let line =
        |entity, lane, kind| format!(r#"{{"scope":"s","entity":"{entity}","lane":{lane},"kind":"{kind}"}}"#);
    let lines = [line("a", 0, "k.x"), line("a", 1, "k.x"), line("b", 0, "k.y"), line("b", 0, "k.x")];
    let store = place.store("store", &lines.each_ref().map(String::as_str));
    let stats = run(&["stats", &store, "--json"]).json();
    let held = &stats[0];
    assert_eq!((&held["events"], &held["streams"]), (&json!(4), &json!(3)));
    assert_eq!((&held["kinds"], &held["segments"], &held["scopes"]), (&json!(2), &json!(1), &json!(1)));
    assert!(held["bytes"].as_u64().unwrap() > 400, "{held}");
    assert_eq!(held["by_kind"], json!({"k.x": 3, "k.y": 1}));
    let shown = run(&["stats", &store]).ok();
    assert!(shown.contains("events    4\nstreams   3\n"), "{shown}");
    let verified = run(&["verify", &store, "--json"]).json();
    assert_eq!((&verified[0]["events"], &verified[0]["streams"]), (&json!(4), &json!(3)));
    assert!(run(&["verify", &store]).ok().starts_with("all is well: 4 events in 3 streams, "));
}

#[test]
fn an_empty_store_is_one() {
    let place = TempFolder::new();
    let store = place.store("store", &[]);
    assert_eq!(run(&["stats", &store, "--json"]).json()[0]["events"], 0);
    assert!(run(&["stats", &store]).ok().contains("events    0\n"));
    assert!(run(&["verify", &store]).ok().starts_with("all is well: 0 events in 0 streams"));
    assert_eq!(run(&["read", &store]).ok() + &run(&["tail", &store]).ok(), "");
}

#[test]
fn events_are_folded_by_kind_and_by_stream() {
    let place = TempFolder::new();
    let line = |entity: &str, kind: &str| format!(r#"{{"scope":"s","entity":"{entity}","kind":"{kind}"}}"#);
    let lines =
        [("a", "k.x"), ("b", "k.x"), ("a", "k.y"), ("a", "k.x")].map(|(entity, kind)| line(entity, kind));
    let store = place.store("folded", &lines.each_ref().map(String::as_str));
    let fold = |options: &[&str]| {
        let told = run(&[&["project", &store, "--json"][..], options].concat()).json();
        told.iter()
            .map(|one| (one["name"].as_str().unwrap().to_owned(), one["count"].clone(), one["last"].clone()))
            .map(|(name, count, last)| format!("{name} {count} {last}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(fold(&[]), ["k.x 3 4", "k.y 1 3"]);
    assert_eq!(fold(&["--by", "stream"]), ["s/a 3 4", "s/b 1 2"]);
    assert_eq!(fold(&["--by", "stream", "--at", "2"]), ["s/a 1 1", "s/b 1 2"]);
    assert_eq!(fold(&["--entity", "a", "--limit", "1"]), ["k.x 2 4"]);
    assert!(run(&["project", &store]).ok().starts_with("3  last 4  20"));
}
