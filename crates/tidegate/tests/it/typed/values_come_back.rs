//! Values come back from the log as they went in, odd ones included.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use tidegate::typed::{CONTENT_TYPE, DraftPayload, Kind};
use tidegate::{Draft, ErrorKind, ErrorPlace, Event, Position, Query, StoreOptions};
use tidegate_format::PayloadType;

use super::{again, appended};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(kind = "values.placed")]
struct Placed {
    total: u64,
    note: Option<String>,
}

#[derive(Debug, PartialEq, Event)]
#[event(kind = "values.opened")]
struct Opened;

#[derive(Debug, PartialEq, Event)]
#[event(kind = "values.page", content = "text/html")]
struct Page(String);

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(kind = "values.named")]
#[serde(transparent)]
struct Named(BTreeMap<String, u8>);

#[derive(Debug, PartialEq, Event)]
enum Order {
    Placed(Placed),
    Page(Page),
    #[event(kind = "values.paid", version = 4, since = 4)]
    Paid,
    #[event(kind = "values.shipped")]
    #[serde(rename_all = "UPPERCASE")]
    Shipped {
        to: String,
        #[serde(rename = "weight", default)]
        grams: u32,
    },
    #[event(kind = "values.weighed")]
    Weighed(Weights),
    #[event(kind = "values.photo", content = "image/png")]
    Photo(Vec<u8>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Weights {
    grams: Vec<u32>,
}

#[test]
fn a_struct_is_one_kind() {
    let placed = Placed { total: 12, note: None };
    let draft = placed.draft(("shop", "order-7")).unwrap();
    assert_eq!(
        (&*draft.kind, draft.schema, draft.payload_type),
        ("values.placed", 1, PayloadType::MessagePack)
    );
    assert_eq!(&*draft.payload, b"\x82\xa5total\x0c\xa4note\xc0", "fields have their names");
    assert_eq!(again(&placed), placed);
    assert_eq!(*Placed::kinds(), [Kind::new("values.placed", 1, 1, &[], "{total:u64,note:Option<String>}")]);
    assert_eq!(again(&Opened), Opened);
    assert_eq!(&*Opened.draft(("s", "e")).unwrap().payload, b"\x80");
    let named = Named(BTreeMap::from([("a".to_owned(), 1)]));
    assert_eq!(again(&named), named);
}

#[test]
fn an_enum_is_a_kind_a_variant() {
    let values = [
        (Order::Placed(Placed { total: 1, note: Some("x".to_owned()) }), "values.placed", 1),
        (Order::Page(Page("<p>".to_owned())), "values.page", 1),
        (Order::Paid, "values.paid", 4),
        (Order::Shipped { to: "Rome".to_owned(), grams: 5 }, "values.shipped", 1),
        (Order::Weighed(Weights { grams: vec![1, 2] }), "values.weighed", 1),
        (Order::Photo(vec![0, 255]), "values.photo", 1),
    ];
    for (value, kind, schema) in &values {
        let draft = value.draft(("shop", "order-7")).unwrap();
        assert_eq!((&*draft.kind, draft.schema), (*kind, *schema));
        assert_eq!(&again(value), value);
        assert!(Order::knows(kind) && !Order::knows("values.opened"));
    }
    assert_eq!(Order::kinds().len(), values.len());
    let shipped = values[3].0.draft(("s", "e")).unwrap();
    assert_eq!(&*shipped.payload, b"\x82\xa2TO\xa4Rome\xa6weight\x05");
}

#[test]
fn bytes_say_their_content_type() {
    let draft = Page("<p>".to_owned()).draft(("s", "e")).unwrap();
    assert_eq!((draft.payload_type, &*draft.payload), (PayloadType::Bytes, &b"<p>"[..]));
    assert_eq!(draft.metadata, [(CONTENT_TYPE.into(), b"text/html".as_slice().into())]);
    let other = Draft::new(("s", "e"), "values.page").bytes(b"<p>").meta(CONTENT_TYPE, "text/plain");
    let error = Page::of(&appended(other)).unwrap_err().to_string();
    assert!(error.contains("it is not text/html but text/plain"), "{error}");
    let broken = Draft::new(("s", "e"), "values.page").bytes(b"\xff").meta(CONTENT_TYPE, "text/html");
    let error = Page::of(&appended(broken)).unwrap_err().to_string();
    assert!(error.contains("invalid utf-8"), "{error}");
}

#[test]
fn json_is_read_as_json() {
    let draft =
        Draft::new(("s", "e"), "values.placed").json_text(r#"{"note":"by hand","total":7,"more":[]}"#);
    let expected = Placed { total: 7, note: Some("by hand".to_owned()) };
    assert_eq!(Placed::of(&appended(draft)).unwrap(), expected);
}

#[test]
fn items_select_the_kinds_of_a_type() {
    let store = StoreOptions::new().thread(false).in_memory().unwrap();
    for entity in ["a", "b"] {
        for draft in [
            Opened.draft(("s", entity)).unwrap(),
            Order::Paid.draft(("s", entity)).unwrap(),
            Placed { total: 1, note: None }.draft(("s", entity)).unwrap(),
        ] {
            store.append(draft).unwrap();
        }
    }
    let read = |query: Query| store.read(&query).unwrap().map(|event| Order::of(&event.unwrap()).unwrap());
    assert_eq!(read(Order::item().into()).count(), 4);
    let of_b: Vec<_> = read(Order::item().scope("s").entity("b").into()).collect();
    assert_eq!(of_b, [Order::Paid, Order::Placed(Placed { total: 1, note: None })]);
}

#[test]
fn another_kind_is_an_error_with_its_position() {
    let error = Placed::of(&appended(Opened.draft(("s", "e")).unwrap())).unwrap_err();
    assert_eq!((error.kind(), error.place()), (ErrorKind::Invalid, Some(&ErrorPlace::Event(Position(1)))));
    assert!(error.message().contains("kind values.opened in version 1"), "{error}");
    assert!(error.message().ends_with("Placed reads only values.placed"), "{error}");
}

/// Bytes as `serde` has them, which are not a list of numbers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Blob(Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Blob;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
        }
        from.deserialize_bytes(Bytes)
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename = "_ExtStruct")]
struct Extension((i8, Blob));

