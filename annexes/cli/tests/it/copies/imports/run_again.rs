//! An import that was cut off, or done before, is run again and ends the same.

use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use serde_json::Value;

use crate::program::{Run, TempFolder, program, run};

const LINES: u64 = 20_000;
const ROUNDS: u32 = 3;

/// Events in 500 streams, each with up to three causes.
fn history() -> String {
    let mut text = String::new();
    for n in 1..=LINES {
        let causes: Vec<String> = [1, 7, 400]
            .iter()
            .filter(|back| n > **back && n % 3 != 0)
            .map(|b| format!("\"k{}\"", n - b))
            .collect();
        writeln!(
            text,
            r#"{{"key":"k{n}","scope":"s","entity":"e{}","kind":"k.x","tags":["t:{}"],"causes":[{}],"data":{{"n":{n}}}}}"#,
            n % 500,
            n % 10,
            causes.join(","),
        )
        .unwrap();
    }
    text
}

/// All events, without what differs from store to store.
fn events(store: &str) -> Vec<Value> {
    let mut events = run(&["read", store, "--json"]).json();
    for event in &mut events {
        event.as_object_mut().unwrap().remove("recorded");
    }
    events
}

#[test]
fn a_second_import_adds_nothing() {
    let place = TempFolder::new();
    let keyed =
        r#"{"key":"1","scope":"s","entity":"e","kind":"k","time":"2005-04-07T22:13:13Z","data":{"a":1}}"#;
    let with_id =
        r#"{"id":"0195fdd6-0000-7000-8000-000000000001","scope":"s","entity":"e","kind":"k","causes":["1"]}"#;
    let store = place.store("store", &[keyed, with_id, keyed]);
    let file = place.file("again.jsonl", [keyed, with_id].join("\n"));
    let said = run(&["import", &store, &file, "--json"]).json();
    assert_eq!((&said[0]["imported"], &said[0]["skipped"]), (&0.into(), &2.into()));
    let said = run(&["import", &store, &file]).ok();
    assert!(said.ends_with("skipped 2 events that the store had already\n"), "{said}");
    assert_eq!(run(&["read", &store, "--count"]).ok(), "2\n");
}

#[test]
fn lines_without_a_name_are_new_every_time() {
    let place = TempFolder::new();
    let line = r#"{"scope":"s","entity":"e","kind":"k"}"#;
    let file = place.file("events.jsonl", format!("{line}\n{line}\nbad"));
    let error = run(&["import", &place.path("store"), &file]).refused(1);
    assert!(error.contains("neither import key nor id") && error.contains("the 2 imported"), "{error}");
    run(&["import", &place.path("store"), &file]).refused(1);
    assert_eq!(run(&["read", &place.path("store"), "--count"]).ok(), "4\n");
}

#[test]
fn killed_midway_and_run_again_it_ends_the_same() {
    let place = TempFolder::new();
    let file = place.file("events.jsonl", history());
    let whole = place.path("whole");
    let start = Instant::now();
    run(&["import", &whole, &file]).ok();
    let time = start.elapsed();
    let expected = events(&whole);
    assert_eq!(expected.len() as u64, LINES);

    let chance = RandomState::new();
    for round in 0..ROUNDS {
        let killed = place.path(&format!("killed {round}"));
        for (kill, least) in [(1, 0), (2, 200), (3, 400)] {
            let share = least + chance.hash_one((round, kill)) % 600;
            let mut child = program(&["import", &killed, &file]).spawn().unwrap();
            std::thread::sleep(time.mul_f64(share as f64 / 1000.0));
            child.kill().unwrap();
            child.wait().unwrap();
            check_part(&killed);
        }
        let ran = run(&["import", &killed, &file]);
        assert_eq!(ran.code, Some(0), "at most it warns of the end that it cut off: {}", ran.err);
        assert!(events(&killed) == expected, "the history is another one");
        run(&["verify", &killed]).ok();
    }
}

/// What an interrupted import leaves is whole batches, or not even a store.
fn check_part(store: &str) {
    let ran = run(&["read", store, "--count"]);
    if ran.code == Some(1) {
        assert!(ran.err.contains("there is no store"), "{}", ran.err);
        return;
    }
    // A kill leaves whole frames that no sync is known to cover, or the torn end of one. Both are withheld and told.
    let told = ["not known to be durable", "is not a whole frame"];
    let fine = |ran: &Run| {
        ran.code == Some(0) && (ran.err.is_empty() || told.iter().any(|words| ran.err.contains(words)))
    };
    assert!(fine(&ran), "{ran:?}");
    let count: u64 = ran.out.trim().parse().unwrap();
    assert!(count.is_multiple_of(1000), "{count} events are not whole batches");
    let verified = run(&["verify", store]);
    assert!(fine(&verified), "{verified:?}");
}
