//! Names and payloads come from anyone. The terminal gets text that it shows and no control sequence, for every input.

use tidegate::subscription::cursor::CursorOptions;
use tidegate::{AppendOptions, Cause, Draft, Position, Query, QueryItem, Store, StreamId};

use crate::program::{Run, TempFolder, run};

/// Direction marks in names; controls, which names cannot hold, in values and payloads.
const SCOPE: &str = "s\u{202e}epocs";
const ENTITY: &str = "e\u{2066}\u{200f}";
const PAYLOAD: &str = "{\"a\": \"\u{9b}31m \u{202e}txt\u{2029}\u{7f}\"}";
const VALUE: &str = "\u{1b}[2J\u{1b}]0;title\u{7}\n\u{9b}1m";

fn hostile(place: &TempFolder) -> String {
    let path = place.path("store");
    let store = Store::open(&path).unwrap();
    let stream = StreamId::new(SCOPE, ENTITY);
    let draft =
        |kind: &'static str| Draft::new(stream.clone(), kind).tag("t\u{200e}").meta("m\u{feff}", VALUE);
    store.append(draft("k.first").json_text(PAYLOAD)).unwrap();
    store.append(draft("k.second").bytes(VALUE.as_bytes()).cause(Position(1))).unwrap();
    let decided = store.decide_with(
        AppendOptions::new().keep_footprint(true),
        |view| -> tidegate::Result<tidegate::decide::Decision> {
            assert_eq!(view.count(&Query::stream(stream.clone()))?, 2);
            Ok(draft("k.third").message_pack(&b"\xa6\x1b[31m\x07"[..]).cause(Cause::At(Position(2))).into())
        },
    );
    assert!(decided.unwrap().receipt().is_some());
    let cursor =
        store.cursor_with("mailer", QueryItem::new().tag("t\u{200e}"), CursorOptions::new().max_attempts(1));
    cursor.unwrap().next_now().unwrap().unwrap().fail(VALUE).unwrap();
    store.close().unwrap();
    path
}

#[track_caller]
fn is_shown(ran: &Run) {
    for text in [&ran.out, &ran.err] {
        let obeyed = text.chars().find(|c| {
            (c.is_control() && *c != '\n')
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        });
        assert_eq!(obeyed, None, "{text:?}");
    }
}

#[test]
fn no_command_lets_a_terminal_obey_a_name_or_a_payload() {
    let place = TempFolder::new();
    let store = hostile(&place);
    for call in [
        &["read"][..],
        &["read", "--position", "1"],
        &["tail"],
        &["stats"],
        &["project", "--by", "stream"],
        &["cursors"],
        &["parked"],
        &["explain", "3"],
        &["graph", "critical", "3"],
        &["graph", "fans"],
        &["graph", "ancestors", "3"],
        &["graph", "draw", "--format", "svg"],
        &["graph", "draw", "--format", "dot"],
        &["graph", "draw", "--format", "mermaid"],
        &["doctor"],
    ] {
        let (command, rest) = call.split_at(if call[0] == "graph" { 2 } else { 1 });
        for json in [&[][..], &["--json"]] {
            let ran = run(&[command, &[store.as_str()], rest, json].concat());
            assert_eq!(ran.code, Some(0), "{call:?}: {ran:?}");
            assert!(!ran.out.is_empty(), "{call:?}");
            is_shown(&ran);
        }
    }
    let appended = ["append", &store, "--scope", SCOPE, "--entity", ENTITY, "--kind", "k.x"];
    is_shown(&run(&appended));
    for json in [&[][..], &["--json"]] {
        let refused = run(&[&appended[..], &["--cause", "77", "--tag", "\u{1b}[2J"], json].concat());
        assert_eq!(refused.code, Some(1), "{refused:?}");
        is_shown(&refused);
        let misused = run(&[&["read", &store, "--id", "\u{1b}[2J\u{202e}"], json].concat());
        assert_eq!(misused.code, Some(64), "{misused:?}");
        is_shown(&misused);
        let missing = place.path("no\u{202e}\u{1b}[2J");
        let missing = run(&[&["read", missing.as_str()], json].concat());
        assert_eq!(missing.code, Some(1), "{missing:?}");
        is_shown(&missing);
    }
}

#[test]
fn escapes_say_what_they_stand_for() {
    let place = TempFolder::new();
    let store = hostile(&place);
    let shown = run(&["read", &store, "--limit", "1"]).ok();
    assert!(shown.contains(r"s\u{202e}epocs/e\u{2066}\u{200f} v1"), "{shown}");
    assert!(shown.contains(r"\u{9b}31m \u{202e}txt\u{2029}\u{7f}"), "{shown}");
    let text = run(&["read", &store, "--json", "--limit", "1"]).ok();
    assert!(text.contains(r#""scope":"s\u202eepocs""#) && text.contains(r#"{"a": "\u009b31m "#), "{text}");
    let event: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&event["scope"], &event["entity"]), (&SCOPE.into(), &ENTITY.into()));
    assert_eq!(event["meta"]["m\u{feff}"], VALUE);
    assert_eq!(event["data"], serde_json::from_str::<serde_json::Value>(PAYLOAD).unwrap());
}
