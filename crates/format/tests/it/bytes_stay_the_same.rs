//! The golden files were computed by another program, from the specification alone.

use sha2::{Digest, Sha256};
use tidegate_format::frame::{self, FRAME_HEADER_BYTES, Frame, SLOT_FRAME_HEADER_BYTES, Sealing};
use tidegate_format::record::encrypted::{self, TAG_BYTES};
use tidegate_format::record::{self, RECORD_HEAD_BYTES};
use tidegate_format::record::{EncryptedPayload, Facts, KeyId, Placed};
use tidegate_format::store::{BackupEntry, BackupFile, NodeFile, NodeId, NodeSequence, StageFile};
use tidegate_format::watermark::WATERMARK_SLOTS;
use tidegate_format::{
    Blind, Cause, Draft, ErasingFile, ErrorKind, EventId, FloorFile, ForkPoint, FrameHeader, Hash, Micros,
    Offset, PayloadType, Position, Record, SegmentHeader, StoreFile, StoreId, Version, Watermark,
};

use crate::golden;
use crate::sample::sealing;

const FULL: &str = include_str!("../../fixtures/records/full.txt");
const ERASED: &str = include_str!("../../fixtures/records/erased.txt");
const MINIMAL: &str = include_str!("../../fixtures/records/minimal.txt");
const FRAME: &str = include_str!("../../fixtures/frame.txt");
const SLOT_FRAME: &str = include_str!("../../fixtures/frame-slot.txt");
const SEGMENT: &str = include_str!("../../fixtures/segment-head.txt");
const STORE: &str = include_str!("../../fixtures/store.txt");
const FORKED_STORE: &str = include_str!("../../fixtures/store-forked.txt");
const FLOOR: &str = include_str!("../../fixtures/floor.txt");
const BACKUP: &str = include_str!("../../fixtures/backup.txt");
const ERASING: &str = include_str!("../../fixtures/erasing.txt");
const NODE: &str = include_str!("../../fixtures/node.txt");
const ENCRYPTED: &str = include_str!("../../fixtures/records/encrypted.txt");
const STAGE: &str = include_str!("../../fixtures/stage.txt");
const WATERMARK: &str = include_str!("../../fixtures/watermark.txt");

const SALT: u64 = 0x0123_4567_89ab_cdef;
const TIME: Micros = Micros(1_795_000_000_000_000);
const SEED: u64 = 0xfedc_ba98_7654_3210;
const CONTENT: Hash = Hash([0xab; 32]);

fn event(number: u8) -> EventId {
    format!("0195fdd6-0000-7000-8000-{number:012}").parse().unwrap()
}

fn store(last: u8) -> StoreId {
    format!("01a1b2c3-d4e5-7f60-8a1b-2c3d4e5f60{last}").parse().unwrap()
}

/// The leaf hash from the specification: plain SHA-256 over bytes put together by hand. `content` and `tail` say where
/// the parts and the content hash end.
fn leaf_by_hand(record: &[u8], content: usize, tail: usize, payload_bytes: usize) -> Hash {
    let commitment = Sha256::digest(&record[tail..tail + 16 + payload_bytes]);
    let body = Sha256::digest([&commitment[..], &record[RECORD_HEAD_BYTES..content]].concat());
    Hash(Sha256::digest([&[0], &record[8..RECORD_HEAD_BYTES], &body[..]].concat()).into())
}

