//! The golden files were computed by another program, from the specification alone.

use sha2::{Digest, Sha256};
use tidegate_format::frame::{self, FRAME_HEAD_BYTES, Frame};
use tidegate_format::record::{self, RECORD_HEAD_BYTES};
use tidegate_format::watermark::WATERMARK_SLOTS;
use tidegate_format::{
    Cause, Draft, EventId, Facts, FrameHead, Hash, Micros, Offset, PayloadType, Placed, Position, Record,
    SegmentHead, StoreFile, StoreId, Version, Watermark,
};

use crate::golden;

const FULL: &str = include_str!("../../fixtures/record-full.txt");
const MINIMAL: &str = include_str!("../../fixtures/record-minimal.txt");
const FRAME: &str = include_str!("../../fixtures/frame.txt");
const SEGMENT: &str = include_str!("../../fixtures/segment-head.txt");
const STORE: &str = include_str!("../../fixtures/store.txt");
const WATERMARK: &str = include_str!("../../fixtures/watermark.txt");

const SALT: u64 = 0x0123_4567_89ab_cdef;
const TIME: Micros = Micros(1_795_000_000_000_000);
const CONTENT: Hash = Hash([0xab; 32]);

fn event(number: u8) -> EventId {
    format!("0195fdd6-0000-7000-8000-{number:012}").parse().unwrap()
}

fn store(last: u8) -> StoreId {
    format!("01a1b2c3-d4e5-7f60-8a1b-2c3d4e5f60{last}").parse().unwrap()
}

/// The leaf hash from the specification: plain SHA-256 over bytes put together by hand.
fn leaf_by_hand(record: &[u8], payload_bytes: usize) -> Hash {
    let (head, payload) = record.split_at(record.len() - payload_bytes);
    let mut leaf = vec![0];
    leaf.extend_from_slice(&head[8..]);
    leaf.extend_from_slice(&Sha256::digest(payload));
    Hash(Sha256::digest(&leaf).into())
}

