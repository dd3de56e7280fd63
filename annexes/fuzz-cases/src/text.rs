//! Text and payloads from outside: ids, queries, stream ids, and payloads of typed events.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate::graph::CorrelationId;
use tidegate::{Draft, Event, EventId, Query, Store, StoreId, StoreOptions};
use tidegate_format::PayloadType;

#[derive(Debug, Serialize, Deserialize, Event)]
#[event(kind = "hostile.value")]
struct Value {
    number: i64,
    fraction: f64,
    text: String,
    bytes: Vec<u8>,
    maybe: Option<Box<Value>>,
    many: Vec<Value>,
    named: BTreeMap<String, Choice>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Choice {
    Nothing,
    One(u32),
    Pair(u8, char),
    Named { yes: bool },
}

/// Words to start from.
pub(crate) const WORDS: [&str; 8] = [
    "0195fdd6-0000-7000-8000-000000000001",
    "0195fdd6000070008000000000000001",
    "[]",
    "[{}]",
    r#"[{"kinds":["order.*","a"],"tags":["vip","x"]},{"scope":"bank","entity":"e","lane":3}]"#,
    r#"[{"entity_prefix":"cust","correlation":"0195fdd6-0000-7000-8000-000000000001"}]"#,
    r#"[{"cause":7}]"#,
    r#"[{"cause":"0195fdd6-0000-7000-8000-000000000001/0195fdd6-0000-7000-8000-000000000002"}]"#,
];

/// Payloads to start from, each with the byte that says what it is.
pub(crate) fn payloads() -> Vec<(u8, Vec<u8>)> {
    let leaf = |number| Value {
        number,
        fraction: 0.5,
        text: "text".to_owned(),
        bytes: vec![1, 2, 255],
        maybe: None,
        many: Vec::new(),
        named: BTreeMap::new(),
    };
    let named = [
        ("a", Choice::Nothing),
        ("b", Choice::One(7)),
        ("c", Choice::Pair(1, 'x')),
        ("d", Choice::Named { yes: true }),
    ];
    let whole = Value {
        maybe: Some(Box::new(leaf(-1))),
        many: vec![leaf(2), leaf(i64::MAX)],
        named: named.map(|(name, choice)| (name.to_owned(), choice)).into(),
        ..leaf(1)
    };
    let drafted = whole.draft(("scope", "entity")).expect("it is a payload");
    let json = br#"{"number":1,"fraction":1e3,"text":"\u00e4","bytes":[1],"maybe":null,"many":[],"named":{"a":{"One":2}}}"#;
    vec![(1, drafted.payload.into_owned()), (2, json.to_vec())]
}

/// The first byte says what the rest is.
pub fn one(bytes: &[u8]) {
    let Some((mode, rest)) = bytes.split_first() else { return };
    match mode % 3 {
        0 => words(rest),
        1 => payload(rest, PayloadType::MessagePack),
        _ => payload(rest, PayloadType::Json),
    }
}

fn words(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(id) = text.parse::<EventId>() {
        assert_eq!(id.to_string().parse::<EventId>().ok(), Some(id));
    }
    let (id, flow) = (text.parse::<EventId>().ok(), text.parse::<CorrelationId>().ok());
    assert_eq!(flow.map(CorrelationId::first), id, "a flow is named as its first event is");
    let _ = text.parse::<StoreId>();
    let Ok(query) = text.parse::<Query>() else { return };
    let written = query.to_string();
    let again: Query = written.parse().expect("a query reads what it writes");
    assert_eq!(again.to_string(), written);
    let store = store();
    let counted = store.view().and_then(|view| view.count(&query));
    let read = store.read(&query).map(Iterator::count);
    if let (Ok(counted), Ok(read)) = (counted, read) {
        assert_eq!(counted, read as u64, "{written}");
    }
}

fn payload(bytes: &[u8], payload_type: PayloadType) {
    let store = store();
    let mut draft = Draft::new(("scope", "entity"), "hostile.value").bytes(bytes.to_vec());
    draft.payload_type = payload_type;
    let Ok(receipt) = store.append(draft) else { return };
    let event = store.view().and_then(|view| view.at(receipt.first())).ok().flatten();
    let event = event.expect("what was acknowledged is there");
    assert_eq!(event.payload().expect("nothing was erased"), bytes);
    let Ok(value) = <Value as Event>::of(&event) else { return };
    if let Ok(draft) = value.draft(("scope", "entity")) {
        let receipt = store.append(draft).expect("a value that was read can be written");
        let event = store.view().and_then(|view| view.at(receipt.first())).ok().flatten();
        let again = <Value as Event>::of(&event.expect("it is there")).expect("what was written reads");
        assert_eq!(format!("{again:?}"), format!("{value:?}"));
    }
}

fn store() -> Store {
    StoreOptions::new().thread(false).in_memory().expect("memory opens")
}
