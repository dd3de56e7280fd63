//! Drafts are refused just past each limit, and not before.

use tidegate_format::limit::{
    CAUSES_MAX, METADATA_MAX, METADATA_VALUE_BYTES_MAX, NAME_BYTES_MAX, PAYLOAD_BYTES_MAX, TAGS_MAX,
};
use tidegate_format::{Cause, Draft, ErrorKind, Position, StreamId, name};

fn draft() -> Draft {
    Draft::new(("shop", "order-7"), "order.placed")
}

#[track_caller]
fn assert_refused(draft: &Draft, words: &str) {
    let error = draft.check().expect_err(words);
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains(words), "{error}");
}

/// Where a draft has a name, and what refusals call it.
type NamePlace = (&'static str, fn(String) -> Draft);

const NAMES: [NamePlace; 5] = [
    ("scope", |name| Draft::new((name, "e"), "k")),
    ("entity", |name| Draft::new(("s", name), "k")),
    ("kind", |name| Draft::new(("s", "e"), name)),
    ("tag", |name| draft().tag("first").tag(name)),
    ("metadata name", |name| draft().meta("first", "").meta(name, "value")),
];

#[test]
fn names() {
    for (what, with) in NAMES {
        with("x".repeat(NAME_BYTES_MAX)).check().unwrap();
        assert_refused(&with("x".repeat(NAME_BYTES_MAX + 1)), what);
        assert_refused(&with(String::new()), what);
        for control in ["\0", "a\nb", "\u{7f}", "\u{85}"] {
            assert_refused(&with(control.to_owned()), what);
        }
        if what != "kind" {
            with("漢".repeat(341)).check().unwrap();
            assert_refused(&with("漢".repeat(342)), what);
            with("a/b c:d*\u{fffd}".to_owned()).check().unwrap();
        }
    }
}

#[test]
fn counts() {
    let with = |count: usize| {
        let mut draft = draft();
        draft.tags = vec!["t".into(); count];
        draft
    };
    with(TAGS_MAX).check().unwrap();
    assert_refused(&with(TAGS_MAX + 1), "too many tags: 256, the limit is 255");
    let with = |count: usize| {
        let mut draft = draft();
        draft.causes = vec![Cause::At(Position(1)); count];
        draft
    };
    with(CAUSES_MAX).check().unwrap();
    assert_refused(&with(CAUSES_MAX + 1), "too many causes: 65536");
    let with = |count: usize| {
        let mut draft = draft();
        draft.metadata = vec![("n".into(), b"v".as_slice().into()); count];
        draft
    };
    with(METADATA_MAX).check().unwrap();
    assert_refused(&with(METADATA_MAX + 1), "too many metadata entries: 256");
}

#[test]
fn sizes() {
    let with = |length: usize| draft().meta("n", "v".repeat(length));
    with(METADATA_VALUE_BYTES_MAX).check().unwrap();
    with(0).check().unwrap();
    draft().meta("n", "line\nline\0").check().unwrap();
    assert_refused(&with(METADATA_VALUE_BYTES_MAX + 1), "too long: 65536 bytes");
    let with = |length: usize| draft().bytes(vec![0; length]);
    with(PAYLOAD_BYTES_MAX).check().unwrap();
    assert_refused(&with(PAYLOAD_BYTES_MAX + 1), "too long: 67108865 bytes");
}

#[test]
fn kinds() {
    for kind in
        ["a", "7", "order.placed", "OrderPlaced", "com.example.Paid", "app:Dog Registered", ".", "ärger"]
    {
        name::check_kind(kind).unwrap();
    }
    for kind in ["", "*", "a.*", "a*", "a\n", "a\u{85}"] {
        assert_eq!(name::check_kind(kind).expect_err(kind).kind(), ErrorKind::Invalid);
    }
}

#[test]
fn reserved_names() {
    for name in ["tidegate", "tidegate.", "tidegate.denied", "tidegate.a.b"] {
        assert!(name::is_reserved(name), "{name}");
    }
    for name in ["", "tidegates", "tidegate-x", "tidegat", "Tidegate", "my.tidegate", "tide.gate"] {
        assert!(!name::is_reserved(name), "{name}");
    }
    draft().check_unreserved().unwrap();
    let reserved = Draft::new(("s", "e"), "tidegate.denied");
    reserved.check().unwrap();
    assert_eq!(reserved.check_unreserved().unwrap_err().kind(), ErrorKind::Invalid);
    let reserved = draft().meta("a", "").meta("tidegate.bypass", "me");
    assert_eq!(reserved.check_unreserved().unwrap_err().kind(), ErrorKind::Invalid);
    draft().tag("tidegate.x").check_unreserved().unwrap();
}

#[test]
fn coordinates() {
    assert!(StreamId::new("s", "e").lane(u32::MAX).check().is_ok());
    assert!(StreamId::new("", "e").check().unwrap_err().message().contains("scope"));
    assert!(StreamId::new("s", "\t").check().unwrap_err().message().contains("entity"));
}