#[test]
fn record_with_every_field() {
    let draft =
        Draft::new(tidegate_format::Coordinate::new("café", "order-7").lane(0x0102_0304), "order.placed")
            .json(r#"{"total":12}"#)
            .schema(7)
            .tag("vip")
            .tag("straße")
            .meta("by", "till 4")
            .meta("note", "");
    let position = Position(0x0102_0304_0506_0708);
    let causes = [Cause::At(Position(5)), Cause::Foreign(store(72), event(3)), Cause::Draft(1)];
    let facts = Facts {
        id: event(2),
        correlation: event(1),
        causes: &causes,
        key: Some(("request-1", CONTENT)),
        batch_end: true,
    };
    let link = Hash(std::array::from_fn(|n| n as u8));
    let previous = Position(0x0102_0304_0506_0700);
    let placed = Placed { position, version: Version(0x1112), previous, link, time: TIME };

    let mut bytes = Vec::new();
    let payload = record::encode(&draft, &facts, &mut bytes);
    let leaf = record::place(&mut bytes, &placed, Position(position.0 - 2), &payload);
    golden::assert_same(&bytes, FULL);
    assert_eq!(leaf.to_string(), golden::note(FULL, "leaf"));
    assert_eq!(leaf, leaf_by_hand(&bytes, 12));

    let bytes = golden::bytes(FULL);
    let record = Record::read(&bytes).unwrap();
    assert_eq!(
        (record.position(), record.version(), record.previous()),
        (position, Version(0x1112), previous)
    );
    assert_eq!((record.time(), record.link(), record.leaf()), (TIME, link, leaf));
    assert_eq!((record.id(), record.correlation()), (event(2), event(1)));
    assert_eq!((record.scope(), record.entity(), record.lane()), ("café", "order-7", 0x0102_0304));
    assert_eq!((record.kind(), record.schema()), ("order.placed", 7));
    assert_eq!((record.key(), record.ends_batch()), (Some(("request-1", CONTENT)), true));
    assert_eq!((record.payload_type(), record.payload()), (PayloadType::Json, &br#"{"total":12}"#[..]));
    assert!(record.tags().eq(["vip", "straße"]));
    assert!(record.causes().eq([causes[0], causes[1], Cause::At(Position(position.0 - 1))]));
    assert!(record.metadata().eq([("by", "till 4"), ("note", "")]));
}

#[test]
fn minimal_record() {
    let draft = Draft::new(("s", "e"), "k");
    let facts = Facts { id: event(1), correlation: event(1), causes: &[], key: None, batch_end: false };
    let (position, previous, version) = (Position(1), Position(0), Version(1));
    let placed = Placed { position, version, previous, link: Hash::ZERO, time: Micros(0) };
    let mut bytes = Vec::new();
    let payload = record::encode(&draft, &facts, &mut bytes);
    let leaf = record::place(&mut bytes, &placed, position, &payload);
    golden::assert_same(&bytes, MINIMAL);
    assert_eq!(bytes.len(), RECORD_HEAD_BYTES + 3);
    assert_eq!(leaf.to_string(), golden::note(MINIMAL, "leaf"));
    assert_eq!(leaf, leaf_by_hand(&bytes, 0));

    let bytes = golden::bytes(MINIMAL);
    let record = Record::read(&bytes).unwrap();
    assert_eq!((record.position(), record.version(), record.previous()), (position, version, previous));
    assert_eq!((record.time(), record.link(), record.leaf()), (Micros(0), Hash::ZERO, leaf));
    assert_eq!((record.id(), record.correlation()), (event(1), event(1)));
    assert_eq!((record.scope(), record.entity(), record.lane(), record.kind()), ("s", "e", 0, "k"));
    assert_eq!((record.schema(), record.key(), record.ends_batch()), (1, None, false));
    assert_eq!((record.payload_type(), record.payload()), (PayloadType::Bytes, &b""[..]));
    assert_eq!((record.tags().len(), record.causes().len(), record.metadata().len()), (0, 0, 0));
}

#[test]
fn frame_of_two_batches() {
    let drafts = [
        Draft::new(("shop", "order-7"), "order.placed").json("{}"),
        Draft::new(("shop", "order-7"), "order.paid"),
        Draft::new(("shop", "order-8"), "order.placed"),
    ];
    let caused = [Cause::Draft(0)];
    let plain = |n| Facts { id: event(n), correlation: event(n), causes: &[], key: None, batch_end: true };
    let facts = [
        Facts { key: Some(("request-1", CONTENT)), batch_end: false, ..plain(1) },
        Facts { correlation: event(1), causes: &caused, ..plain(2) },
        plain(3),
    ];
    let places = [(41, 3, 17), (42, 4, 41), (43, 1, 0)];
    let mut bytes = vec![0; FRAME_HEAD_BYTES];
    let mut link = Hash([0x11; 32]);
    for ((draft, facts), (position, version, previous)) in drafts.iter().zip(&facts).zip(places) {
        let start = bytes.len();
        let payload = record::encode(draft, facts, &mut bytes);
        link = if previous == 0 { Hash::ZERO } else { link };
        let (position, previous) = (Position(position), Position(previous));
        let placed = Placed { position, version: Version(version), previous, link, time: TIME };
        link = record::place(&mut bytes[start..], &placed, Position(41), &payload);
    }
    let sealed = frame::seal(&mut bytes, Position(41), Position(40), 2, SALT);
    golden::assert_same(&bytes, FRAME);
    assert_eq!(golden::note(FRAME, "salt"), format!("{SALT:016x}"));

    let bytes = golden::bytes(FRAME);
    let frame = Frame::read(&bytes, SALT).unwrap();
    assert_eq!(frame.head, sealed);
    let (first, synced) = (Position(41), Position(40));
    assert_eq!(frame.head, FrameHead { length: 459, count: 3, first, synced, epoch: 2 });
    let found: Vec<_> =
        frame.records().map(|(at, record)| (at, record.position().0, record.kind())).collect();
    assert_eq!(found, [(36, 41, "order.placed"), (210, 42, "order.paid"), (364, 43, "order.placed")]);
    let (_, second) = frame.records().nth(1).unwrap();
    assert!(second.causes().eq([Cause::At(Position(41))]));
    assert_eq!(second.link(), frame.records().next().unwrap().1.leaf());
}

#[test]
fn segment_head() {
    let head = SegmentHead {
        store: store(71),
        salt: SALT,
        first: Position(41),
        before_first: Position(1),
        before_length: Offset(8192),
        created: TIME,
        epoch: 2,
    };
    golden::assert_same(&head.encode(), SEGMENT);
    assert_eq!(SegmentHead::read(&golden::bytes(SEGMENT)).unwrap(), head);
}

#[test]
fn store_file() {
    let file = StoreFile { id: store(71), salt: SALT, created: TIME };
    golden::assert_same(file.encode().as_bytes(), STORE);
    assert_eq!(StoreFile::read(&golden::bytes(STORE)).unwrap(), file);
}

#[test]
fn watermark() {
    let (durable, segment, tail) = (Position(43), Position(41), Offset(575));
    let mark = Watermark { sequence: 7, durable, segment, tail, salt: SALT, epoch: 2, clean: true };
    golden::assert_same(&mark.encode(), WATERMARK);
    assert_eq!(mark.slot(), WATERMARK_SLOTS[1]);
    let mut file = vec![0; 4096];
    file.extend(golden::bytes(WATERMARK));
    assert_eq!(Watermark::read(&file, SALT), Some(mark));
}

/// The leaf commits to every byte of the entry, and through its hash to the payload.
#[test]
fn leaf_changes_with_every_byte() {
    let golden = golden::bytes(FULL);
    let leaf = leaf_by_hand(&golden, 12);
    for at in 8..golden.len() {
        let mut bytes = golden.clone();
        bytes[at] ^= 1;
        assert_ne!(leaf_by_hand(&bytes, 12), leaf, "byte {at}");
    }
    let mut other = golden.clone();
    *other.last_mut().unwrap() ^= 1;
    crate::sample::mend_record(&mut other);
    assert_ne!(Record::read(&other).unwrap().leaf(), leaf);
}
