//! Filter groups against the filters they are made of, damaged ones and hostile ones.

use std::fmt::Write;

use proptest::prelude::*;

use super::*;
use crate::index::blocks::Blocks;

/// Returns the bytes of a filter group of segments with these hashes, and their filters.
fn filter_group(segments: &[Vec<u64>]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let filters: Vec<Vec<u8>> = segments.iter().map(|hashes| filter_of(hashes)).collect();
    let parts: Vec<&[u8]> = filters.iter().map(Vec::as_slice).collect();
    let mut bytes = Vec::new();
    let put = |part: &[u8], at: u64| {
        let at = at as usize;
        bytes.resize(bytes.len().max(at + part.len()), 0);
        bytes[at..at + part.len()].copy_from_slice(part);
        Ok(())
    };
    write_filter_group(&parts, &owners(segments.len()), put).unwrap();
    (bytes, filters)
}

fn filter_of(hashes: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    filter::write(hashes.iter().copied(), hashes.len(), &mut bytes);
    bytes
}

fn owners(count: usize) -> Vec<u64> {
    (100..).take(count).collect()
}

fn open(bytes: Vec<u8>, count: usize) -> Result<FilterGroup> {
    FilterGroup::open(bytes.into(), &owners(count))
}

fn hash_of(number: u64) -> u64 {
    crate::term::HashKey(1, 2).hash(&number.to_le_bytes()) as u64
}

/// Returns a segment of each size, from a few pages to one.
fn some_segments(count: u64) -> Vec<Vec<u64>> {
    let hashes = |segment: u64| (0..segment * segment % 97).map(|n| hash_of(segment << 32 | n)).collect();
    (1..=count).map(hashes).collect()
}

proptest! {
    #[test]
    fn it_says_what_the_filters_say(
        sizes in proptest::collection::vec(0u64..200, 1..=64),
        first: u64,
        strangers: [u64; 16],
    ) {
        let hashes = |size: &u64| (0..*size).map(|n| hash_of(first ^ size << 20 ^ n)).collect();
        let segments: Vec<Vec<u64>> = sizes.iter().map(hashes).collect();
        let (bytes, filters) = filter_group(&segments);
        let filter_group = open(bytes, segments.len()).unwrap();
        let filters: Vec<Blocks> = filters.iter().map(|filter| Blocks::of(filter)).collect();
        for hash in segments.iter().flatten().chain(&strangers) {
            let said = filter_group.may_hold(*hash);
            for (place, filter) in filters.iter().enumerate() {
                prop_assert_eq!(said >> place & 1 == 1, filter::may_hold(filter.section(), *hash).unwrap());
            }
            for (place, _) in segments.iter().enumerate().filter(|(_, hashes)| hashes.contains(hash)) {
                prop_assert!(said >> place & 1 == 1, "segment {} was left out", place);
            }
            let past = u64::MAX.checked_shl(segments.len() as u32).unwrap_or(0);
            prop_assert_eq!(said & past, past);
        }
        filter_group.verify().unwrap();
        prop_assert!(!filter_group.is_damaged());
    }

    #[test]
    fn hostile_heads_with_right_checksums_do_no_harm(
        count in prop_oneof![0u32..70, any::<u32>()],
        pages in prop_oneof![0u32..9, any::<u32>()],
        length in 0usize..40_000,
        hash: u64,
    ) {
        let (mut bytes, _) = filter_group(&some_segments(3));
        bytes[COUNT..PAGES].copy_from_slice(&count.to_le_bytes());
        bytes[PAGES..SUMS_CRC].copy_from_slice(&pages.to_le_bytes());
        bytes.resize(length.max(HEADER_BYTES), 0);
        let crc = crc_of(bytes.first_chunk().unwrap());
        bytes[CRC..COUNT].copy_from_slice(&crc.to_le_bytes());
        if let Ok(filter_group) = FilterGroup::open(bytes.into(), &owners(64)) {
            filter_group.may_hold(hash);
            let _ = filter_group.verify();
        }
    }
}