#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
enum Colour {
    Red,
    Mixed(u8, u8),
    Named { name: String },
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
#[event(kind = "values.odd")]
struct Odd {
    pairs: BTreeMap<(u8, String), bool>,
    maybe: BTreeMap<Option<bool>, i8>,
    blobs: BTreeMap<Blob, Blob>,
    colours: BTreeMap<Colour, Vec<Colour>>,
    maps: BTreeMap<BTreeMap<u8, u8>, u8>,
    chars: HashMap<char, char>,
    wide: (i128, u128, i64, u64),
    floats: (f32, f64),
    extension: Extension,
    nothing: ((), [u8; 0], String),
}

#[test]
fn odd_keys_and_bytes_come_back() {
    let colours = || [Colour::Red, Colour::Mixed(1, 2), Colour::Named { name: String::new() }];
    let odd = Odd {
        pairs: BTreeMap::from([((1, "a".to_owned()), true), ((1, "\0\"".to_owned()), false)]),
        maybe: BTreeMap::from([(None, -1), (Some(true), 1)]),
        blobs: BTreeMap::from([(Blob(vec![]), Blob(vec![0; 70_000])), (Blob(vec![255]), Blob(vec![0xc1]))]),
        colours: colours().into_iter().map(|colour| (colour, colours().into())).collect(),
        maps: BTreeMap::from([(BTreeMap::from([(1, 2)]), 3), (BTreeMap::new(), 4)]),
        chars: HashMap::from([('ä', '\u{10ffff}')]),
        wide: (i128::MIN, u128::MAX >> 1, i64::MIN, u64::MAX),
        floats: (f32::INFINITY, f64::MIN_POSITIVE),
        extension: Extension((-5, Blob(vec![1, 2, 3]))),
        nothing: ((), [], String::new()),
    };
    assert_eq!(again(&odd), odd);
}

#[test]
fn not_a_number_stays_one() {
    #[derive(Serialize, Deserialize, Event)]
    #[event(kind = "values.measured")]
    struct Measured {
        value: f64,
    }
    assert!(again(&Measured { value: f64::NAN }).value.is_nan());
}

/// A draft takes its payload from a value that is only borrowed, by itself and in what it holds.
#[test]
fn payloads_of_borrowed_values() {
    #[derive(Serialize)]
    struct Order<'a> {
        item: &'a str,
        total: u32,
    }
    let item = String::from("tide table");
    let order = Order { item: &item, total: 12 };
    let draft = || Draft::new(("s", "e"), "order.placed");
    let json = appended(draft().json(&order).unwrap());
    assert_eq!(json.payload().unwrap(), br#"{"item":"tide table","total":12}"#);
    assert_eq!(json.payload_type(), PayloadType::Json);
    let packed = appended(draft().message_pack_of(&order).unwrap());
    assert_eq!(packed.payload_type(), PayloadType::MessagePack);
    assert_eq!(packed.payload().unwrap(), b"\x82\xa4item\xaatide table\xa5total\x0c");
    let keys = BTreeMap::from([([1_u8, 2], 3)]);
    let refused = draft().json(&keys).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert!(refused.to_string().contains("cannot be a payload of order.placed"), "{refused}");
}
