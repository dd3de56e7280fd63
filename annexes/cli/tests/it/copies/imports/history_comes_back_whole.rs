//! What `read --json` writes can be imported, and is the same history then.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use tidegate::graph::CorrelationId;
use tidegate::{
    AppendOptions, Batch, Cause, Draft, EventId, Position, Query, RecordedEvent, Store, StoreId, StoreReader,
    StreamId,
};

use crate::program::{TempFolder, run, run_with};

/// Everything of an event but the time it was recorded at, and hashes.
#[derive(Debug, PartialEq)]
struct Content {
    place: (Position, tidegate::Version, EventId),
    stream: StreamId,
    kind: (String, u16),
    tags: Vec<String>,
    causes: Vec<Cause>,
    correlation: CorrelationId,
    metadata: Vec<(String, Vec<u8>)>,
    payload: (tidegate_format::PayloadType, Vec<u8>),
    batch: (Option<(String, tidegate_format::Hash)>, bool),
}

impl Content {
    fn of(event: &RecordedEvent) -> Self {
        let metadata = event.metadata().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            place: (event.position(), event.version(), event.id()),
            stream: event.stream(),
            kind: (event.kind().to_owned(), event.schema()),
            tags: event.tags().map(str::to_owned).collect(),
            causes: event.causes().collect(),
            correlation: event.correlation(),
            metadata: metadata.collect(),
            payload: (event.payload_type(), event.payload().unwrap().to_vec()),
            batch: (
                event.record().key().map(|(key, content)| (key.to_owned(), content)),
                event.record().ends_batch(),
            ),
        }
    }
}

fn contents(path: &str) -> Vec<Content> {
    let store = StoreReader::open(path).unwrap();
    store.read(&Query::ALL).unwrap().map(|event| Content::of(&event.unwrap())).collect()
}

/// Writes a store as JSON, imports that into a new one, and compares.
#[track_caller]
fn comes_back_whole(place: &TempFolder, store: &str) -> String {
    let text = run(&["read", store, "--json"]).ok();
    let copy = place.path("copy");
    run_with(&text, &["import", &copy, "-"]).ok();
    for (one, other) in contents(store).iter().zip(contents(&copy)) {
        assert_eq!(*one, other);
    }
    assert_eq!(contents(store).len(), contents(&copy).len());
    // What the copy writes differs in nothing but the time.
    let told = |text: &str| -> Vec<Value> {
        let without_time = |line: &str| {
            let mut event: Value = serde_json::from_str(line).unwrap();
            event["recorded"].take();
            event
        };
        text.lines().map(without_time).collect()
    };
    assert_eq!(told(&run(&["read", &copy, "--json"]).ok()), told(&text));
    text
}

fn id(last: u8) -> EventId {
    EventId([last; 16])
}

