//! Index files are not truth: whatever happens to them, the answers stay, and the files are built anew.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use tidegate::{ErrorKind, Position, Query, ReadOptions};
use tidegate_format::hash::crc;

use super::scan::{Fixture, Known, Question, compare, questions, scan};
use crate::stored::access::Access;

/// Bytes of an index file's head, where its table of sections starts, and the bytes of a block.
const HEAD: usize = 304;
const SECTIONS: usize = 160;
const BLOCK: usize = 4096;

/// A store with dozens of segments, another one with other events at the same positions, and what to ask.
struct Base {
    ground: Fixture,
    log: Vec<Known>,
    other: Fixture,
    questions: Vec<Question>,
}

fn base() -> &'static Base {
    static BASE: OnceLock<Base> = OnceLock::new();
    BASE.get_or_init(|| {
        let (ground, log) = Fixture::filled(1, 80);
        let (other, _) = Fixture::filled(2, 80);
        assert!(ground.indexes().len() >= 24, "dozens of segments are sealed");
        assert_eq!(ground.indexes(), other.indexes(), "so that a foreign index stands at the same position");
        Base { ground, log, other, questions: questions(24) }
    })
}

/// Damage to one index file.
#[derive(Clone, Debug)]
enum Damage {
    Remove,
    Truncate(Index),
    Lengthen(u8, Index),
    FlipBit(Index),
    FlipBitOfHead(Index),
    Zero(Index, Index),
    /// The index of another segment of the store.
    OfSegment(Index),
    /// The index of the same positions in another store.
    OfStore,
    /// Another version, in a head that holds its checksum.
    Newer,
    /// A section in the place of another one.
    SwapBytes(Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<Index>;
    prop_oneof![
        1 => Just(Damage::Remove),
        2 => index().prop_map(Damage::Truncate),
        1 => (any::<u8>(), index()).prop_map(|(byte, count)| Damage::Lengthen(byte, count)),
        6 => index().prop_map(Damage::FlipBit),
        1 => index().prop_map(Damage::FlipBitOfHead),
        2 => (index(), index()).prop_map(|(from, to)| Damage::Zero(from, to)),
        1 => index().prop_map(Damage::OfSegment),
        1 => Just(Damage::OfStore),
        1 => Just(Damage::Newer),
        2 => (index(), index()).prop_map(|(one, other)| Damage::SwapBytes(one, other)),
    ]
}

impl Damage {
    fn strike(&self, ground: &Fixture, name: &str) {
        let (disk, names) = (ground.disk.at_rest(), base().ground.indexes());
        let mut bytes = base().ground.bytes(name);
        let length = bytes.len();
        match self {
            Self::Remove => {
                // It may have been removed a moment ago.
                let _ = disk.remove(name);
                return;
            }
            Self::Truncate(to) => bytes.truncate(to.index(length)),
            Self::Lengthen(byte, count) => bytes.extend(vec![*byte; 1 + count.index(64)]),
            Self::FlipBit(bit) => flip(&mut bytes, bit.index(length * 8)),
            Self::FlipBitOfHead(bit) => flip(&mut bytes, bit.index(HEAD * 8)),
            Self::Zero(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                bytes[from.min(to)..=from.max(to)].fill(0);
            }
            Self::OfSegment(other) => bytes = base().ground.bytes(&names[other.index(names.len())]),
            Self::OfStore => bytes = base().other.bytes(name),
            Self::Newer => {
                bytes[8] += 1;
                seal_head(&mut bytes);
            }
            Self::SwapBytes(one, other) => bytes.swap(one.index(length), other.index(length)),
        }
        disk.write(name, &bytes).expect("it takes any bytes");
    }
}

fn flip(bytes: &mut [u8], bit: usize) {
    bytes[bit / 8] ^= 1 << (bit % 8);
}

fn seal_head(bytes: &mut [u8]) {
    let sum = crc(crc(0, &bytes[..12]), &bytes[16..HEAD]);
    bytes[12..16].copy_from_slice(&sum.to_le_bytes());
}

/// How many index files are not what was written: in all, and those that are not there.
fn damaged(ground: &Fixture) -> (usize, usize) {
    let now: BTreeSet<_> = ground.indexes().into_iter().collect();
    let (mut any, mut missing) = (0, 0);
    for name in base().ground.indexes() {
        let was = base().ground.bytes(&name);
        let is = if now.contains(&name) { ground.bytes(&name) } else { Vec::new() };
        any += usize::from(was != is);
        missing += usize::from(!now.contains(&name));
    }
    (any, missing)
}

/// Whether each segment has one index file, whichever its generation, which is what was written first.
fn are_as_written(ground: &Fixture) -> bool {
    let (was, is) = (base().ground.indexes(), ground.indexes());
    let first = |name: &String| name["index/".len()..][..20].to_owned();
    let is_same = |(was, is): (&String, &String)| {
        first(was) == first(is) && base().ground.bytes(was) == ground.bytes(is)
    };
    was.len() == is.len() && was.iter().zip(&is).all(is_same)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn damage_changes_no_answer(
        damages in vec((any::<Index>(), damage()), 1..8),
        map: bool,
        read_only: bool,
        asked in vec(any::<Index>(), 4),
    ) {
        let (base, ground) = (base(), base().ground.fork());
        for (name, damage) in &damages {
            damage.strike(&ground, &base.ground.indexes()[name.index(base.ground.indexes().len())]);
        }
        let ((any, missing), had) = (damaged(&ground), ground.indexes());
        let calls = ground.disk.calls();
        let access = if read_only { Access::Read } else { Access::Write };
        let store = ground.open(access, map).expect("no index file keeps a store closed");
        let rebuilt = store.report().rebuilt_indexes;
        // A writer takes a last sealed segment without an index file for one that was sealed a moment ago, and indexes it once
        // it is asked.
        let last = base.ground.indexes().last().cloned();
        let waits = !read_only && last.is_some_and(|last| !had.contains(&last));
        let least = missing - usize::from(waits);
        prop_assert!((least..=any).contains(&rebuilt), "{rebuilt} rebuilt, {least} to {any} damaged");
        let questions: Vec<_> = asked.iter().map(|at| at.get(&base.questions).clone()).collect();
        let view = store.view().expect("a view");
        compare(&view, &base.log, &questions).map_err(TestCaseError::fail)?;
        if read_only {
            prop_assert_eq!(ground.disk.calls(), calls, "a reader changes nothing");
            return Ok(());
        }
        store.close().expect("it closes");
        let ground = ground.restarted();
        let store = ground.write(map).expect("it opens again");
        prop_assert_eq!(store.report().rebuilt_indexes, 0, "closing keeps what was built");
        compare(&store.view().expect("a view"), &base.log, &questions).map_err(TestCaseError::fail)?;
        prop_assert_eq!(store.upkeep().reindex().expect("there is room"), base.ground.indexes().len());
        prop_assert!(are_as_written(&ground), "the same segments give the same index files");
    }

    #[test]
    fn hostile_bytes_behind_a_checksum_that_holds_cause_no_panic(
        file: Index,
        section in 0usize..12,
        changes in vec((any::<usize>(), any::<u8>()), 1..4),
        map: bool,
    ) {
        let (base, ground) = (base(), base().ground.fork());
        let name = base.ground.indexes()[file.index(base.ground.indexes().len())].clone();
        forge(&ground, &name, section, &changes);
        let store = ground.open(Access::Write, map).expect("it opens");
        // Wrong answers are the liar's; what counts is that there are answers.
        let _ = compare(&store.view().expect("a view"), &base.log, &base.questions[..4]);
        store.close().expect("it closes");
    }
}

/// Changes bytes of a section and makes all checksums hold; says whether anything is different.
fn forge(ground: &Fixture, name: &str, section: usize, changes: &[(usize, u8)]) -> bool {
    let mut bytes = base().ground.bytes(name);
    let entry = SECTIONS + section * 12;
    let number = |bytes: &[u8], at: usize| {
        u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize
    };
    let (start, length) = (number(&bytes, entry), number(&bytes, entry + 8));
    if length == 0 {
        return false;
    }
    for (at, byte) in changes {
        bytes[start + at % length] = *byte;
    }
    let sections = number(&bytes, SECTIONS);
    for (block, at) in (HEAD..sections).step_by(4).enumerate() {
        let covered = sections.max(block * BLOCK)..bytes.len().min((block + 1) * BLOCK);
        let sum = crc(0, &bytes[covered]);
        bytes[at..at + 4].copy_from_slice(&sum.to_le_bytes());
    }
    seal_head(&mut bytes);
    ground.disk.at_rest().write(name, &bytes).expect("it takes any bytes");
    bytes != base().ground.bytes(name)
}

/// The canary: were a section believed without its checksum, wrong answers would come, and the comparison
/// would say so.
#[test]
fn the_comparison_notices_what_a_believed_section_does() {
    let base = base();
    let names = base.ground.indexes();
    // Those that the questions touch: offsets, ids, terms, lists, effects, filter.
    for section in [0, 1, 2, 3, 9, 11] {
        let mut noticed = 0;
        for (at, name) in names.iter().enumerate() {
            let ground = base.ground.fork();
            if forge(&ground, name, section, &[(at, 0x35), (3 * at + 7, 0x02), (5 * at + 30, 0x81)]) {
                let store = ground.open(Access::Write, at % 2 == 0).expect("it opens");
                let view = store.view().expect("a view");
                noticed += usize::from(compare(&view, &base.log, &base.questions).is_err());
            }
        }
        assert!(noticed > 0, "no change of section {section} was noticed");
    }
}

#[test]
fn without_index_files_the_answers_are_the_same() {
    let base = base();
    for (map, access) in [true, false].into_iter().flat_map(|map| [(map, Access::Read), (map, Access::Write)])
    {
        let ground = base.ground.fork();
        for name in ground.indexes() {
            ground.disk.at_rest().remove(&name).expect("it is there");
        }
        let store = ground.open(access, map).expect("it opens");
        // A writer has the last one made by the first question that needs it.
        let waits = usize::from(access == Access::Write);
        assert_eq!(store.report().rebuilt_indexes + waits, base.ground.indexes().len());
        compare(&store.view().expect("a view"), &base.log, &base.questions).expect("the same answers");
        store.close().expect("it closes");
        if access == Access::Write {
            assert_eq!(damaged(&ground), (0, 0), "the files stand again, byte for byte");
        }
    }
}

/// What happened: a sealed segment was damaged and had no index file. A reader was refused whole, for the index
/// could not be built, although all before the damage was sound.
#[test]
fn a_reader_shows_what_stands_before_a_damaged_segment_without_index() {
    let base = base();
    let ground = base.ground.fork();
    let segments = ground.disk.at_rest().names_in("segments");
    let (name, index) = (&segments[9], &base.ground.indexes()[9]);
    let middle = ground.bytes(name).len() as u64 * 4;
    ground.disk.at_rest().flip_bit(name, middle).expect("it is there");
    let sound = |known: &&Known| known.position.0 < first_position(name);
    let before = base.log.iter().filter(sound).count();

    // With its index, all but the event that was hit can be read, and that one is an error.
    let store = ground.open(Access::Write, true).expect("sealed segments are not read when a store opens");
    let error = scan(&store.view().expect("a view")).expect_err("one event is damaged");
    assert_eq!(error.kind(), ErrorKind::Damaged);
    let behind = ReadOptions::new().after(Position(first_position(&segments[10]) - 1));
    let view = store.view().expect("a view");
    let found: Vec<_> =
        view.read_with(&Query::ALL, behind).map(|event| event.expect("sound").position()).collect();
    assert_eq!(found.len() as u64, base.log.len() as u64 + 1 - first_position(&segments[10]));
    drop(store);

    let ground = ground.restarted();
    ground.disk.at_rest().remove(index).expect("it is there");
    let error = ground.open(Access::Write, true).expect_err("what cannot be indexed cannot be asked");
    assert_eq!(error.kind(), ErrorKind::Damaged);
    let store = ground.open(Access::Read, true).expect("a reader opens");
    assert!(store.report().damage.as_ref().is_some_and(|error| error.kind() == ErrorKind::Damaged));
    let view = store.view().expect("a view");
    let view = view.as_of(view.head());
    let head = view.head().0 as usize;
    assert!((before..before + 8).contains(&head), "{head} events show, {before} stand before the segment");
    compare(&view, &base.log[..head], &base.questions).expect("the same answers for what shows");
}

fn first_position(segment: &str) -> u64 {
    let number = segment.strip_prefix("segments/").and_then(|name| name.strip_suffix(".seg"));
    number.and_then(|number| number.parse().ok()).expect("a segment's name")
}

/// The writer that sealed the last segment may have been killed a moment later.
#[test]
fn the_last_index_file_is_made_once_it_is_asked() {
    let (base, ground) = (base(), base().ground.fork());
    let names = base.ground.indexes();
    for (name, rebuilt) in [(&names[names.len() - 1], 0), (&names[0], 1)] {
        let ground = ground.fork();
        Damage::Remove.strike(&ground, name);
        let store = ground.write(true).expect("it opens");
        assert_eq!(store.report().rebuilt_indexes, rebuilt, "{name}");
        compare(&store.view().expect("a view"), &base.log, &base.questions).expect("the same answers");
        store.close().expect("it closes");
        assert!(are_as_written(&ground), "closing keeps what was built");
    }
}
