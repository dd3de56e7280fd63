//! What an import says of bad input, and what it leaves in the store.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::program::{TempFolder, field, run, run_with};

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn good(key: usize) -> String {
    format!(r#"{{"key":"{key}","scope":"s","entity":"e","kind":"k","data":{key}}}"#)
}

#[test]
fn an_event_that_changed_is_refused_by_what_changed() {
    let place = TempFolder::new();
    let path = place.store("store", &[&good(1)]);
    let changed = good(1).replace(r#""data":1"#, r#""data":2,"tags":["t"]"#);
    let error = run_with(&changed, &["import", &path, "-"]).refused(1);
    assert!(error.contains("at position 1, with other tags and payload; events never change"), "{error}");
    let changed = good(1).replace(r#""kind":"k""#, r#""kind":"l""#);
    let error = run_with(&changed, &["import", &path, "-"]).refused(1);
    assert!(error.contains("at position 1, with another kind; "), "{error}");
}

#[test]
fn everything_before_the_line_is_kept_and_the_place_is_told() {
    let long = "x".repeat(65 << 20);
    let oversized = format!(r#"{{"scope":"s","entity":"e","kind":"k","data":"{long}"}}"#);
    let tags = format!(r#"{{"scope":"s","entity":"e","kind":"k","tags":[{}"a"]}}"#, "\"a\",".repeat(255));
    let name = format!(r#"{{"scope":"s","entity":"{}","kind":"k"}}"#, "é".repeat(513));
    for (bad, expected) in [
        ("{", "invalid: EOF while parsing an object (column 1)"),
        ("[1]", "invalid: a line must hold one event as a JSON object"),
        (r#"{"scope":"s","entity":"e"}"#, "invalid: missing field `kind`"),
        (r#"{"scope":"s","entity":"e","kind":"k.*"}"#, "invalid: the kind \"k.*\" holds a `*`"),
        (r#"{"scope":"","entity":"e","kind":"k"}"#, "invalid: the scope is empty"),
        (r#"{"scope":"s","entity":"a\nb","kind":"k"}"#, "invalid: the entity \"a\\nb\" holds a control char"),
        (r#"{"scope":"s","entity":"e","kind":"k","colour":1}"#, "invalid: unknown field `colour`"),
        (
            r#"{"scope":"s","entity":"e","kind":"k","lane":"1"}"#,
            "invalid: invalid type: string \"1\", expected",
        ),
        (
            r#"{"scope":"s","entity":"e","kind":"k","key":null}"#,
            "invalid: invalid type: null, expected a string",
        ),
        (r#"{"scope":"s","entity":"e","kind":"k","id":"5"}"#, "invalid: \"5\" is not a UUID"),
        (
            r#"{"scope":"s","entity":"e","kind":"k","time":"now"}"#,
            "invalid: invalid time \"now\": use RFC 3339",
        ),
        (r#"{"scope":"s","entity":"e","kind":"k","causes":["no"]}"#, "refused: unknown cause \"no\": put"),
        (
            r#"{"scope":"s","entity":"e","kind":"k","key":"9","causes":["9"]}"#,
            "refused: unknown cause \"9\": put",
        ),
        (r#"{"scope":"t","entity":"e","kind":"k","causes":["1"]}"#, "refused: unknown cause \"1\": put"),
        (
            r#"{"scope":"s","entity":"e","kind":"k","correlation":"no"}"#,
            "refused: unknown correlation \"no\": use",
        ),
        (
            r#"{"scope":"s","entity":"e","kind":"k","type":"xml"}"#,
            "invalid: unknown payload type \"xml\": use",
        ),
        (r#"{"scope":"s","entity":"e","kind":"tidegate.k"}"#, "invalid: the name \"tidegate.k\" is reserved"),
        (
            r#"{"key":"2","scope":"s","entity":"e","kind":"k","data":7}"#,
            "refused: the same event is there alr",
        ),
        (&oversized, "invalid: the payload is too long: 68157442 bytes, the limit is 67108864"),
        (&tags, "invalid: too many tags: 256, the limit is 255"),
        (&name, "invalid: the entity is too long: 1026 bytes, the limit is 1024"),
    ] {
        let place = TempFolder::new();
        let store = place.path("store");
        let file = place.file("events.jsonl", format!("{}\n\n{}\n{bad}\n{}\n", good(1), good(2), good(3)));
        let error = run(&["import", &store, &file]).refused(1);
        let start = format!("tidegate: {file}:4: {expected}");
        assert!(error.starts_with(&start), "expected {start}\nfound {error}");
        assert!(error.contains("2 events imported before this line"), "{error}");
        let events = run(&["read", &store, "--json"]).json();
        assert_eq!(field(&events, "data"), [1, 2], "{bad:.80}");
        let mended = place.file("events.jsonl", [good(1), good(2), good(3)].join("\n"));
        assert!(run(&["import", &store, &mended]).ok().starts_with("imported 1 event from "));
    }
}

#[test]
fn a_machine_is_told_line_and_count() {
    let place = TempFolder::new();
    let ran = run_with(&format!("{}\nx\n", good(1)), &["import", &place.path("store"), "-", "--json"]);
    let error: Value = serde_json::from_str(&ran.refused(1)).unwrap();
    let error = &error["error"];
    assert_eq!((&error["place"], &error["imported"]), (&"standard input:2".into(), &1.into()));
    assert_eq!((&error["kind"], &error["exit"]), (&"invalid".into(), &1.into()));
}

#[test]
fn the_same_event_with_another_content_is_refused() {
    let place = TempFolder::new();
    let first = r#"{"key":"1","scope":"s","entity":"e","kind":"k","tags":["a"],"data":1,"meta":{"m":"1"}}"#;
    let store = place.store("store", &[good(2).as_str(), first]);
    for (from, to, what) in [
        ("\"data\":1", "\"data\":1.0", "payload"),
        ("\"kind\":\"k\"", "\"kind\":\"l\"", "kind"),
        ("\"entity\":\"e\"", "\"entity\":\"f\"", "stream"),
        ("[\"a\"]", "[]", "tags"),
        ("{\"m\":\"1\"}", "{\"m\":\"2\"}", "metadata"),
        ("\"data\"", "\"causes\":[\"2\"],\"data\"", "causes"),
    ] {
        let file = place.file("again.jsonl", first.replace(from, to));
        let error = run(&["import", &store, &file]).refused(1);
        assert!(error.contains("again.jsonl:1: refused: ") && error.contains("at position 2"), "{error}");
        assert!(error.contains(&format!("another {what}")) || error.contains(what), "{error}");
    }
    let file = place.file("twice.jsonl", [good(3), good(3), good(3).replace(":3}", ":4}")].join("\n"));
    let error = run(&["import", &store, &file]).refused(1);
    assert!(error.contains("twice.jsonl:3: refused: ") && error.contains("at line 1"), "{error}");
    assert_eq!(run(&["read", &store, "--count"]).ok(), "3\n");
}

#[test]
fn packed_input_is_known_by_name_and_by_content() {
    let place = TempFolder::new();
    let text = [good(1), good(2)].join("\r\n");
    for (name, contents) in [
        ("a.jsonl.gz", packed(&text)),
        ("b.jsonl", packed(&text)),
        ("c.jsonl", format!("\u{feff}{text}\n\n").into_bytes()),
        ("d.jsonl", [packed(&good(1)), packed("\n"), packed(&good(2))].concat()),
    ] {
        let (file, store) = (place.file(name, contents), place.path(&format!("{name}.store")));
        run(&["import", &store, &file]).ok();
        assert_eq!(run(&["read", &store, "--count"]).ok(), "2\n", "{name}");
    }
}

#[test]
fn broken_input_is_refused_where_it_breaks() {
    let place = TempFolder::new();
    let text: String = (1..=3000).map(|key| good(key) + "\n").collect();
    let whole = packed(&text);
    let cut = place.file("cut.gz", &whole[..whole.len() / 2]);
    let store = place.path("store");
    let error = run(&["import", &store, &cut]).refused(1);
    assert!(error.contains("invalid: the gzip data is damaged"), "{error}");
    let kept: usize = run(&["read", &store, "--count"]).ok().trim().parse().unwrap();
    assert!(error.contains(&format!("cut.gz:{}: ", kept + 1)) && kept > 100, "{kept}: {error}");

    let plain = place.file("plain.gz", good(1));
    let error = run(&["import", &place.path("new"), &plain]).refused(1);
    assert!(error.contains("plain.gz:1: invalid: the gzip data"), "{error}");

    let latin = place.file("latin.jsonl", b"{\"scope\":\"\xe9\"}");
    let error = run(&["import", &place.path("new"), &latin]).refused(1);
    assert!(error.contains("latin.jsonl:1: invalid: the line is not UTF-8"), "{error}");
}

#[test]
fn a_file_that_is_not_there_creates_no_store() {
    let place = TempFolder::new();
    let store = place.path("store");
    let error = run(&["import", &store, &place.path("none")]).refused(1);
    assert!(error.starts_with("tidegate: missing: ") && error.contains("none cannot be opened"), "{error}");
    // A directory is another store.
    let error = run(&["import", &store, &place.path("")]).refused(1);
    assert!(error.contains("there is no store in"), "{error}");
    assert!(!std::path::Path::new(&store).exists());
}
