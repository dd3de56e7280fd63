//! One flipped bit, one byte too few, or bytes of something else: an error, never another value.

use proptest::prelude::*;
use tidegate_format::frame::{self, FRAME_HEADER_BYTES, Frame};
use tidegate_format::store::{BackupFile, NodeFile};
use tidegate_format::watermark::{WATERMARK_BYTES, WATERMARK_SLOTS};
use tidegate_format::{
    ErasingFile, Error, ErrorKind, FloorFile, FrameHeader, Offset, Position, Record, SegmentHeader,
    SegmentName, StoreFile, Watermark,
};

use crate::golden;
use crate::sample::{self, SALT, sample};

const RECORD: &str = include_str!("../../fixtures/records/full.txt");
const ERASED: &str = include_str!("../../fixtures/records/erased.txt");
const MINIMAL: &str = include_str!("../../fixtures/records/minimal.txt");
const FRAME: &str = include_str!("../../fixtures/frame.txt");
const SLOT_FRAME: &str = include_str!("../../fixtures/frame-slot.txt");
const SEGMENT: &str = include_str!("../../fixtures/segment-head.txt");
const FORKED_STORE: &str = include_str!("../../fixtures/store-forked.txt");
const BACKUP: &str = include_str!("../../fixtures/backup.txt");
const FLOOR: &str = include_str!("../../fixtures/floor.txt");
const ERASING: &str = include_str!("../../fixtures/erasing.txt");
const NODE: &str = include_str!("../../fixtures/node.txt");
const STORE: &str = include_str!("../../fixtures/store.txt");

/// Flips every bit and cuts at every byte; each time, `read` has to say that the bytes are damaged.
fn assert_notices<T: std::fmt::Debug>(golden: &[u8], read: impl Fn(&[u8]) -> Result<T, Error>) {
    read(golden).expect("the bytes are whole before they are damaged");
    for bit in 0..golden.len() * 8 {
        let mut bytes = golden.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let error = read(&bytes).expect_err(&format!("bit {} of byte {}", bit % 8, bit / 8));
        assert_eq!(error.kind(), ErrorKind::Damaged, "bit {} of byte {}: {error}", bit % 8, bit / 8);
    }
    for length in 0..golden.len() {
        let error = read(&golden[..length]).expect_err(&format!("cut to {length} bytes"));
        assert_eq!(error.kind(), ErrorKind::Damaged, "cut to {length} bytes: {error}");
    }
}

