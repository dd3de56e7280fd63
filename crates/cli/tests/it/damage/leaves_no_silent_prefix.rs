//! What a store does not show is told: damage behind an answer, and events that nothing says are durable.

use std::fs;

use serde_json::Value;
use tidegate::{Access, Append, Draft, Options, Store};

use crate::program::{Place, run};

const LINE: &str = r#"{"scope":"s","entity":"e","kind":"k","data":"first"}"#;

fn append(path: &str, data: &str) {
    run(&["append", path, "--scope", "s", "--entity", "e", "--kind", "k", "--data", data]).ok();
}

/// A store of four events, each written by itself, and its segment.
fn store(place: &Place) -> (String, std::path::PathBuf, Vec<u64>) {
    let path = place.store("store", &[LINE]);
    let segment = fs::read_dir(format!("{path}/segments")).unwrap().next().unwrap().unwrap().path();
    let mut ends = vec![fs::metadata(&segment).unwrap().len()];
    for data in ["2", "3", "4"] {
        append(&path, data);
        ends.push(fs::metadata(&segment).unwrap().len());
    }
    (path, segment, ends)
}

#[test]
fn an_answer_that_ends_before_damage_is_given_with_a_warning() {
    let place = Place::new();
    let (path, segment, ends) = store(&place);
    let mut bytes = fs::read(&segment).unwrap();
    bytes[ends[1] as usize + 60] ^= 1;
    fs::write(&segment, bytes).unwrap();
    for bounded in [
        &["--position", "2"] as &[&str],
        &["--before", "3"],
        &["--limit", "2"],
        &["--before", "3", "--count"],
        &["--before", "3", "--backwards"],
    ] {
        let call = [&["read", &path], bounded].concat();
        let (out, warning) = run(&call).warned();
        assert!(!out.is_empty() && warning.contains("position 2 is hidden: damaged: "), "{warning}");
        let (_, warning) = run(&[&call[..], &["--json"]].concat()).warned();
        let warning: Value = serde_json::from_str(&warning).unwrap();
        assert_eq!(warning["warning"]["kind"], "damaged");
    }
    run(&["project", &path, "--at", "2"]).warned();
    run(&["stats", &path, "--before", "3"]).warned();
    run(&["graph", "ancestors", &path, "2"]).warned();
    for open in [
        &["read", "--count"] as &[&str],
        &["read", "--position", "3"],
        &["read", "--id", "018f3c5e-0000-7000-8000-000000000000"],
        &["read", "--backwards", "--limit", "1"],
        &["stats"],
        &["stats", "--count"],
        &["project"],
        &["verify"],
        &["graph", "descendants", "1"],
        &["graph", "roots"],
        &["explain", "3"],
    ] {
        let names = if open[0] == "graph" { 2 } else { 1 };
        let call = [&open[..names], &[path.as_str()], &open[names..]].concat();
        let error = run(&call).refused(2);
        assert!(
            error.starts_with("tidegate: damaged: ") && error.contains(".seg, byte "),
            "{open:?}: {error}"
        );
    }
}

#[test]
fn events_that_nothing_says_are_durable_are_counted() {
    let place = Place::new();
    let (path, _, ends) = store(&place);
    fs::remove_file(format!("{path}/WATERMARK")).unwrap();
    for command in ["read", "tail", "stats", "project", "verify", "cursors", "parked"] {
        let (_, warning) = run(&[command, &path]).warned();
        let place =
            format!("segments/00000000000000000001.seg, byte {}, {} bytes", ends[2], ends[3] - ends[2]);
        assert!(
            warning.contains("1 event behind position 3 is not known to be durable"),
            "{command}: {warning}"
        );
        assert!(warning.contains(&place) && warning.contains("tidegate reindex"), "{command}: {warning}");
    }
    run(&["graph", "roots", &path]).warned();
    run(&["explain", &path, "1"]).warned();
    let (count, _) = run(&["read", &path, "--count"]).warned();
    assert_eq!(count.trim(), "3");
    let (count, warning) = run(&["read", &path, "--count", "--json"]).warned();
    assert_eq!(
        serde_json::from_str::<Value>(&count).unwrap(),
        serde_json::json!({ "count": 3, "unconfirmed": 1 })
    );
    assert_eq!(serde_json::from_str::<Value>(&warning).unwrap()["warning"]["kind"], "unconfirmed");
    for call in [&["stats", &path, "--json"] as &[&str], &["stats", &path, "--json", "--count"]] {
        let (stats, _) = run(call).warned();
        let stats: Value = serde_json::from_str(&stats).unwrap();
        assert_eq!((&stats["events"], &stats["unconfirmed"]), (&3.into(), &1.into()));
    }
    run(&["reindex", &path]).ok();
    assert_eq!(run(&["read", &path, "--count"]).ok().trim(), "4");
}

/// What a writer that is there has yet to sync is on its way, and no reason to warn.
#[test]
fn beside_a_writer_there_is_no_warning() {
    let place = Place::new();
    let (path, ..) = store(&place);
    let store = Store::open(&path, Options { access: Access::Write, ..Options::default() }).unwrap();
    store.append(Draft::new(("s", "e"), "k"), Append::buffered()).unwrap();
    assert_eq!(run(&["read", &path, "--count"]).ok().trim(), "4");
    assert_eq!(run(&["read", &path, "--count", "--json"]).json()[0]["unconfirmed"], 1);
    store.close().unwrap();
    assert_eq!(run(&["read", &path, "--count"]).ok().trim(), "5");
}
