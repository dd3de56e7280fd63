//! Bytes made by an enemy, checksums included: an error or a record that can be read, never a panic.

use proptest::collection::vec;
use proptest::prelude::*;
use tidegate_format::frame::Frame;
use tidegate_format::limit::FRAME_BYTES_MAX;
use tidegate_format::watermark::WATERMARK_SLOTS;
use tidegate_format::{
    Cause, ErrorKind, FrameHeader, Offset, Position, Record, SegmentHeader, StoreFile, Watermark, hash,
};

use crate::golden;
use crate::sample::{self, SALT, mend_frame, mend_record, sample};

const RECORD: &str = include_str!("../../fixtures/records/full.txt");
const FRAME: &str = include_str!("../../fixtures/frame.txt");
const SEGMENT: &str = include_str!("../../fixtures/segment-head.txt");

/// Looks at everything a record has to offer.
fn look(record: &Record<'_>) {
    let names = [record.scope(), record.entity(), record.kind()];
    assert!(names.iter().all(|name| !name.is_empty()));
    let text: usize = record.tags().map(str::len).sum();
    let metadata: usize = record.metadata().map(|(name, value)| name.len() + value.len()).sum();
    let key = record.key().map_or(0, |(key, _)| key.len());
    assert!(text + metadata + key + record.payload_bytes() <= record.as_bytes().len());
    let before = |position: Position| position < record.position();
    assert!(before(record.previous()));
    assert!(record.causes().all(|cause| match cause {
        Cause::At(position) => position != Position::START && before(position),
        Cause::Foreign(..) => true,
        Cause::Draft(_) | Cause::Id(_) => false,
    }));
    let _ = (record.version(), record.time(), record.link(), record.lane(), record.schema(), record.leaf());
    assert_eq!(record.payload().map(<[u8]>::len).ok(), (!record.is_erased()).then(|| record.payload_bytes()));
    let _ = (record.correlation(), record.payload_type(), record.ends_batch(), format!("{record:?}"));
}

fn read_everything(bytes: &[u8]) {
    if let Ok(record) = Record::read(bytes) {
        look(&record);
    }
    if let Ok(frame) = Frame::read(bytes, SALT) {
        let count = frame.records().inspect(|(_, record)| look(record)).count();
        assert_eq!(count, frame.head.count as usize);
    }
    if let Ok(head) = FrameHeader::read(bytes) {
        assert!(head.frame_bytes() <= FRAME_BYTES_MAX + 44 && head.last() >= head.first);
    }
    let _ = (SegmentHeader::read(bytes), StoreFile::read(bytes), Watermark::read(bytes, SALT));
}

/// Bytes that are read as lengths, counts and flags more often than others.
fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(vec![0, 1, 2, 3, 4, 0x7f, 0x80, 0xff])];
    vec((any::<prop::sample::Index>(), byte), 1..4)
}

