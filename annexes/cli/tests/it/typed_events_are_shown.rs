//! What a program writes as typed values can be read on the command line, and goes through files unchanged.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tidegate::{Event, Query, RecordedEvent, Store, StoreReader};

use crate::program::{TempFolder, run};

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(kind = "shown.odd", version = 2, since = 2)]
struct Odd {
    by_pair: BTreeMap<(u8, String), bool>,
    by_nothing: BTreeMap<Option<u8>, i8>,
    wide: u128,
    float: f64,
}

#[derive(Debug, PartialEq, Event)]
#[event(kind = "shown.page", content = "text/html")]
struct Page(String);

fn events(store: &str) -> Vec<RecordedEvent> {
    let store = StoreReader::open(store).unwrap();
    store.read(&Query::ALL).unwrap().collect::<tidegate::Result<_>>().unwrap()
}

#[test]
fn odd_keys_and_bytes_are_shown_and_come_back() {
    let place = TempFolder::new();
    let odd = Odd {
        by_pair: BTreeMap::from([((1, "a".to_owned()), true)]),
        by_nothing: BTreeMap::from([(None, -1), (Some(7), 1)]),
        wide: 255,
        float: f64::INFINITY,
    };
    let page = Page("<p>".to_owned());
    let store = Store::open(place.path("store")).unwrap();
    store.append(odd.draft(("s", "e")).unwrap()).unwrap();
    store.append(page.draft(("s", "e")).unwrap()).unwrap();
    store.close().unwrap();

    let lines = run(&["read", &place.path("store"), "--json"]).ok();
    let shown: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&shown[0]["kind"], &shown[0]["schema"]), (&json!("shown.odd"), &json!(2)));
    let data = json!({
        "by_pair": {"[1,a]": true},
        "by_nothing": {"null": -1, "7": 1},
        "wide": {"base64": "AAAAAAAAAAAAAAAAAAAA/w=="},
        "float": "inf",
    });
    assert_eq!((&shown[0]["type"], &shown[0]["data"]), (&json!("message-pack"), &data));
    assert_eq!((&shown[1]["type"], &shown[1]["base64"]), (&json!("bytes"), &json!("PHA+")));
    assert_eq!(shown[1]["meta"], json!({"content-type": "text/html"}));

    let (file, copy) = (place.file("lines.jsonl", &lines), place.path("copy"));
    run(&["import", &copy, &file]).ok();
    let (before, after) = (events(&place.path("store")), events(&copy));
    assert!(
        before
            .iter()
            .map(|event| event.payload().unwrap())
            .eq(after.iter().map(|event| event.payload().unwrap()))
    );
    assert_eq!(Odd::of(&after[0]).unwrap(), odd);
    assert_eq!(Page::of(&after[1]).unwrap(), page);
}
