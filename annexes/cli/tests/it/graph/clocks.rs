//! Whose times are shown.

use crate::program::{TempFolder, field, run};

/// The source says that the second came a year after the first, and the third an hour before the second.
const LINES: [&str; 3] = [
    r#"{"scope":"git","entity":"a","kind":"commit.authored","import_key":"k1","time":"2020-01-01T00:00:00Z"}"#,
    r#"{"scope":"git","entity":"a","kind":"commit.authored","import_key":"k2","time":"2021-01-01T00:00:00Z","causes":["k1"]}"#,
    r#"{"scope":"git","entity":"b","kind":"commit.merged","import_key":"k3","time":"2020-12-31T23:00:00Z","causes":["k2"]}"#,
];

#[test]
fn the_clock_of_the_source_is_asked_for() {
    let place = TempFolder::new();
    let store = place.store("store", &LINES);
    let told = run(&["graph", "critical", &store, "k3", "--clock", "source"]).ok();
    for said in ["2020-01-01 00:00:00.000", "+8784h", "-1h", "3 events in 8783h"] {
        assert!(told.contains(said), "{said} is missing in\n{told}");
    }
    let hops = run(&["graph", "critical", &store, "k3", "--clock", "source", "--json"]).json();
    let hour = 3_600_000_000_i64;
    let waited: Vec<_> =
        field(&hops, "waited_micros").iter().map(|micros| micros.as_i64().unwrap()).collect();
    assert_eq!(waited, [0, 8_784 * hour, -hour]);
    let recorded = run(&["graph", "critical", &store, "k3", "--json"]).json();
    assert!(recorded[1]["waited_micros"].as_i64().unwrap() < hour && recorded[1].get("time").is_none());
    for call in [
        &["read", &store, "--clock", "source"][..],
        &["tail", &store, "--clock", "source"],
        &["graph", "ancestors", &store, "k3", "--clock", "source"],
    ] {
        let lines = run(call).ok();
        assert!(lines.contains("2020-01-01 00:00:00") && lines.contains("2021-01-01 00:00:00"), "{lines}");
    }
    let drawn = run(&["graph", "draw", &store, "k3", "--clock", "source", "--axis", "time"]).ok();
    assert!(drawn.contains(">2020-01-01<") && drawn.contains(">2021-01-01<"), "{drawn}");
    assert!(!run(&["read", &store]).ok().contains("2020-01-01"));
}
