//! Stores that batpak 0.8.0 wrote come over whole, once, and with a report.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{TempFolder, field, run};

/// A store of `crates/batpak/fixtures`; `None` in a published crate, which has none.
fn fixture(store: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/batpak/fixtures").join(store);
    path.exists().then(|| path.to_str().unwrap().to_owned())
}

fn expected(store: &str) -> Vec<Value> {
    let lines = fs::read_to_string(format!("{store}.expected.jsonl")).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn without_dashes(ids: &[Value]) -> Vec<String> {
    ids.iter().map(|id| id.as_str().unwrap().replace('-', "")).collect()
}

const KINDS: &str = "2101 order.placed\n0x2102 order.paid # paid\n";

#[test]
fn what_batpak_shows_comes_over() {
    for name in ["closed", "killed", "half-batch", "merged"] {
        let Some(from) = fixture(name) else { return };
        let place = TempFolder::new();
        let (store, kinds) = (place.path("store"), place.file("kinds.txt", KINDS));
        run(&["import-batpak", &store, &from, "--kinds", &kinds]).ok();
        let events = run(&["read", &store, "--json"]).json();
        let expected = expected(&from);
        let ids: Vec<_> = expected.iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(without_dashes(&field(&events, "id")), ids, "{name}");
        for (event, line) in events.iter().zip(&expected) {
            for field in ["entity", "scope"] {
                assert_eq!(event[field], line[field], "{name}");
            }
            assert_eq!(event["lane"].as_u64().unwrap_or(0), line["lane"].as_u64().unwrap(), "{event}");
            let kind = match line["kind"].as_str().unwrap() {
                "2101" => "order.placed",
                "2102" => "order.paid",
                "f007" => "batpak.kf007",
                "000f" => "batpak.denied",
                other => panic!("{other}"),
            };
            assert_eq!((event["kind"].as_str(), &event["data"]), (Some(kind), &line["payload"]));
            if name != "merged" {
                assert_eq!(event["meta"]["batpak.sequence"], line["sequence"].to_string());
            }
        }
        run(&["verify", &store]).ok();
    }
}

#[test]
fn causes_flows_batches_and_keys_come_over() {
    let Some(from) = fixture("closed") else { return };
    let place = TempFolder::new();
    let store = place.path("store");
    run(&["import-batpak", &store, &from]).ok();
    let export = run(&["export", &store]).ok();
    let events: Vec<Value> = export.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    let (placed, paid) = (&events[0], &events[1]);
    assert_eq!(paid["causes"], serde_json::json!([placed["id"]]));
    assert_eq!(paid["correlation"], placed["id"]);
    assert_eq!(paid["meta"]["batpak.flags"], "2");
    assert!(paid["meta"]["batpak.hash"].as_str().is_some_and(|hash| hash.len() == 64), "{paid}");
    assert_eq!(paid["meta"]["batpak.extension.shop.desk"]["base64"], "AAH+/w==");
    assert!(placed["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{placed}");
    // The second and third of a batch name the first and second, and each of batpak's appends has a flow of its own.
    assert_eq!(events[3]["causes"], serde_json::json!([events[2]["id"]]));
    assert_eq!(events[4]["causes"], serde_json::json!([events[3]["id"]]));
    let ends: Vec<_> = events.iter().map(|event| event["ends_batch"].as_bool().unwrap()).collect();
    assert_eq!(ends, [true, true, false, false, true, true, true, true, true]);
    for (event, is_first) in events.iter().zip([true, true, true, false, false, true]) {
        let key = event["idempotency_key"].as_str().map(str::to_owned);
        assert_eq!(key, is_first.then(|| format!("batpak:{}", event["id"].as_str().unwrap())));
    }
    // Its cause was never in that store.
    let last = &events[8];
    assert_eq!(last["causes"].as_array().map_or(0, Vec::len), 0);
    assert_eq!(last["meta"]["batpak.causation"].as_str().unwrap().len(), 36);
}

#[test]
fn a_second_import_adds_nothing() {
    let Some(from) = fixture("closed") else { return };
    let place = TempFolder::new();
    let (store, kinds) = (place.path("store"), place.file("kinds.txt", KINDS));
    run(&["import-batpak", &store, &from]).ok();
    let before = run(&["export", &store]).ok();
    let done = &run(&["import-batpak", &store, &from, "--json"]).json()[0];
    assert_eq!((done["imported"].as_u64(), done["skipped"].as_u64()), (Some(0), Some(9)), "{done}");
    assert_eq!(run(&["export", &store]).ok(), before);
    let message = run(&["import-batpak", &store, &from, "--kinds", &kinds]).refused(1);
    assert!(message.contains("another kind") && message.contains("--kinds the same file"), "{message}");
    // What was hidden is brought by asking for it later, without another part of what is there.
    let done = &run(&["import-batpak", &store, &from, "--hidden", "--json"]).json()[0];
    assert_eq!((done["imported"].as_u64(), done["skipped"].as_u64()), (Some(2), Some(9)), "{done}");
    let hidden = run(&["read", &store, "--tag", "batpak:hidden", "--json"]).json();
    assert_eq!(field(&hidden, "entity"), ["order:7", "order:10"]);
}

#[test]
fn a_plan_writes_nothing_and_names_the_kinds() {
    let Some(from) = fixture("closed") else { return };
    let place = TempFolder::new();
    let (store, report) = (place.path("store"), place.path("report.jsonl"));
    let plan = run(&["import-batpak", &store, &from, "--plan", "--report", &report]).ok();
    assert!(!Path::new(&store).exists());
    assert!(plan.starts_with("would import 9 events of 7 appends"), "{plan}");
    assert!(plan.contains("2 in hidden ranges") && plan.contains("  chain: 000002.fbat, byte "), "{plan}");
    // The plan's own lines are a file of kinds.
    let lines: String =
        plan.lines().filter(|line| line.contains("# ")).fold(String::new(), |all, line| all + line + "\n");
    let kinds = place.file("kinds.txt", &lines);
    run(&["import-batpak", &store, &from, "--kinds", &kinds]).ok();
    assert_eq!(run(&["read", &store, "--kind", "batpak.k2101", "--json"]).json().len(), 3);
    let report = fs::read_to_string(report).unwrap();
    assert_eq!(report.lines().filter(|line| line.contains(r#""finding":"hidden""#)).count(), 2, "{report}");
}

#[test]
fn a_report_says_which_event_went_where() {
    let Some(from) = fixture("retention") else { return };
    let place = TempFolder::new();
    let (store, report) = (place.path("store"), place.path("report.jsonl"));
    run(&["import-batpak", &store, &from, "--report", &report]).ok();
    let events = run(&["read", &store, "--json"]).json();
    let lines: Vec<Value> =
        fs::read_to_string(report).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let places: Vec<_> = lines.iter().filter(|line| line["position"].is_number()).collect();
    assert_eq!(places.len(), events.len());
    for (place, event) in places.iter().zip(&events) {
        assert_eq!((&place["position"], &place["id"]), (&event["position"], &event["id"]));
        assert_eq!(place["sequence"].to_string(), event["meta"]["batpak.sequence"]);
    }
    assert!(
        lines.iter().any(|line| line["finding"] == "chain"),
        "what compaction dropped leaves gaps: {lines:?}"
    );
}

#[test]
fn damage_stops_before_anything_is_imported() {
    let Some(from) = fixture("closed") else { return };
    let place = TempFolder::new();
    let (store, damaged) = (place.path("store"), place.path("damaged"));
    fs::create_dir(&damaged).unwrap();
    for entry in fs::read_dir(&from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), Path::new(&damaged).join(entry.file_name())).unwrap();
    }
    let segment = Path::new(&damaged).join("000001.fbat");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[1500] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let message = run(&["import-batpak", &store, &damaged]).refused(2);
    assert!(message.contains("000001.fbat, byte ") && message.contains("--skip-damage"), "{message}");
    assert!(!Path::new(&store).exists());
    let done = run(&["import-batpak", &store, &damaged, "--skip-damage"]).ok();
    assert!(done.starts_with("imported 4 events"), "{done}");

    fs::write(Path::new(&damaged).join("visibility_ranges.fbv"), "FBATVR").unwrap();
    let message = run(&["import-batpak", &store, &damaged, "--skip-damage"]).refused(2);
    assert!(message.contains("visibility_ranges.fbv") && message.contains("restore this file"), "{message}");
    let message = run(&["import-batpak", &store, &place.path("")]).refused(1);
    assert!(message.contains("holds no store of batpak"), "{message}");
}
