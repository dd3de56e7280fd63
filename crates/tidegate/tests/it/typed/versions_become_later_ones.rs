//! Earlier versions become later ones, and nothing is guessed.

use serde::{Deserialize, Serialize};
use tidegate::{Draft, ErrorKind, ErrorPlace, Event, Position, RecordedEvent, Result, StoreOptions};

#[derive(Serialize, Deserialize)]
struct V1 {
    name: String,
}

#[derive(Serialize, Deserialize)]
struct V2 {
    first: String,
    last: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(kind = "versions.joined", version = 3, upcast(2 => V2, 1 => V1))]
struct Joined {
    first: String,
    last: String,
    year: Option<u16>,
}

impl TryFrom<V1> for V2 {
    type Error = String;

    fn try_from(earlier: V1) -> Result<Self, String> {
        match earlier.name.split_once(' ') {
            Some((first, last)) => Ok(Self { first: first.to_owned(), last: last.to_owned() }),
            None => Err(format!("the name {:?} has no last part", earlier.name)),
        }
    }
}

impl From<V2> for Joined {
    fn from(V2 { first, last }: V2) -> Self {
        Self { first, last, year: None }
    }
}

#[derive(Debug, PartialEq, Event)]
enum Member {
    #[event(kind = "versions.left", version = 2, upcast(1 => Farewell))]
    Left(Left),
    #[event(kind = "versions.lost", version = 5, since = 4, upcast(4 => Vec<u8>), content = "text/plain")]
    Lost(String),
    Joined(Joined),
}

#[derive(Serialize, Deserialize)]
struct Farewell {
    words: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Left {
    letters: usize,
}

impl From<Farewell> for Left {
    fn from(earlier: Farewell) -> Self {
        Self { letters: earlier.words.len() }
    }
}

/// A store with a payload in some version, and the event.
fn stored(kind: &'static str, schema: u16, payload: Vec<u8>) -> RecordedEvent {
    let store = StoreOptions::new().thread(false).in_memory().unwrap();
    store.append(Draft::new(("s", "e"), "other")).unwrap();
    let draft = Draft::new(("s", "e"), kind).schema(schema).message_pack(payload);
    let receipt = store.append(draft).unwrap();
    store.view().unwrap().at(receipt.first()).unwrap().unwrap()
}

fn packed(value: &impl Serialize) -> Vec<u8> {
    rmp_serde::to_vec_named(value).unwrap()
}

#[test]
fn every_version_is_read_as_the_last() {
    let v1 = stored("versions.joined", 1, packed(&V1 { name: "Ada Lovelace".to_owned() }));
    let v2 = V2 { first: "Ada".to_owned(), last: "Lovelace".to_owned() };
    let v2 = stored("versions.joined", 2, packed(&v2));
    let v3 = Joined { first: "Ada".to_owned(), last: "Lovelace".to_owned(), year: None };
    let last = stored("versions.joined", 3, packed(&v3));
    for event in [v1, v2, last] {
        assert_eq!(Joined::of(&event).unwrap(), v3);
        assert_eq!(Member::of(&event).unwrap(), Member::Joined(v3.clone()));
    }
    assert_eq!(v3.draft(("s", "e")).unwrap().schema, 3);
    let left = stored("versions.left", 1, packed(&Farewell { words: "adieu".to_owned() }));
    assert_eq!(Member::of(&left).unwrap(), Member::Left(Left { letters: 5 }));
}

#[test]
fn a_newer_version_is_told_apart() {
    let event = stored("versions.joined", 4, packed(&V1 { name: "Ada Lovelace".to_owned() }));
    let error = Joined::of(&event).unwrap_err();
    assert_eq!((error.kind(), error.place()), (ErrorKind::Newer, Some(&ErrorPlace::Event(Position(2)))));
    assert!(error.message().contains("kind versions.joined in version 4"), "{error}");
    assert!(error.message().contains("version 3 is the newest that this program knows"), "{error}");
}

#[test]
fn versions_never_written_are_not_guessed_at() {
    for (schema, words) in [(0, "versions before 4"), (3, "versions before 4")] {
        let error = Member::of(&stored("versions.lost", schema, Vec::new())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.message().contains(words), "{error}");
    }
}

#[test]
fn an_upcast_that_fails_says_where_and_why() {
    let event = stored("versions.joined", 1, packed(&V1 { name: "Plato".to_owned() }));
    let error = Joined::of(&event).unwrap_err();
    assert_eq!((error.kind(), error.place()), (ErrorKind::Invalid, Some(&ErrorPlace::Event(Position(2)))));
    assert!(error.to_string().ends_with("the name \"Plato\" has no last part"), "{error}");
    let event = stored("versions.joined", 1, packed(&Left { letters: 1 }));
    let error = Joined::of(&event).unwrap_err().to_string();
    assert!(error.contains("the payload is no ") && error.contains("missing field `name`"), "{error}");
}