#[test]
fn in_records() {
    for text in [RECORD, ERASED, MINIMAL] {
        let golden = golden::bytes(text);
        let length = golden.len();
        assert_notices(&golden, |bytes| Record::read(bytes).map(|record| record.as_bytes().to_vec()));
        // With more bytes behind it, a length that became greater still fits.
        let mut followed = golden.clone();
        followed.extend(vec![0xf7; 1 << 17]);
        for bit in 0..length * 8 {
            followed[bit / 8] ^= 1 << (bit % 8);
            assert!(Record::read(&followed).is_err(), "bit {bit}");
            followed[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

/// keeps F1
#[test]
fn in_frames() {
    for text in [FRAME, SLOT_FRAME] {
        assert_notices(&golden::bytes(text), |bytes| Frame::read(bytes, SALT).map(|frame| frame.head));
    }
    let golden = golden::bytes(FRAME);
    for bit in 0..64 {
        assert!(Frame::read(&golden, SALT ^ (1 << bit)).is_err(), "bit {bit} of the salt");
    }
}

#[test]
fn in_what_seals_a_frame() {
    let golden = golden::bytes(FRAME);
    assert!(Frame::is_sealed(&golden, SALT));
    assert!(!Frame::is_sealed(&golden, SALT ^ 1), "another store's");
    for bit in 0..FRAME_HEADER_BYTES * 8 {
        let mut bytes = golden.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(!Frame::is_sealed(&bytes, SALT), "bit {bit}");
    }
    for length in 0..golden.len() {
        assert!(!Frame::is_sealed(&golden[..length], SALT), "cut to {length} bytes");
    }
}

/// keeps F1
#[test]
fn where_whole_records_changed_places() {
    let golden = golden::bytes(FRAME);
    let (second, third) = (&golden[244..434], &golden[434..]);
    let swapped = [&golden[..244], third, second].concat();
    assert!(Frame::read(&swapped, SALT).is_err());
    // A record that is whole, but not the one that the frame was sealed with.
    let mut other = golden.clone();
    // Its blind begins there.
    other[569] ^= 1;
    sample::mend_record(&mut other[434..]);
    Record::read(&other[434..]).unwrap();
    assert!(Frame::read(&other, SALT).unwrap_err().message().contains("frame's checksum"));
}

/// keeps S1
#[test]
fn in_segment_heads() {
    assert_notices(&golden::bytes(SEGMENT), SegmentHeader::read);
}

/// keeps X1, X2
#[test]
fn in_store_files() {
    assert_notices(&golden::bytes(STORE), StoreFile::read);
    assert_notices(&golden::bytes(FORKED_STORE), StoreFile::read);
    assert_notices(&golden::bytes(FLOOR), FloorFile::read);
    assert_notices(&golden::bytes(BACKUP), BackupFile::read);
    assert_notices(&golden::bytes(ERASING), ErasingFile::read);
    assert_notices(&golden::bytes(NODE), NodeFile::read);
    for (more, less) in [("\n", ""), (" ", ""), ("\r\n", "\n"), ("format 1\n", "")] {
        let text = String::from_utf8(golden::bytes(STORE)).unwrap();
        let text = text.strip_suffix(less).unwrap().to_owned() + more;
        let error = StoreFile::read(text.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    }
}

#[test]
fn in_watermarks() {
    let (durable, segment, tail) = (Position(43), Position(41), Offset(575));
    let old = Watermark { sequence: 6, durable, segment, tail, salt: SALT, epoch: 2, clean: false };
    let new = Watermark { sequence: 7, durable: Position(44), clean: true, ..old };
    let mut file = vec![0; 4096 + WATERMARK_BYTES];
    let slot = |mark: &Watermark| mark.slot() as usize..mark.slot() as usize + WATERMARK_BYTES;
    file[slot(&new)].copy_from_slice(&new.encode());
    for with_old in [false, true] {
        if with_old {
            file[slot(&old)].copy_from_slice(&old.encode());
        }
        let expected = with_old.then_some(old);
        for bit in 0..WATERMARK_BYTES * 8 {
            file[4096 + bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Watermark::read(&file, SALT), expected, "bit {bit}");
            file[4096 + bit / 8] ^= 1 << (bit % 8);
        }
        for length in 0..file.len() {
            let expected = expected.filter(|_| length >= WATERMARK_BYTES);
            assert_eq!(Watermark::read(&file[..length], SALT), expected, "cut to {length} bytes");
        }
        assert_eq!(Watermark::read(&file, SALT), Some(new));
    }
}

#[test]
fn a_watermark_in_the_other_slot_is_none() {
    let (durable, segment, tail) = (Position(43), Position(41), Offset(575));
    let mark = Watermark { sequence: 7, durable, segment, tail, salt: SALT, epoch: 2, clean: true };
    let mut file = vec![0; 4096 + WATERMARK_BYTES];
    file[..WATERMARK_BYTES].copy_from_slice(&mark.encode());
    assert_eq!(Watermark::read(&file, SALT), None);
    assert_eq!(WATERMARK_SLOTS, [0, 4096]);
}

#[test]
fn the_faults_of_a_watermark() {
    let (durable, segment, tail) = (Position(43), Position(41), Offset(575));
    let old = Watermark { sequence: 6, durable, segment, tail, salt: SALT, epoch: 2, clean: false };
    let new = Watermark { sequence: 7, ..old };
    let file = |first: &[u8], second: &[u8]| {
        let mut file = vec![0; 4096 + WATERMARK_BYTES];
        file[..first.len()].copy_from_slice(first);
        file[4096..4096 + second.len()].copy_from_slice(second);
        file
    };
    let faults =
        |file: &[u8]| -> Vec<u64> { Watermark::faults(file, SALT).into_iter().map(|(at, _)| at).collect() };
    let (old_bytes, new_bytes) = (old.encode(), new.encode());
    assert_eq!(faults(&file(&old_bytes, &new_bytes)), [0; 0]);
    assert_eq!(faults(&file(&old_bytes, &[])), [0; 0], "one that was never written");
    assert_eq!(faults(&file(&new_bytes, &old_bytes)), [0, 4096], "in each other's places");
    let foreign = Watermark { salt: SALT + 1, ..old };
    assert_eq!(faults(&file(&foreign.encode(), &new_bytes)), [0], "of another store");
    assert_eq!(faults(&file(&[0xff; WATERMARK_BYTES], &new_bytes)), [0]);
    assert_eq!(faults(&file(&[&old_bytes[..], &[0, 9]].concat(), &new_bytes)), [WATERMARK_BYTES as u64 + 1]);
    assert_eq!(faults(&[&file(&old_bytes, &new_bytes)[..], &[9]].concat()), [4096 + WATERMARK_BYTES as u64]);
    assert_eq!(faults(&file(&old_bytes, &new_bytes)[..4100]), [4096], "cut in the second");
}

#[test]
fn zeros_are_nothing() {
    for length in (0..700).chain([4096, 4096 + WATERMARK_BYTES, 1 << 20]) {
        let zeros = vec![0; length];
        for salt in [0, SALT] {
            assert!(Frame::read(&zeros, salt).is_err());
            assert_eq!(Watermark::read(&zeros, salt), None);
        }
        assert!(FrameHeader::read(&zeros).is_err());
        assert!(Record::read(&zeros).is_err());
        assert!(SegmentHeader::read(&zeros).is_err());
        assert!(StoreFile::read(&zeros).is_err());
        assert_eq!(frame::find(&zeros, 0), None);
    }
}

#[test]
fn names_of_other_files_are_no_segments() {
    for first in [1, 7, 10_000_000_000_000_000_000, u64::MAX] {
        for generation in [0, 1, 10, u32::MAX] {
            let name = SegmentName { first: Position(first), generation };
            assert_eq!(SegmentName::parse(&name.to_string()), Some(name));
        }
    }
    for name in [
        "",
        ".",
        "1",
        "00000000000000000000",
        "00000000000000000001.",
        "00000000000000000001.0",
        "00000000000000000001.01",
        "00000000000000000001.+1",
        "00000000000000000001.1.1",
        "00000000000000000001.4294967296",
        "000000000000000000001",
        "+0000000000000000001",
        " 0000000000000000001",
        "0000000000000000000a",
        "0000000000000000000١",
        "18446744073709551616",
        "99999999999999999999",
    ] {
        assert_eq!(SegmentName::parse(name), None, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn in_any_record(sample in sample(), bit: prop::sample::Index, cut: prop::sample::Index) {
        let (mut bytes, _) = sample.record();
        prop_assert!(Record::read(&bytes[..cut.index(bytes.len())]).is_err());
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Record::read(&bytes).is_err());
    }

    #[test]
    fn in_any_frame((_, mut bytes) in sample::frame(), bit: prop::sample::Index, cut: prop::sample::Index) {
        prop_assert!(Frame::read(&bytes[..cut.index(bytes.len())], SALT).is_err());
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(Frame::read(&bytes, SALT).is_err());
        // The last sectors never came, but the file had grown.
        bytes[bit / 8] ^= 1 << (bit % 8);
        let kept = cut.index(bytes.len() - 1).max(FRAME_HEADER_BYTES);
        if bytes[kept..].iter().any(|byte| *byte != 0) {
            bytes[kept..].fill(0);
            prop_assert!(Frame::read(&bytes, SALT).is_err());
        }
    }

    #[test]
    fn find_agrees_with_a_plain_search(
        parts in prop::collection::vec(prop::sample::select(vec![0xf7_u8, b'T', b'G', b'f', b'l', 0]), 0..200),
        from in 0..220_usize,
    ) {
        let starts = |at: &usize| parts[*at..].starts_with(b"\xf7TGf") || parts[*at..].starts_with(b"\xf7TGl");
        let plain = (from..parts.len()).find(starts);
        prop_assert_eq!(frame::find(&parts, from), plain);
    }
}

#[test]
fn find_leads_from_frame_to_frame() {
    let golden = golden::bytes(FRAME);
    let bytes = [&b"torn"[..], &golden, &golden[..50], &golden].concat();
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = frame::find(&bytes, from) {
        found.push((at, Frame::read(&bytes[at..], SALT).is_ok()));
        from = at + 1;
    }
    let length = golden.len();
    assert_eq!(found, [(4, true), (4 + length, false), (54 + length, true)]);
    assert_eq!(frame::find(&bytes, usize::MAX), None);
}