fn edit(bytes: &mut [u8], edits: &[(prop::sample::Index, u8)]) {
    for (at, byte) in edits {
        *at.get_mut(bytes) = *byte;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn noise(mut bytes in vec(any::<u8>(), 0..300), magic in 0..4_usize) {
        read_everything(&bytes);
        let magic = [&b""[..], b"\xf7TGf", b"\xf7TGseg\r\n", b"tidegate store\nformat "][magic];
        bytes.splice(0..0, magic.iter().copied());
        read_everything(&bytes);
    }

    #[test]
    fn noise_with_a_record_checksum(mut bytes in vec(any::<u8>(), 147..400)) {
        let length = bytes.len() as u32;
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        bytes[92..96].fill(0);
        bytes[100] &= 3;
        mend_record(&mut bytes);
        read_everything(&bytes);
    }

    #[test]
    fn watermarks_with_checksums(mut slot in vec(any::<u8>(), 56), second: bool) {
        slot[..4].copy_from_slice(b"\xf7TGw");
        slot[40..48].copy_from_slice(&SALT.to_le_bytes());
        let crc = hash::crc(0, &slot[8..]);
        slot[4..8].copy_from_slice(&crc.to_le_bytes());
        let mut file = vec![0; WATERMARK_SLOTS[usize::from(second)] as usize];
        file.extend(slot);
        let found = Watermark::read(&file, SALT);
        prop_assert!(found.is_none() || found.unwrap().encode() == file[file.len() - 56..]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn edited_records(sample in sample(), edits in edits(), in_head: bool) {
        let (mut bytes, _) = sample.record();
        let end = if in_head { 112 } else { bytes.len() };
        edit(&mut bytes[..end], &edits);
        mend_record(&mut bytes);
        read_everything(&bytes);
    }

    #[test]
    fn edited_frames((_, mut bytes) in sample::frame(), edits in edits(), in_head: bool) {
        let end = if in_head { 36 } else { bytes.len() };
        edit(&mut bytes[..end], &edits);
        bytes[..4].copy_from_slice(b"\xf7TGf");
        mend_frame(&mut bytes, SALT);
        read_everything(&bytes);
    }
}

/// Every byte of a record, with every value, under a checksum that holds.
#[test]
fn every_single_edit_of_a_record() {
    let golden = golden::bytes(RECORD);
    let mut whole = 0;
    for at in 0..golden.len() {
        for byte in 0..=255 {
            let mut bytes = golden.clone();
            bytes[at] = byte;
            mend_record(&mut bytes);
            if let Ok(record) = Record::read(&bytes) {
                look(&record);
                whole += 1;
            }
        }
    }
    assert!(whole > golden.len() * 20, "the checksums are put right, or this shows nothing: {whole}");
}

/// Each edit breaks one rule of a record; its checksum holds.
#[test]
fn records_that_break_a_rule() {
    let golden = golden::bytes(RECORD);
    let own = golden[8..16].to_vec();
    let edits: [(&str, usize, &[u8]); 24] = [
        ("length", 0, &[146, 0, 0, 0]),
        ("length", 0, &[0xff; 4]),
        ("length", 3, &[0x40]),
        ("cause", 8, &[0; 8]),
        ("place", 16, &[0; 8]),
        ("place", 16, &[1, 0, 0, 0, 0, 0, 0, 0]),
        ("place", 24, &[0; 8]),
        ("place", 24, &own),
        ("payload length", 92, &[0xff; 4]),
        ("payload length", 92, &[194, 0, 0, 0]),
        ("tail start", 92, &[17, 0, 0, 0]),
        ("tail end", 92, &[11, 0, 0, 0]),
        ("cause form", 98, &[4]),
        ("flags", 100, &[7]),
        ("flags", 100, &[0x83]),
        ("names", 102, &[0]),
        ("names", 102, &[4, 0, 8]),
        ("names", 102, &[0xff; 6]),
        ("text", 161, &[4]),
        ("names", 161, &[0]),
        ("cause form", 175, &[2]),
        ("cause", 176, &[0]),
        ("cause", 218, &own),
        ("correlation", 127, &[2]),
    ];
    for (field, at, new) in edits {
        let mut bytes = golden.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        mend_record(&mut bytes);
        let error = Record::read(&bytes).expect_err(&format!("{field} at {at}"));
        assert_eq!(error.kind(), ErrorKind::Damaged);
        let message = error.message();
        assert!(!message.contains("checksum"), "{field} at {at}: {message}");
        assert!(message.contains(field) || message.contains("part length"), "{field} at {at}: {message}");
    }
}

/// Each edit breaks one rule of a frame; all checksums hold.
#[test]
fn frames_that_break_a_rule() {
    let golden = golden::bytes(FRAME);
    let edits: [(&str, usize, &[u8]); 14] = [
        ("head is impossible", 8, &[0xff; 4]),
        ("head is impossible", 8, &[1, 0, 0, 8]),
        ("cut short", 8, &[0x36]),
        ("length is impossible", 8, &[0x34]),
        ("head is impossible", 12, &[0]),
        ("not whole batches", 12, &[2]),
        ("head is impossible", 12, &[4]),
        ("head is impossible", 12, &[0, 0, 0, 1]),
        ("wrong position", 16, &[42]),
        ("head is impossible", 16, &[0; 8]),
        ("head is impossible", 16, &[0xff; 8]),
        ("head is impossible", 24, &[41]),
        ("not whole batches", 434 + 100, &[0]),
        ("inside a batch", 244 + 108, &[1]),
    ];
    for (rule, at, new) in edits {
        let mut bytes = golden.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        if rule == "inside a batch" {
            // The second record's cause and names make room for a key: one byte of it and its hash.
            bytes = with_inner_key(&golden);
        }
        mend_frame(&mut bytes, SALT);
        let error = Frame::read(&bytes, SALT).expect_err(rule);
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert!(error.message().contains(rule), "{rule} at {at}: {error}");
    }
}

/// The golden frame with a key on the second record of its first batch.
fn with_inner_key(golden: &[u8]) -> Vec<u8> {
    let mut record = golden[244..434].to_vec();
    record[108] = 1;
    let tail = record.len() - 32;
    record.splice(tail..tail, [b'h'; 32]);
    let names_end = 112 + 16 + 4 + 7 + 10;
    record.splice(names_end..names_end, [b'k']);
    record[0] += 33;
    let mut bytes = [&golden[..244], &record, &golden[434..]].concat();
    let length = bytes.len() as u32 - 36;
    bytes[8..12].copy_from_slice(&length.to_le_bytes());
    bytes
}

/// A frame cannot claim more events than positions are left: the count would not be believed, but the
/// positions would stand still at the last one.
#[test]
fn frames_at_the_end_of_all_positions() {
    for (first, count, possible) in
        [(u64::MAX - 1, 1, true), (u64::MAX, 1, false), (u64::MAX - 1, 2, false), (u64::MAX - 2, 2, true)]
    {
        let mut bytes = golden::bytes(FRAME);
        bytes[12..16].copy_from_slice(&u32::to_le_bytes(count));
        bytes[16..24].copy_from_slice(&u64::to_le_bytes(first));
        assert_eq!(FrameHeader::read(&bytes).is_ok(), possible, "{count} from {first}");
    }
}

#[test]
fn segment_heads_that_break_a_rule() {
    let golden = golden::bytes(SEGMENT);
    for (at, new) in
        [(40, [0; 8]), (40, [1, 0, 0, 0, 0, 0, 0, 0]), (48, [0; 8]), (56, [0; 8]), (48, [0xff; 8])]
    {
        let mut bytes = golden.clone();
        bytes[at..at + 8].copy_from_slice(&new);
        let crc = hash::crc(0, &bytes[16..76]);
        bytes[76..].copy_from_slice(&crc.to_le_bytes());
        let error = SegmentHeader::read(&bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert!(error.message().contains("impossible"), "{error}");
    }
    let head = SegmentHeader::read(&golden).unwrap();
    let (start, none) = (Position::START, Offset(0));
    for (first, before_first, before_length, possible) in [
        (Position(1), start, none, true),
        (Position(8), start, none, false),
        (Position(8), Position(1), none, false),
        (Position(8), Position(1), Offset(80), true),
    ] {
        let head = SegmentHeader { first, before_first, before_length, ..head };
        assert_eq!(SegmentHeader::read(&head.encode()).is_ok(), possible, "{head:?}");
    }
}

#[test]
fn names_without_a_byte() {
    let golden = golden::bytes(RECORD);
    Record::read(&golden).unwrap();
    for (empty, longer) in [(102, 104), (104, 106), (106, 104)] {
        let mut bytes = golden.clone();
        bytes[longer] += bytes[empty];
        bytes[empty] = 0;
        mend_record(&mut bytes);
        let error = Record::read(&bytes).unwrap_err();
        assert!(error.message().contains("names"), "{error}");
    }
}

#[test]
fn a_payload_type_of_tomorrow_reads_as_bytes() {
    let mut bytes = golden::bytes(RECORD);
    bytes[101] = 200;
    mend_record(&mut bytes);
    let record = Record::read(&bytes).unwrap();
    assert_eq!(record.payload_type(), tidegate_format::PayloadType::Bytes);
}
