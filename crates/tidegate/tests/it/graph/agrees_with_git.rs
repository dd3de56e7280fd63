//! The history of the git project has the answers that git itself gives about it.
//!
//! The history is large and stands beside the workspace; if it is not there, nothing is asked.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use serde_json::Value;
use tidegate::graph::Graph;
use tidegate::{AppendOptions, Draft, EventId, Position, Store, StoreOptions};

fn data(name: &str) -> Option<std::fs::File> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../../shared/data", name].iter().collect();
    std::fs::File::open(path).ok()
}

fn texts<'a>(event: &'a Value, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    event[name].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Appends the history, and returns the positions by key.
fn fill(store: &Store, file: std::fs::File) -> HashMap<String, Position> {
    let mut positions = HashMap::new();
    let mut batch = Vec::new();
    let mut lines = BufReader::new(flate2::read::GzDecoder::new(file)).lines().peekable();
    while let Some(line) = lines.next() {
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        let mut draft = Draft::new((text("scope"), text("entity")), text("kind"));
        draft = draft.id(EventId::from_key("git", &text("key"))).json_text(event["data"].to_string());
        for cause in texts(&event, "causes") {
            draft = draft.cause(EventId::from_key("git", cause));
        }
        positions.insert(text("key"), Position(positions.len() as u64 + 1));
        batch.push(draft);
        if batch.len() == 1000 || lines.peek().is_none() {
            store.append_with(std::mem::take(&mut batch), AppendOptions::new().buffered()).unwrap();
        }
    }
    positions
}

fn check(graph: &Graph, oracle: &Value, positions: &HashMap<String, Position>) {
    let of = |entry: &Value, name: &str| positions[entry[name].as_str().unwrap()];
    let all = |name: &str| oracle[name].as_array().unwrap().clone();
    for entry in all("ancestors") {
        let count = graph.ancestors(&[of(&entry, "key")]).unwrap().map(Result::unwrap).count();
        assert_eq!(count as u64, entry["count"].as_u64().unwrap(), "ancestors of {entry}");
    }
    for entry in all("descendants") {
        let count = graph.descendants(&[of(&entry, "key")]).unwrap().map(Result::unwrap).count();
        assert_eq!(count as u64, entry["count"].as_u64().unwrap(), "descendants of {entry}");
    }
    for entry in all("is_ancestor") {
        let found = graph.is_ancestor(of(&entry, "ancestor"), of(&entry, "of")).unwrap();
        assert_eq!(Some(found), entry["answer"].as_bool(), "{entry}");
    }
    for entry in all("merge_bases") {
        let pair: Vec<_> = texts(&entry, "of").map(|key| positions[key]).collect();
        let mut expected: Vec<_> = texts(&entry, "bases").map(|key| positions[key]).collect();
        expected.sort_unstable();
        assert_eq!(graph.common_causes(&pair).unwrap(), expected, "{entry}");
    }
}

#[test]
fn every_answer_is_git_s_own() {
    let (Some(history), Some(oracle)) = (data("git-history.jsonl.gz"), data("git-history.oracle.json"))
    else {
        return;
    };
    let oracle: Value = serde_json::from_reader(BufReader::new(oracle)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let options = StoreOptions::new().segment_bytes(4 << 20);
    let store = options.open(directory.path()).unwrap();
    let positions = fill(&store, history);
    assert_eq!(Some(positions.len() as u64), oracle["events"].as_u64());
    assert_eq!(positions[oracle["head"].as_str().unwrap()], store.view().unwrap().head());
    check(&store.view().unwrap().graph(), &oracle, &positions);
    store.close().unwrap();
    drop(store);
    let store = options.open(directory.path()).unwrap();
    check(&store.view().unwrap().graph(), &oracle, &positions);
}