#[test]
fn record_with_every_field() {
    let draft =
        Draft::new(tidegate_format::StreamId::new("café", "order-7").lane(0x0102_0304), "order.placed")
            .json_text(r#"{"total":12}"#)
            .schema(7)
            .tag("vip")
            .tag("straße")
            .meta("by", "till 4")
            .meta("note", "")
            .meta_bytes("trace", &b"\xff\0"[..]);
    let position = Position(0x0102_0304_0506_0708);
    let causes = [Cause::At(Position(5)), Cause::Foreign(store(72), event(3)), Cause::Draft(1)];
    let blind = Blind(std::array::from_fn(|n| 0xb0 + n as u8));
    let facts = Facts {
        id: event(2),
        correlation: event(1).into(),
        causes: &causes,
        key: Some(("request-1", blind.content(&CONTENT))),
        notes: &[],
        blind,
        batch_end: true,
    };
    let link = Hash(std::array::from_fn(|n| n as u8));
    let previous = Position(0x0102_0304_0506_0700);
    let placed = Placed { position, version: Version(0x1112), previous, link, time: TIME };

    let mut bytes = Vec::new();
    let body = record::encode(&draft, &facts, &mut bytes);
    let leaf = record::place(&mut bytes, &placed, Position(position.0 - 2), &body);
    golden::assert_same(&bytes, FULL);
    assert_eq!(leaf.to_string(), golden::note(FULL, "leaf"));
    assert_eq!(leaf, leaf_by_hand(&bytes, 257, 289, 12));

    let bytes = golden::bytes(FULL);
    let record = Record::read(&bytes).unwrap();
    assert_eq!(
        (record.position(), record.version(), record.previous()),
        (position, Version(0x1112), previous)
    );
    assert_eq!((record.time(), record.link(), record.leaf()), (TIME, link, leaf));
    assert_eq!((record.id(), record.correlation()), (event(2), event(1).into()));
    assert_eq!((record.scope(), record.entity(), record.lane()), ("café", "order-7", 0x0102_0304));
    assert_eq!((record.kind(), record.schema()), ("order.placed", 7));
    assert_eq!((record.key(), record.ends_batch()), (Some(("request-1", blind.content(&CONTENT))), true));
    assert_eq!(
        (record.payload_type(), record.payload().unwrap()),
        (PayloadType::Json, &br#"{"total":12}"#[..])
    );
    assert_eq!((record.blind(), record.is_erased()), (Some(blind), false));
    assert!(record.tags().eq(["vip", "straße"]));
    assert!(record.causes().eq([causes[0], causes[1], Cause::At(Position(position.0 - 1))]));
    assert!(record.metadata().eq([("by", &b"till 4"[..]), ("note", b""), ("trace", b"\xff\0")]));
}

#[test]
fn minimal_record() {
    let draft = Draft::new(("s", "e"), "k");
    let blind = Blind([7; 16]);
    let facts = Facts {
        id: event(1),
        correlation: event(1).into(),
        causes: &[],
        key: None,
        notes: &[],
        blind,
        batch_end: false,
    };
    let (position, previous, version) = (Position(1), Position(0), Version(1));
    let placed = Placed { position, version, previous, link: Hash::ZERO, time: Micros(0) };
    let mut bytes = Vec::new();
    let body = record::encode(&draft, &facts, &mut bytes);
    let leaf = record::place(&mut bytes, &placed, position, &body);
    golden::assert_same(&bytes, MINIMAL);
    assert_eq!(bytes.len(), RECORD_HEAD_BYTES + 3 + 32);
    assert_eq!(leaf.to_string(), golden::note(MINIMAL, "leaf"));
    assert_eq!(leaf, leaf_by_hand(&bytes, 115, 115, 0));

    let bytes = golden::bytes(MINIMAL);
    let record = Record::read(&bytes).unwrap();
    assert_eq!((record.position(), record.version(), record.previous()), (position, version, previous));
    assert_eq!((record.time(), record.link(), record.leaf()), (Micros(0), Hash::ZERO, leaf));
    assert_eq!((record.id(), record.correlation()), (event(1), event(1).into()));
    assert_eq!((record.scope(), record.entity(), record.lane(), record.kind()), ("s", "e", 0, "k"));
    assert_eq!((record.schema(), record.key(), record.ends_batch()), (1, None, false));
    assert_eq!((record.payload_type(), record.payload().unwrap()), (PayloadType::Bytes, &b""[..]));
    assert_eq!((record.tags().len(), record.causes().len(), record.metadata().len()), (0, 0, 0));
}

/// Its ciphertext was made by another program, and is opened by the store's tests.
#[test]
fn encrypted_record() {
    let (key, nonce) =
        (KeyId(std::array::from_fn(|n| 0xc0 + n as u8)), std::array::from_fn(|n| 0x60 + n as u8));
    let bytes = golden::bytes(ENCRYPTED);
    let record = Record::read(&bytes).unwrap();
    assert_eq!(record.payload_type(), PayloadType::Encrypted);
    let payload = record.payload().unwrap();
    let parts = EncryptedPayload::read(payload).unwrap();
    assert_eq!((parts.key, parts.nonce, parts.to_bytes()), (key, nonce, payload.to_vec()));
    let plaintext = encrypted::plaintext(PayloadType::Json, br#"{"city":"Bonn"}"#);
    assert_eq!(parts.ciphertext.len(), plaintext.len() + TAG_BYTES);

    let stream = tidegate_format::StreamId::new("shop", "customer-7").lane(1);
    let mut draft = Draft::new(stream, "address.changed").bytes(payload.to_vec()).schema(2);
    draft.payload_type = PayloadType::Encrypted;
    let facts = Facts {
        id: event(4),
        correlation: event(4).into(),
        causes: &[],
        key: None,
        notes: &[],
        blind: Blind([9; 16]),
        batch_end: true,
    };
    let (position, previous) = (Position(9), Position(5));
    let link = Hash(std::array::from_fn(|n| n as u8));
    let placed = Placed { position, version: Version(2), previous, link, time: TIME };
    let mut written = Vec::new();
    let body = record::encode(&draft, &facts, &mut written);
    let leaf = record::place(&mut written, &placed, position, &body);
    golden::assert_same(&written, ENCRYPTED);
    assert_eq!(leaf.to_string(), golden::note(ENCRYPTED, "leaf"));
}

#[test]
fn stage_file() {
    let stream = tidegate_format::StreamId::new("shop", "order-7");
    let mut first = Draft::new(stream.clone().lane(3), "order.placed")
        .json_text(r#"{"total":12}"#)
        .schema(7)
        .id(event(2))
        .tag("vip")
        .tag("straße")
        .meta("by", "till 4");
    first.correlation = Some(event(1).into());
    first.causes = vec![Cause::At(Position(5)), Cause::Id(event(3)), Cause::Foreign(store(72), event(4))];
    let second = Draft::new(stream, "order.paid").cause(Cause::Draft(0));
    let mut bytes = StageFile::header(store(71)).to_vec();
    StageFile::append(&first, &mut bytes);
    StageFile::append(&second, &mut bytes);
    golden::assert_same(&bytes, STAGE);
    let bytes = golden::bytes(STAGE);
    let found = StageFile::read(&bytes).unwrap();
    assert_eq!((found.store, found.drafts, found.end), (store(71), vec![first, second], bytes.len()));
}

/// The records of the golden frames, behind room for a head.
fn records_of_two_batches(head_bytes: usize) -> Vec<u8> {
    let drafts = [
        Draft::new(("shop", "order-7"), "order.placed").json_text("{}"),
        Draft::new(("shop", "order-7"), "order.paid"),
        Draft::new(("shop", "order-8"), "order.placed"),
    ];
    let caused = [Cause::Draft(0)];
    let plain = |n| {
        let (id, blind) = (event(n), Blind([n; 16]));
        Facts { id, correlation: id.into(), causes: &[], key: None, notes: &[], blind, batch_end: true }
    };
    let facts = [
        Facts { key: Some(("request-1", Blind([1; 16]).content(&CONTENT))), batch_end: false, ..plain(1) },
        Facts { correlation: event(1).into(), causes: &caused, ..plain(2) },
        plain(3),
    ];
    let places = [(41, 3, 17), (42, 4, 41), (43, 1, 0)];
    let mut bytes = vec![0; head_bytes];
    let mut link = Hash([0x11; 32]);
    for ((draft, facts), (position, version, previous)) in drafts.iter().zip(&facts).zip(places) {
        let start = bytes.len();
        let body = record::encode(draft, facts, &mut bytes);
        link = if previous == 0 { Hash::ZERO } else { link };
        let (position, previous) = (Position(position), Position(previous));
        let placed = Placed { position, version: Version(version), previous, link, time: TIME };
        link = record::place(&mut bytes[start..], &placed, Position(41), &body);
    }
    bytes
}

#[test]
fn frame_of_two_batches() {
    let mut bytes = records_of_two_batches(FRAME_HEADER_BYTES);
    let sealed = frame::seal(&mut bytes, &sealing(41, 40, 2), SALT);
    golden::assert_same(&bytes, FRAME);
    assert_eq!(golden::note(FRAME, "salt"), format!("{SALT:016x}"));

    let bytes = golden::bytes(FRAME);
    let frame = Frame::read(&bytes, SALT).unwrap();
    assert_eq!(frame.head, sealed);
    let (first, synced) = (Position(41), Position(40));
    assert_eq!(frame.head, FrameHeader { length: 565, count: 3, first, synced, epoch: 2, slot: None });
    let found: Vec<_> =
        frame.records().map(|(at, record)| (at, record.position().0, record.kind())).collect();
    assert_eq!(found, [(36, 41, "order.placed"), (244, 42, "order.paid"), (434, 43, "order.placed")]);
    let (_, second) = frame.records().nth(1).unwrap();
    assert!(second.causes().eq([Cause::At(Position(41))]));
    assert_eq!(second.link(), frame.records().next().unwrap().1.leaf());
}

#[test]
fn frame_from_a_shared_log() {
    let mut bytes = records_of_two_batches(SLOT_FRAME_HEADER_BYTES);
    let sealed = frame::seal(&mut bytes, &Sealing { slot: Some(99), ..sealing(41, 40, 2) }, SALT);
    golden::assert_same(&bytes, SLOT_FRAME);
    let bytes = golden::bytes(SLOT_FRAME);
    let frame = Frame::read(&bytes, SALT).unwrap();
    assert_eq!((frame.head, frame.head.slot, frame.head.frame_bytes()), (sealed, Some(99), bytes.len()));
    assert_eq!(frame.records().next().unwrap().0, SLOT_FRAME_HEADER_BYTES);
    assert_eq!((frame::find(&bytes, 0), Frame::is_sealed(&bytes, SALT)), (Some(0), true));
}

/// keeps R3, R4
#[test]
fn erased_record() {
    let (mut bytes, erased) = (golden::bytes(FULL), golden::bytes(ERASED));
    let leaf = Record::read(&bytes).unwrap().leaf();
    record::erase(&mut bytes);
    golden::assert_same(&bytes, ERASED);
    let record = Record::read(&erased).unwrap();
    assert_eq!((record.leaf(), record.leaf().to_string().as_str()), (leaf, golden::note(ERASED, "leaf")));
    assert_eq!(hex(&record.entry()), golden::note(FULL, "entry"));
    assert_eq!(record.payload().unwrap_err().kind(), ErrorKind::Erased);
    assert_eq!((record.payload_bytes(), record.key()), (12, Some(("request-1", Hash::ZERO))));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn segment_head() {
    let head = SegmentHeader {
        store: store(71),
        salt: SALT,
        first: Position(41),
        before_first: Position(1),
        before_length: Offset(8192),
        created: TIME,
        epoch: 2,
    };
    golden::assert_same(&head.encode(), SEGMENT);
    assert_eq!(SegmentHeader::read(&golden::bytes(SEGMENT)).unwrap(), head);
}

#[test]
fn store_file() {
    let file =
        StoreFile { id: store(71), salt: SALT, seed: SEED, created: TIME, forks: Vec::new(), log: None };
    golden::assert_same(file.encode().as_bytes(), STORE);
    assert_eq!(StoreFile::read(&golden::bytes(STORE)).unwrap(), file);
    let fork = |last, salt, until, root| ForkPoint {
        store: store(last),
        salt,
        until: Position(until),
        root: Hash([root; 32]),
    };
    let forks = vec![fork(69, 0xaa, 17, 0x1a), fork(70, 0xbb, 758_970, 0x2b)];
    let file = StoreFile { forks, log: Some("nats:orders".to_owned()), ..file };
    golden::assert_same(file.encode().as_bytes(), FORKED_STORE);
    assert_eq!(StoreFile::read(&golden::bytes(FORKED_STORE)).unwrap(), file);
    let owns = |last, salt, position| file.owns_segment(store(last), salt, Position(position));
    assert!(owns(71, SALT, u64::MAX) && owns(70, 0xbb, 758_970) && owns(69, 0xaa, 17));
    assert!(!owns(70, 0xbb, 758_971) && !owns(70, 0xaa, 1) && !owns(69, 0xaa, 18) && !owns(72, SALT, 1));
}

#[test]
fn floor_file() {
    let floor = FloorFile {
        store: store(71),
        first: Position(771),
        before_first: Position(489),
        before_length: Offset(65_373),
        time: TIME,
        reason: "older than ten years".to_owned(),
    };
    golden::assert_same(floor.encode().as_bytes(), FLOOR);
    assert_eq!(FloorFile::read(&golden::bytes(FLOOR)).unwrap(), floor);
    for wrong in [
        FloorFile { first: Position(489), ..floor.clone() },
        FloorFile { before_first: Position(0), ..floor.clone() },
        FloorFile { before_first: Position(771), ..floor.clone() },
        FloorFile { before_length: Offset(0), ..floor.clone() },
        FloorFile { reason: "two\nlines".to_owned(), ..floor.clone() },
    ] {
        assert_eq!(FloorFile::read(wrong.encode().as_bytes()).unwrap_err().kind(), ErrorKind::Damaged);
    }
}

#[test]
fn backup_file() {
    let entry = |name: &str, length, digest| BackupEntry {
        name: name.to_owned(),
        length,
        digest: Hash([digest; 32]),
    };
    let backup = BackupFile {
        store: store(71),
        number: 3,
        time: TIME,
        until: Position(128),
        root: Hash([0x4d; 32]),
        files: vec![
            entry("STORE.copy", 178, 0x5e),
            entry("index/00000000000000000001.idx", 4096, 0x6f),
            entry("readers/mailer.3", 160, 0x70),
            entry("segments/00000000000000000001.seg", 65_373, 0x81),
            entry("segments/00000000000000000129.2.seg", 80, 0x92),
        ],
    };
    golden::assert_same(backup.encode().as_bytes(), BACKUP);
    assert_eq!(BackupFile::read(&golden::bytes(BACKUP)).unwrap(), backup);
    assert_eq!(backup.segments().next_back(), Some((Position(129), &backup.files[4])));
    let with = |change: &dyn Fn(&mut BackupFile)| {
        let mut wrong = backup.clone();
        change(&mut wrong);
        wrong
    };
    for wrong in [
        with(&|wrong| wrong.number = 0),
        with(&|wrong| wrong.until = Position(127)),
        with(&|wrong| wrong.files.swap(0, 1)),
        with(&|wrong| wrong.files.truncate(3)),
        with(&|wrong| wrong.files[4].name = "segments/00000000000000000001.1.seg".to_owned()),
        with(&|wrong| wrong.files[0].name = "../STORE.copy".to_owned()),
        with(&|wrong| wrong.files[0].name = "/STORE.copy".to_owned()),
        with(&|wrong| wrong.files[0].name = "STORE.copy\n".to_owned()),
    ] {
        assert_eq!(BackupFile::read(wrong.encode().as_bytes()).unwrap_err().kind(), ErrorKind::Damaged);
    }
}

#[test]
fn erasing_file() {
    let erasing = ErasingFile { store: store(71), done: Position(771), open: true };
    golden::assert_same(erasing.encode().as_bytes(), ERASING);
    assert_eq!(ErasingFile::read(&golden::bytes(ERASING)).unwrap(), erasing);
    assert_ne!(ErasingFile { open: false, ..erasing }.encode(), erasing.encode());
}

#[test]
fn node_file() {
    let known = |byte, sequence, used| NodeSequence { id: NodeId([byte; 16]), sequence, used };
    let node = NodeFile {
        store: store(71),
        slot: 771,
        position: Position(258),
        rules: 1,
        known: vec![known(0x1d, 3, 17), known(0x2e, 1, 770)],
    };
    golden::assert_same(node.encode().as_bytes(), NODE);
    assert_eq!(NodeFile::read(&golden::bytes(NODE)).unwrap(), node);
    for known in [vec![known(2, 1, 1), known(1, 1, 1)], vec![known(1, 1, 772)], vec![known(1, 0, 1)]] {
        let wrong = NodeFile { known, ..node.clone() };
        assert_eq!(NodeFile::read(wrong.encode().as_bytes()).unwrap_err().kind(), ErrorKind::Damaged);
    }
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
    let leaf = leaf_by_hand(&golden, 257, 289, 12);
    for at in (8..257).chain(289..golden.len() - 4) {
        let mut bytes = golden.clone();
        bytes[at] ^= 1;
        assert_ne!(leaf_by_hand(&bytes, 257, 289, 12), leaf, "byte {at}");
    }
    let mut other = golden.clone();
    other[290] ^= 1;
    crate::sample::mend_record(&mut other);
    assert_ne!(Record::read(&other).unwrap().leaf(), leaf);
}
