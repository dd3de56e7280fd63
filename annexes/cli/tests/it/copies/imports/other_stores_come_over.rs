//! Events of another store come over from its directory.

use std::path::Path;

use crate::program::{TempFolder, field, run, run_with};

const LINES: [&str; 4] = [
    r#"{"import_key":"1","scope":"shop","entity":"order-7","kind":"order.placed","data":1}"#,
    r#"{"import_key":"2","scope":"bills","entity":"bill-1","kind":"bill.made","data":2}"#,
    r#"{"import_key":"3","scope":"shop","entity":"order-7","kind":"order.paid","causes":["1"],"data":3}"#,
    r#"{"import_key":"4","scope":"shop","entity":"order-8","kind":"order.placed","tags":["vip"]}"#,
];

#[test]
fn a_filter_selects_and_a_second_run_brings_what_is_new() {
    let place = TempFolder::new();
    let (other, store) = (place.store("other", &LINES), place.path("store"));
    let import = ["import", &store, &other, "--scope", "shop", "--kind", "order.*"];
    let plan = run(&[&import[..], &["--plan"]].concat()).ok();
    assert!(plan.starts_with("would import 3 events from ") && !Path::new(&store).exists(), "{plan}");
    run(&import).ok();
    let events = run(&["read", &store, "--json"]).json();
    assert_eq!(field(&events, "import_key"), ["1", "3", "4"]);
    assert!(
        events[0]["meta"]["tidegate.imported"].as_str().is_some_and(|note| note.contains(r#""position":1"#))
    );
    run(&[
        "append",
        &other,
        "--scope",
        "shop",
        "--entity",
        "order-8",
        "--kind",
        "order.paid",
        "--cause",
        "4",
    ])
    .ok();
    let done = &run(&[&import[..], &["--json"]].concat()).json()[0];
    assert_eq!((done["imported"].as_u64(), done["skipped"].as_u64()), (Some(1), Some(3)), "{done}");
    run(&["doctor", &store]).ok();
    run(&["verify", &store]).ok();
    // What came from elsewhere is kept by an export too.
    let copy = place.path("copy");
    run_with(&run(&["export", &store]).ok(), &["import", &copy, "-"]).ok();
    assert_eq!(run(&["read", &copy, "--json"]).ok(), run(&["read", &store, "--json"]).ok());
}

#[test]
fn streams_that_are_there_are_refused_or_go_to_another_scope() {
    let place = TempFolder::new();
    let (other, store) = (place.store("other", &LINES), place.store("store", &LINES[1..2]));
    let error = run(&["import", &store, &other]).refused(1);
    assert!(error.contains("is here already, at position 1") && error.contains("leave it out"), "{error}");
    let own = r#"{"import_key":"x","scope":"shop","entity":"order-7","kind":"order.placed"}"#;
    run_with(own, &["import", &store, "-"]).ok();
    let error = run(&["import", &store, &other, "--scope", "shop"]).refused(1);
    assert!(error.contains("shop / order-7 / 0 has events here that did not come"), "{error}");
    run(&["import", &store, &other, "--scope", "shop", "--into-scope", "old-shop"]).ok();
    assert_eq!(run(&["read", &store, "--scope", "old-shop", "--json"]).json().len(), 3);
    let file = place.file("lines.jsonl", own);
    let error = run(&["import", &store, &file, "--scope", "shop"]).refused(1);
    assert!(error.contains("only if FILE is the directory of another store"), "{error}");
    let error = run(&["import", &store, &other, "--accept", "times"]).refused(1);
    assert!(error.contains("--accept and --shape are about lines"), "{error}");
}

#[test]
fn a_backup_is_a_store_to_import_from() {
    let place = TempFolder::new();
    let (other, backup, store) = (place.store("other", &LINES), place.path("backup"), place.path("store"));
    run(&["backup", &other, &backup]).ok();
    run(&["import", &store, &backup, "--tag", "vip"]).ok();
    let events = run(&["read", &store, "--json"]).json();
    assert_eq!(field(&events, "import_key"), ["4"]);
}
