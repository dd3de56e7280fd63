//! What `graph` answers, over a small history and over that of the git project.

use std::path::PathBuf;

use serde_json::Value;

use crate::program::{TempFolder, positions, run};

/// An order: 2 and 3 follow from 1, 4 from both, 5 from 2; 6 has nothing to do with them, and the key of 1.
const LINES: [&str; 6] = [
    r#"{"scope":"shop","entity":"o1","kind":"order.placed","key":"placed"}"#,
    r#"{"scope":"shop","entity":"p1","kind":"payment.taken","causes":["placed"],"key":"paid"}"#,
    r#"{"scope":"shop","entity":"s1","kind":"stock.taken","causes":["placed"],"key":"7"}"#,
    r#"{"scope":"shop","entity":"o1","kind":"order.shipped","causes":["paid","7"],"key":"shipped"}"#,
    r#"{"scope":"shop","entity":"p1","kind":"payment.booked","causes":["paid"],"key":"booked"}"#,
    r#"{"scope":"bank","entity":"a1","kind":"account.opened","key":"placed"}"#,
];

fn ask(store: &str, question: &str) -> Vec<String> {
    let mut words = question.split(' ');
    let command = words.next().unwrap();
    ["graph", command, store].into_iter().chain(words).map(str::to_owned).collect()
}

fn answer(store: &str, question: &str) -> String {
    let words = ask(store, question);
    run(&words.iter().map(String::as_str).collect::<Vec<_>>()).ok()
}

#[test]
fn events_are_listed() {
    let place = TempFolder::new();
    let store = place.store("store", &LINES);
    for (question, expected) in [
        ("causes shipped", &[2, 3][..]),
        ("causes shipped booked", &[2, 3]),
        ("effects 1", &[2, 3]),
        ("effects 1 --kind stock.taken", &[3]),
        ("ancestors shipped", &[3, 2, 1]),
        ("ancestors shipped --limit 1", &[3]),
        ("ancestors shipped --kind order.*", &[1]),
        ("descendants placed --scope shop", &[2, 3, 4, 5]),
        ("descendants 1 --at 3", &[2, 3]),
        ("common shipped booked", &[2]),
        ("common import-key:7 booked", &[1]),
        ("common 4 6", &[]),
        ("path 1 booked", &[1, 2, 5]),
        ("path 3 5", &[]),
        ("between 1 4", &[2, 3]),
        ("between 1 4 --kind payment.*", &[2]),
        ("roots shipped", &[1]),
        ("roots", &[1, 6]),
        ("roots --kind payment.*", &[2]),
        ("leaves paid", &[5, 4]),
        ("leaves", &[6, 5, 4]),
        ("critical 4", &[1, 3, 4]),
        ("fans --limit 2", &[1, 2]),
        ("fans --of causes --limit 1", &[4]),
    ] {
        let words = ask(&store, &format!("{question} --json"));
        let found = run(&words.iter().map(String::as_str).collect::<Vec<_>>()).json();
        assert_eq!(positions(&found), expected, "{question}");
        if !question.contains("--limit") {
            let counted = answer(&store, &format!("{question} --count"));
            assert_eq!(counted, format!("{}\n", expected.len()), "{question}");
        }
        let lines = answer(&store, question);
        let told = lines.lines().filter(|line| line.contains('/')).count();
        assert_eq!(told, expected.len(), "a line for each event\n{lines}");
    }
}

#[test]
fn relations_are_yes_or_no() {
    let place = TempFolder::new();
    let store = place.store("store", &LINES);
    for (question, expected) in [
        ("is-ancestor 1 shipped", "yes\n"),
        ("is-ancestor shipped 1", "no\n"),
        ("is-ancestor 1 1", "no\n"),
        ("is-ancestor import-key:7 booked", "no\n"),
        ("concurrent import-key:7 paid", "yes\n"),
        ("concurrent 1 shipped", "no\n"),
        ("concurrent placed paid --scope shop", "no\n"),
        ("is-ancestor 1 4 --json", "{\"answer\":true}\n"),
    ] {
        assert_eq!(answer(&store, question), expected, "{question}");
    }
}

#[test]
fn unknown_events_are_refused() {
    let place = TempFolder::new();
    let store = place.store("store", &LINES);
    for (question, message) in [
        ("ancestors 7", "no event at position 7; the log ends at position 6"),
        ("ancestors 0", "no event at position 0"),
        ("ancestors 6 --at 5", "the log ends at position 5"),
        ("ancestors nothing", "no event with the import key \"nothing\""),
        ("ancestors placed", "names events in \"bank\" and in \"shop\""),
        ("is-ancestor 1 0195fdd6-0000-7000-8000-0000000000aa", "no event with the id 0195fdd6"),
    ] {
        let words = ask(&store, question);
        let told = run(&words.iter().map(String::as_str).collect::<Vec<_>>()).refused(1);
        assert!(told.contains(message), "{question}: {told}");
    }
    for question in ["ancestors", "path 1", "is-ancestor 1", "fans --of both", "critical"] {
        let words = ask(&store, question);
        run(&words.iter().map(String::as_str).collect::<Vec<_>>()).refused(64);
    }
}

/// The history is large and stands beside the workspace; if it is not there, nothing is asked.
#[test]
fn the_history_of_git_is_as_git_says() {
    let data = |name: &str| -> PathBuf {
        [env!("CARGO_MANIFEST_DIR"), "../../../shared/data", name].iter().collect()
    };
    let (history, oracle) = (data("git-history.jsonl.gz"), data("git-history.oracle.json"));
    let (true, Ok(oracle)) = (history.exists(), std::fs::read(oracle)) else { return };
    let oracle: Value = serde_json::from_slice(&oracle).unwrap();
    let place = TempFolder::new();
    let store = place.path("store");
    run(&["import", &store, history.to_str().unwrap(), "--json"]).ok();
    let entries = |name: &str| oracle[name].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for (name, command) in [("ancestors", "ancestors"), ("descendants", "descendants")] {
        for entry in entries(name) {
            let count = answer(&store, &format!("{command} {} --count", text(&entry["key"])));
            assert_eq!(count.trim(), entry["count"].to_string(), "{name} of {entry}");
        }
    }
    for entry in entries("is_ancestor") {
        let told =
            answer(&store, &format!("is-ancestor {} {}", text(&entry["ancestor"]), text(&entry["of"])));
        assert_eq!(told.trim() == "yes", entry["answer"].as_bool().unwrap(), "{entry}");
    }
    for entry in entries("merge_bases") {
        let of: Vec<_> = entry["of"].as_array().unwrap().iter().map(text).collect();
        let words = ask(&store, &format!("common {} --json", of.join(" ")));
        let found = run(&words.iter().map(String::as_str).collect::<Vec<_>>()).json();
        let mut keys: Vec<_> = found.iter().map(|event| text(&event["import_key"])).collect();
        keys.sort_unstable();
        assert_eq!(keys, entry["bases"].as_array().unwrap().iter().map(text).collect::<Vec<_>>(), "{entry}");
    }
}
