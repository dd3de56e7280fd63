//! What a store does not show is told: damage behind an answer, and events that nothing says are durable.

use std::fs;

use serde_json::Value;
use tidegate::{AppendOptions, Draft, Query, Store, StoreOptions};

use crate::program::{TempFolder, run, run_with};

const LINE: &str = r#"{"scope":"s","entity":"e","kind":"k","data":"first"}"#;

fn append(path: &str, data: &str) {
    run(&["append", path, "--scope", "s", "--entity", "e", "--kind", "k", "--data", data]).ok();
}

/// A store of four events, each written by itself, and its segment.
fn store(place: &TempFolder) -> (String, std::path::PathBuf, Vec<u64>) {
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
    let place = TempFolder::new();
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
    let place = TempFolder::new();
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
    let (verified, _) = run(&["verify", &path, "--json"]).warned();
    let verified: Value = serde_json::from_str(&verified).unwrap();
    assert_eq!((&verified["events"], &verified["unconfirmed"]), (&3.into(), &1.into()));
    run(&["reindex", &path]).ok();
    assert_eq!(run(&["read", &path, "--count"]).ok().trim(), "4");
    assert_eq!(run(&["verify", &path, "--json"]).json()[0].get("unconfirmed"), None);
}

#[test]
fn the_lag_of_a_cursor_comes_with_what_is_not_in_it() {
    let place = TempFolder::new();
    let (path, ..) = store(&place);
    let store = Store::open(&path).unwrap();
    drop(store.cursor("mailer", Query::ALL).unwrap());
    store.close().unwrap();
    assert_eq!(run(&["cursors", &path, "--json"]).json()[0].get("unconfirmed"), None);
    fs::remove_file(format!("{path}/WATERMARK")).unwrap();
    let (told, _) = run(&["cursors", &path, "--json"]).warned();
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["lag"], &told["unconfirmed"]), (&3.into(), &1.into()));
}

#[test]
fn several_events_that_are_not_shown_are_told_of_as_several() {
    let place = TempFolder::new();
    let (path, ..) = store(&place);
    // Lines of one import are one write.
    let file = place.file("more.jsonl", [LINE; 3].join("\n"));
    run(&["import", &path, &file]).ok();
    fs::remove_file(format!("{path}/WATERMARK")).unwrap();
    let (_, warning) = run(&["read", &path]).warned();
    let told = ["3 events behind position 4 are not known to be durable", "). They are not shown. "];
    assert!(told.iter().all(|told| warning.contains(told)), "{warning}");
}

/// The file of an export outlives the warning that came with it.
#[test]
fn an_export_says_what_it_leaves_out_and_its_import_repeats_it() {
    let place = TempFolder::new();
    let (path, ..) = store(&place);
    fs::remove_file(format!("{path}/WATERMARK")).unwrap();
    let (text, _) = run(&["export", &path]).warned();
    let header: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!((&header["events"], &header["unconfirmed"]), (&3.into(), &1.into()));
    let (said, _) = run(&["export", &path, "--output", &place.path("file"), "--json"]).warned();
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["unconfirmed"], 1);
    let said = run_with(&text, &["import", &place.path("a"), "-"]).ok();
    assert!(said.contains("the export left out 1 event that was not known to be durable"), "{said}");
    assert_eq!(run_with(&text, &["import", &place.path("b"), "-", "--json"]).json()[0]["unconfirmed"], 1);
    let (past, _) = run(&["export", &path, "--until", "2"]).warned();
    assert!(!past.contains("unconfirmed"), "{past}");
    run(&["reindex", &path]).ok();
    assert!(!run(&["export", &path]).ok().contains("unconfirmed"));
}

/// What a writer that is there has yet to sync is on its way, and no reason to warn.
#[test]
fn beside_a_writer_there_is_no_warning() {
    let place = TempFolder::new();
    let (path, ..) = store(&place);
    let store = StoreOptions::new().create(false).open(&path).unwrap();
    store.append_with(Draft::new(("s", "e"), "k"), AppendOptions::new().buffered()).unwrap();
    assert_eq!(run(&["read", &path, "--count"]).ok().trim(), "4");
    assert_eq!(run(&["read", &path, "--count", "--json"]).json()[0]["unconfirmed"], 1);
    store.close().unwrap();
    assert_eq!(run(&["read", &path, "--count"]).ok().trim(), "5");
}

/// A torn end was never acknowledged, and yet it was written: opening the store for writing reports that it is gone.
#[test]
fn an_end_that_an_opening_cuts_off_is_told() {
    let line = LINE.replace("first", "more");
    for (command, json) in ["append", "reindex", "import"].into_iter().zip([false, true, false]) {
        let place = TempFolder::new();
        let (path, segment, ends) = store(&place);
        let file = place.file("more.jsonl", &line);
        let call = match command {
            "append" => vec!["append", &path, "--scope", "s", "--entity", "e", "--kind", "k"],
            "reindex" => vec!["reindex", &path, "--json"],
            _ => vec!["import", &path, &file],
        };
        fs::remove_file(format!("{path}/WATERMARK")).unwrap();
        let cut = ends[3] - 9;
        fs::OpenOptions::new().write(true).open(&segment).unwrap().set_len(cut).unwrap();
        // Zeros at the end may be prepared space, so they are not part of a frame that was torn.
        let bytes = fs::read(&segment).unwrap();
        let torn = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1 - ends[2] as usize;
        let (_, warning) = run(&call).warned();
        let told = format!("a torn end of {torn} bytes behind position 3 was cut off: ");
        assert!(warning.contains(&told) && warning.contains(".seg, byte "), "{command}: {warning}");
        assert_eq!(warning.lines().count(), 1, "{command}: {warning}");
        if json {
            let warning: Value = serde_json::from_str(&warning).unwrap();
            assert_eq!(warning["warning"]["kind"], "recovered");
        }
        assert!(!run(&["reindex", &path]).ok().is_empty(), "it is told once");
    }
}

#[test]
fn a_writer_whose_clock_is_behind_the_log_is_told() {
    let place = TempFolder::new();
    let event = r#"{"id":"0195fdd6-0000-7000-8000-000000000001","scope":"s","entity":"e","kind":"k","ends_batch":true"#;
    let export = format!(
        "{{\"tidegate_export\":1,\"store\":\"x\",\"events\":1}}\n{event},\"recorded\":\"9000-01-01T00:00:00Z\"}}"
    );
    let path = place.path("store");
    run_with(&export, &["import", &path, "-"]).ok();
    let call = ["append", &path, "--scope", "s", "--entity", "e", "--kind", "k"];
    let (_, warning) = run(&call).warned();
    assert!(warning.contains("hours behind the last recorded time"), "{warning}");
    let (_, warning) = run(&["reindex", &path, "--json"]).warned();
    assert_eq!(serde_json::from_str::<Value>(&warning).unwrap()["warning"]["kind"], "clock-behind");
}