/// keeps R2
#[test]
fn a_flipped_bit_leaves_out_nothing() {
    let segments = some_segments(20);
    let (bytes, filters) = filter_group(&segments);
    let hashes: Vec<u64> = segments.iter().flatten().copied().collect();
    let filters: Vec<Blocks> = filters.iter().map(|filter| Blocks::of(filter)).collect();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        let filter_group = match open(flipped, 20) {
            Ok(filter_group) => filter_group,
            Err(error) => {
                assert!(at < HEADER_BYTES, "byte {at}: {error}");
                continue;
            }
        };
        assert!(at >= HEADER_BYTES, "the head is under a checksum, byte {at}");
        for hash in hashes.iter().skip(at % 61).step_by(61) {
            let held =
                (0..).zip(&filters).filter(|(_, filter)| filter::may_hold(filter.section(), *hash).unwrap());
            let held = held.fold(0u64, |all, (place, _)| all | 1 << place);
            assert_eq!(filter_group.may_hold(*hash) & held, held, "byte {at}");
        }
        assert_eq!(filter_group.verify().expect_err("it is damaged").kind(), ErrorKind::Damaged);
        assert!(filter_group.is_damaged());
    }
}

/// keeps R2
#[test]
fn a_page_of_another_filter_group_is_damage() {
    let segments = |first: u64| -> Vec<Vec<u64>> { (0..5).map(|n| vec![hash_of(first + n)]).collect() };
    let ((bytes, _), (other, _)) = (filter_group(&segments(0)), filter_group(&segments(100)));
    assert_eq!(bytes.len(), HEADER_BYTES + PAGE_BYTES + SUM_BYTES, "one page each");
    let mixed = [&bytes[..HEADER_BYTES], &other[HEADER_BYTES..]].concat();
    let filter_group = open(mixed, 5).unwrap();
    assert_eq!(filter_group.may_hold(hash_of(0)), u64::MAX);
    assert!(filter_group.is_damaged() && filter_group.verify().is_err());
}

#[test]
fn every_cut_is_noticed_at_once() {
    let (bytes, _) = filter_group(&some_segments(2));
    for length in 0..bytes.len() {
        assert_eq!(open(bytes[..length].to_vec(), 2).expect_err("cut").kind(), ErrorKind::Damaged);
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(open(longer, 2).expect_err("too long").kind(), ErrorKind::Damaged);
}

#[test]
fn it_serves_the_first_of_its_own_segments_only() {
    let (bytes, _) = filter_group(&some_segments(5));
    let open = |owners: &[u64]| {
        FilterGroup::open(bytes.clone().into(), owners).map(|filter_group| filter_group.count())
    };
    assert_eq!(open(&owners(5)).unwrap(), 5);
    assert_eq!(open(&owners(64)).unwrap(), 5);
    assert_eq!(open(&owners(4)).expect_err("one is missing").kind(), ErrorKind::Damaged);
    let other = [100, 101, 102, 103, 105];
    assert_eq!(open(&other).expect_err("one is another").kind(), ErrorKind::Damaged);
    let mut newer = bytes.clone();
    newer[VERSION] += 1;
    let newer = FilterGroup::open(newer.into(), &owners(5)).expect_err("newer");
    assert_eq!(newer.kind(), ErrorKind::Newer);
}

#[test]
fn few_segments_without_it_are_asked() {
    let segment = |segment: u64| (0..2048).map(|n| hash_of(segment << 32 | n)).collect();
    let (bytes, _) = filter_group(&(0..64).map(segment).collect::<Vec<_>>());
    let filter_group = open(bytes, 64).unwrap();
    let asked =
        (1 << 40..(1 << 40) + 10_000).map(|n| filter_group.may_hold(hash_of(n)).count_ones()).sum::<u32>();
    // The pages are as full as they get: one in 500 of 64 times 10,000.
    assert!(asked < 1600, "{asked} of 640000");
}

#[test]
fn squares_are_transposed() {
    let mut rows: [u64; 64] = std::array::from_fn(|row| hash_of(row as u64));
    let before = rows;
    transpose(&mut rows);
    for (column, after) in rows.iter().enumerate() {
        for (row, before) in before.iter().enumerate() {
            assert_eq!(after >> row & 1, before >> column & 1);
        }
    }
}

/// A tiny filter group, byte for byte. Another outcome is another format: raise `FILTER_GROUP_VERSION`.
#[test]
fn a_tiny_filter_group_keeps_its_bytes() {
    let (bytes, _) = filter_group(&[vec![0x0123_4567_89ab_cdef], vec![], vec![0xfedc_ba98_7654_3210]]);
    let mut text = String::new();
    for (number, line) in bytes.chunks(16).enumerate().filter(|(_, line)| line.iter().any(|byte| *byte != 0))
    {
        write!(text, "{:04x} ", number * 16).unwrap();
        for byte in line {
            write!(text, "{byte:02x}").unwrap();
        }
        text.push('\n');
    }
    let length = bytes.len();
    assert_eq!((text.as_str(), length), (include_str!("golden.txt"), 8196), "now:\n{text}");
}