#[test]
fn every_part_of_an_event_comes_back() {
    let place = TempFolder::new();
    let path = place.path("store");
    let store = Store::open(&path).unwrap();
    let key = |key: &str| EventId::from_key("s", key);
    let base = || Draft::new(("s", "e"), "k.x");
    let drafts = vec![
        base()
            .id(key("first"))
            .meta("import.key", "first")
            .meta("import.time", "2005-04-07T22:13:13.5+02:00"),
        base()
            .json_text("{ \"b\" : 1.10, \"a\":12345678901234567890123, \"a\":\"\\u00e9é\\ud83c\\udf0a\" }")
            .cause(Position(1)),
        Draft::new(StreamId::new("scope/with slash", "Ünï 名前 🌊").lane(u32::MAX), "k")
            .json_text("null")
            .schema(7),
        base().bytes(vec![0, 255, 10]).tag("x y").tag("x y").tag("名").cause(Position(3)).cause(Position(1)),
        base().bytes(b"".to_vec()).cause(Cause::Foreign(StoreId([9; 16]), id(8))).correlation(id(7)),
        base().message_pack(&b"\x82\xa1a\xc4\x01\xff\x05\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"[..]),
        base().message_pack(&b"\xc1"[..]).message_pack(&b""[..]),
        base()
            .json_text("{\n  \"a\": [1,\r\n 2]\n}\n")
            .meta("line\u{2028}", "a\nb\u{0}\u{1b}")
            .meta("", "")
            .meta("m", "1"),
        base().json_text("not JSON").meta("m", "1").meta("m", "2").meta("a", "").meta("import.key", "late"),
        base().meta("import.key", "not the id's").meta("import.time", "yesterday").id(id(1)),
        base().meta("import.time", "2005-04-07T22:13:13Z").meta("import.key", "").id(id(2)),
        base().cause(id(1)).cause(id(2)).cause(Position(2)).correlation(id(3)).id(id(3)),
        // A key that is spelled like the id of another event, and a cause that means that other one.
        base().id(key(&id(2).to_string())).meta("import.key", id(2).to_string()),
        base().cause(id(2)).cause(key(&id(2).to_string())).correlation(id(2)),
        Draft::new(("t", "e"), "k.x").cause(Position(1)).cause(id(2)),
    ];
    for mut draft in drafts {
        draft.metadata.retain(|(name, _)| !name.is_empty());
        store.append_with(draft, AppendOptions::new().buffered()).unwrap();
    }
    let pair = vec![base().cause(Position(3)), base().cause(Cause::Draft(0))];
    store.append_with(Batch::from(pair).key("pair"), AppendOptions::new().buffered()).unwrap();
    store.close().unwrap();
    let text = comes_back_whole(&place, &path);
    let line = |n: usize| -> Value { serde_json::from_str(text.lines().nth(n - 1).unwrap()).unwrap() };
    assert_eq!(
        (&line(1)["import_key"], &line(1)["time"]),
        (&"first".into(), &"2005-04-07T22:13:13.5+02:00".into())
    );
    assert_eq!(line(1).get("meta"), None);
    assert_eq!(line(2)["causes"], serde_json::json!(["first"]));
    assert!(
        text.lines().nth(1).unwrap().contains(r#""data":{ "b" : 1.10, "a":12345678901234567890123, "a":"#)
    );
    assert_eq!(line(15)["causes"][0], key("first").to_string());
    assert_eq!(line(6)["data"], serde_json::json!({"a": {"base64": "/w=="}, "5": "NaN"}));
    assert_eq!(line(5)["causes"], serde_json::json!([format!("{}/{}", StoreId([9; 16]), id(8))]));
}

#[test]
fn an_import_keeps_the_payload_as_it_was_written() {
    let place = TempFolder::new();
    let data = r#"{"n":1.0e2,  "big":123456789012345678901234567890,"text":"\u00e9\/\ud800"}"#;
    let line =
        format!(r#"{{"scope":"s","entity":"e","kind":"k","data": {data} ,"meta":{{"b":"2","a":"1"}}}}"#);
    let store = place.store("store", &[&line]);
    let content = &contents(&store)[0];
    assert_eq!(content.payload, (tidegate_format::PayloadType::Json, data.as_bytes().to_vec()));
    assert_eq!(content.metadata, [("b".into(), "2".into()), ("a".into(), "1".into())]);
}

#[test]
fn the_git_history_comes_back_with_its_causes_in_order() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/git-history.jsonl.gz");
    if !file.is_file() {
        return;
    }
    let place = TempFolder::new();
    let store = place.path("store");
    let said = run(&["import", &store, file.to_str().unwrap(), "--json"]).json();
    assert_eq!(said[0]["imported"], 81_966);
    let said = run(&["import", &store, file.to_str().unwrap(), "--json"]).json();
    assert_eq!((&said[0]["imported"], &said[0]["skipped"]), (&0.into(), &81_966.into()));
    assert_eq!(run(&["verify", &store, "--json"]).json()[0]["events"], 81_966);

    let text = run(&["read", &store, "--json"]).ok();
    let source = BufReader::new(MultiGzDecoder::new(fs::File::open(&file).unwrap()));
    let mut written = text.lines();
    for line in source.lines() {
        let expected: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let found: Value = serde_json::from_str(written.next().unwrap()).unwrap();
        for (name, value) in expected.as_object().unwrap() {
            let name = if name == "key" { "import_key" } else { name };
            assert_eq!(*value, found[name], "{name} of {}", expected["key"]);
        }
    }
    assert_eq!(written.next(), None);
}
