//! Whole index files against a plain model, damaged ones and hostile ones.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use proptest::prelude::*;
use tidegate_disk::Block;
use tidegate_format::record::{Facts, Placed};
use tidegate_format::{
    Cause, Draft, ErrorKind, EventId, Hash, Micros, Offset, Position, Record, Result, SegmentHeader, StoreId,
    StreamId, Version, record,
};

use super::blocks::{Blocks, write_sums};
use super::head::{HEADER_BYTES, Head, Owner, SECTION_COUNT};
use super::{FileIndex, Parents, Postings, StreamHead, build, build_live, postings};
use crate::mem_index::{CauseBlock, EventHashes, MemIndex};
use crate::term::{self, Field, HashKey, Term};

const HASH_KEY: HashKey = HashKey(0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210);
const FIELDS: [Field; 8] = [
    Field::Stream,
    Field::Scope,
    Field::Entity,
    Field::Lane,
    Field::Kind,
    Field::Tag,
    Field::Correlation,
    Field::Key,
];

/// What an event of the model is made of, by small numbers so that many are alike.
#[derive(Clone, Debug)]
struct Plan {
    scope: u8,
    entity: u8,
    lane: u32,
    kind: u8,
    tags: Vec<u8>,
    correlation: Option<u8>,
    /// How far back local causes lie.
    causes: Vec<u64>,
    foreign: Option<u8>,
    key: Option<u8>,
    payload: usize,
}

fn plan() -> impl Strategy<Value = Plan> {
    let names = (0u8..3, 0u8..40, prop_oneof![4 => Just(0u32), 1 => any::<u32>()], 0u8..6);
    let tags = proptest::collection::vec(0u8..5, 0..4);
    let near = prop_oneof![8 => 1u64..4, 1 => 1u64..400];
    let links = (proptest::option::of(0u8..9), proptest::collection::vec(near, 0..4));
    let rare =
        (proptest::option::weighted(0.1, 0u8..3), proptest::option::weighted(0.2, 0u8..30), 0usize..40);
    (names, tags, links, rare).prop_map(|((scope, entity, lane, kind), tags, (correlation, causes), rare)| {
        let (foreign, key, payload) = rare;
        Plan { scope, entity, lane, kind, tags, correlation, causes, foreign, key, payload }
    })
}

/// A segment in memory, and what is known of it without an index.
struct Model {
    head: SegmentHeader,
    length: u64,
    offsets: Vec<u32>,
    records: Vec<Vec<u8>>,
    terms: BTreeMap<Vec<u8>, BTreeSet<u32>>,
    levels: Vec<u32>,
}

fn level_before(position: Position) -> u32 {
    (position.0 % 7) as u32
}

impl Model {
    fn new(first: Position, plans: &[Plan]) -> Self {
        let head = SegmentHeader {
            store: StoreId([7; 16]),
            salt: 8,
            first,
            before_first: Position(0),
            before_length: Offset(0),
            created: Micros(9),
            epoch: 1,
        };
        let mut model = Self {
            head,
            length: 80,
            offsets: Vec::new(),
            records: Vec::new(),
            terms: BTreeMap::new(),
            levels: Vec::new(),
        };
        for plan in plans {
            model.add(plan);
        }
        model
    }

    fn add(&mut self, plan: &Plan) {
        let event = self.records.len() as u32;
        let position = self.head.first.plus(u64::from(event));
        let kind = ["a.b", "a.bc", "a.c", "ab.c", "b.a", "b.b"][usize::from(plan.kind)];
        let entity = format!("entity-{:03b}", plan.entity);
        let stream = StreamId::new(format!("s{}", plan.scope), entity).lane(plan.lane);
        let mut draft = Draft::new(stream, kind);
        plan.tags.iter().for_each(|tag| draft.tags.push(format!("tag:{tag}").into()));
        draft.payload = vec![1; plan.payload].into();
        let back = |distance: &u64| Position(position.0 - (distance % position.0).max(1));
        let causes = plan.causes.iter().filter(|_| position.0 > 1).map(|distance| Cause::At(back(distance)));
        let foreign = plan.foreign.map(|store| Cause::Foreign(StoreId([store; 16]), EventId([store; 16])));
        let causes: Vec<Cause> = causes.chain(foreign).collect();
        let id = id_of(event);
        let key = plan.key.map(|key| format!("key {key}"));
        let facts = Facts {
            notes: &[],
            blind: tidegate_format::Blind::default(),
            id,
            correlation: plan.correlation.map_or(id, |number| EventId([number; 16])).into(),
            causes: &causes,
            key: key.as_deref().map(|key| (key, Hash::ZERO)),
            batch_end: true,
        };
        let mut bytes = Vec::new();
        let payload = record::encode(&draft, &facts, &mut bytes);
        let StreamId { scope, entity, lane } = &draft.stream;
        let earlier = self.terms.get(Term::stream(scope, entity, *lane).as_bytes());
        let version = Version(earlier.map_or(0, BTreeSet::len) as u64 + 1);
        let last = earlier.and_then(BTreeSet::last);
        let previous = last.map_or(Position(0), |last| self.head.first.plus(u64::from(*last)));
        let placed = Placed { position, version, previous, link: Hash::ZERO, time: Micros(1) };
        record::place(&mut bytes, &placed, position, &payload);
        term::of_record(&Record::read(&bytes).unwrap(), |_, term| {
            self.terms.entry(term.to_vec()).or_default().insert(event);
        });
        let level = local(&causes).map(|cause| match cause.0.checked_sub(self.head.first.0) {
            Some(event) => self.levels[event as usize] + 1,
            None => level_before(cause) + 1,
        });
        self.levels.push(level.max().unwrap_or(0));
        self.length += 11;
        self.offsets.push(self.length as u32);
        self.length += bytes.len() as u64;
        self.records.push(bytes);
    }

    fn count(&self) -> u32 {
        self.records.len() as u32
    }

    fn record(&self, event: u32) -> Record<'_> {
        Record::read(&self.records[event as usize]).unwrap()
    }

    fn build(&self) -> Vec<u8> {
        let records = self.offsets.iter().zip(&self.records);
        let records = records.map(|(offset, bytes)| Ok((Offset(u64::from(*offset)), Record::read(bytes)?)));
        build(&self.head, self.length, records, HASH_KEY, |position| Ok(level_before(position))).unwrap()
    }

    /// The same from an index in memory that the events were added to.
    ///
    /// Of every fifth event the leaf hash is not known to it.
    fn build_live(&self) -> Vec<u8> {
        let index = MemIndex::new(HASH_KEY);
        for (event, offset) in (0..).zip(&self.offsets) {
            let record = self.record(event);
            let stream = Term::stream(record.scope(), record.entity(), record.lane());
            let leaf = if event % 5 == 0 { Hash::ZERO } else { record.leaf() };
            let hashes = EventHashes { stream: HASH_KEY.hash(stream.as_bytes()), leaf };
            index.add_together(std::iter::once((Offset(u64::from(*offset)), record)), &[hashes]);
        }
        let read_head = |event: u32| {
            assert!(event.is_multiple_of(5), "the others are in memory");
            Ok((self.record(event).version(), self.record(event).leaf()))
        };
        let level_of = |position| Ok(level_before(position));
        build_live(&self.head, self.length, &index, level_of, read_head).unwrap()
    }

    fn open(&self, bytes: Vec<u8>) -> Result<FileIndex> {
        FileIndex::open(Block::from(bytes), &self.head, self.length, HASH_KEY)
    }

    fn owner(&self) -> Owner {
        Owner::new(&self.head, self.length, HASH_KEY)
    }

    /// Compares every answer of an index with the model. An error is the caller's to judge.
    fn compare(&self, index: &FileIndex) -> Result<()> {
        assert_eq!(index.count(), self.count());
        for event in 0..self.count() {
            self.compare_event(index, event)?;
        }
        for event in [self.count(), self.count() + 1, u32::MAX] {
            let beyond =
                [index.offset(event), index.level(event), index.stream_of(event), index.kind_of(event)];
            assert!(beyond.iter().all(Result::is_err), "there is no event {event}");
            assert!(index.parents(event).is_err());
        }
        for event in self.count()..self.count() + 3 {
            let hash = HASH_KEY.hash(&id_of(event).0) as u64;
            assert!(index.id_candidates(hash)?.count() < 3, "ids that are not there find next to nothing");
        }
        for (bytes, events) in &self.terms {
            assert!(index.may_hold(HASH_KEY.hash(bytes) as u64)?);
            let term = Term::new(field_of(bytes), &bytes[1..]);
            let postings = index.find(&term)?.expect("the term is there");
            compare_postings(&postings, events, self.count());
            let mut other = bytes.clone();
            other.push(0);
            assert_eq!(index.find(&Term::new(field_of(bytes), &other[1..]))?.map(|_| ()), None);
        }
        let far = Term::cause(self.head.first.plus(u64::from(self.count()) + 5));
        assert!(index.find(&far)?.is_none());
        self.compare_graph(index)?;
        self.compare_heads(index)?;
        FIELDS.into_iter().try_for_each(|field| self.compare_field(index, field))
    }

    fn compare_graph(&self, index: &FileIndex) -> Result<()> {
        let mut effects: BTreeMap<Position, BTreeSet<u32>> = BTreeMap::new();
        for ahead in [false, true] {
            let mut block = CauseBlock::new(ahead);
            for event in 0..self.count() {
                let causes: Vec<Position> = local(&self.record(event).causes().collect::<Vec<_>>()).collect();
                if block.of(event).is_none() {
                    index.fill_causes(event, &mut block)?;
                }
                assert_eq!(block.of(event), Some(&causes[..]));
                for cause in causes {
                    effects.entry(cause).or_default().insert(event);
                }
            }
        }
        for (cause, events) in &effects {
            compare_postings(&index.effects(*cause)?.expect("it has effects"), events, self.count());
            let middle = *events.iter().nth(events.len() / 2).expect("it has effects");
            for end in [0, middle, middle + 1, self.count(), u32::MAX] {
                let mut found = Vec::new();
                index.each_effect(*cause, end, |event| found.push(event))?;
                assert!(found.iter().eq(events.range(..end)), "before {end}");
            }
        }
        let counts: Vec<_> = effects.iter().map(|(cause, events)| (*cause, events.len() as u32)).collect();
        for from in counts.iter().map(|(cause, _)| *cause).step_by(5).chain([Position::START]) {
            for to in [from, from.next(), from.plus(40), Position::MAX] {
                let mut found = Vec::new();
                index.effect_counts(from, to, |cause, count| found.push((cause, count)))?;
                let expected = counts.iter().copied().filter(|(cause, _)| (from..to).contains(cause));
                assert!(found.iter().copied().eq(expected), "from {from} to {to}");
            }
        }
        let without = self.head.first.plus(u64::from(self.count()));
        assert!(index.effects(without)?.is_none());
        index.each_effect(without, u32::MAX, |event| panic!("{event} has no such cause"))
    }

    fn compare_event(&self, index: &FileIndex, event: u32) -> Result<()> {
        let record = self.record(event);
        assert_eq!(index.offset(event)?, self.offsets[event as usize]);
        assert_eq!(index.level(event)?, self.levels[event as usize]);
        let causes: Vec<Cause> = record.causes().collect();
        assert!(index.parents(event)?.eq(local(&causes)));
        let hash = HASH_KEY.hash(&record.id().0) as u64;
        assert!(index.may_hold(hash)?);
        assert!(index.id_candidates(hash)?.any(|found| found == event));
        let kind = Term::new(Field::Kind, record.kind().as_bytes());
        assert_eq!(Some(index.kind_of(event)?), index.term_number(&kind)?);
        let stream = Term::stream(record.scope(), record.entity(), record.lane());
        assert_eq!(Some(index.stream_of(event)?), index.term_number(&stream)?);
        Ok(())
    }

    fn compare_heads(&self, index: &FileIndex) -> Result<()> {
        for (term, events) in self.terms.iter().filter(|(term, _)| term[0] == Field::Stream as u8) {
            let event = *events.last().expect("a term has events");
            let leaf = self.record(event).leaf();
            let expected = StreamHead { event, version: Version(events.len() as u64), leaf };
            assert_eq!(index.stream_head(&Term::new(Field::Stream, &term[1..]))?, Some(expected));
        }
        assert_eq!(index.stream_head(&Term::stream("nowhere", "to be found", 0))?, None);
        Ok(())
    }

    fn compare_field(&self, index: &FileIndex, field: Field) -> Result<()> {
        let of_field = |prefix: &[u8]| -> Vec<(Vec<u8>, u32)> {
            let terms = self.terms.iter().filter(|(term, _)| term[0] == field as u8);
            let terms = terms.filter(|(term, _)| term[1..].starts_with(prefix));
            terms.map(|(term, events)| (term[1..].to_vec(), events.len() as u32)).collect()
        };
        let all = of_field(b"");
        assert_eq!(index.term_count(field) as usize, all.len());
        let mut found = Vec::new();
        index.each_term(field, |value, count| found.push((value.to_vec(), count)))?;
        assert_eq!(found, all);
        for (number, (value, count)) in (0..).zip(&all) {
            let (found, postings) = index.term(field, number)?.expect("the number is below the count");
            assert_eq!((&found, postings.count()), (value, *count));
        }
        assert!(index.term(field, all.len() as u32)?.is_none());
        let prefixes: [&[u8]; 7] = [b"", b"a", b"a.b", b"b", b"entity-1", b"tag:", &[0xff, 0xff]];
        for prefix in prefixes {
            let mut found = Vec::new();
            index.with_prefix(field, prefix, |value, postings| {
                found.push((value.to_vec(), postings.events().count() as u32));
            })?;
            assert_eq!(found, of_field(prefix), "{field:?} {prefix:?}");
        }
        Ok(())
    }
}

fn id_of(event: u32) -> EventId {
    EventId(u128::from(event).to_be_bytes())
}

fn field_of(term: &[u8]) -> Field {
    FIELDS.into_iter().find(|field| *field as u8 == term[0]).unwrap_or(Field::Cause)
}

fn local(causes: &[Cause]) -> impl Iterator<Item = Position> + '_ {
    causes.iter().filter_map(|cause| if let Cause::At(position) = cause { Some(*position) } else { None })
}

fn compare_postings(postings: &Postings, events: &BTreeSet<u32>, limit: u32) {
    let plain: Vec<u32> = events.iter().copied().collect();
    assert_eq!(postings.count() as usize, plain.len());
    assert!(postings.events().eq(plain.iter().copied()));
    assert!(postings.events().rev().eq(plain.iter().rev().copied()));
    assert_eq!(postings.get(postings.count()), None);
    let step = (limit / 40).max(1) as usize;
    for event in (0..limit + 2).step_by(step).chain(plain.iter().copied().step_by(step)) {
        let rank = plain.partition_point(|found| *found < event);
        assert_eq!(postings.rank(event) as usize, rank);
        assert_eq!(postings.next_from(event), plain.get(rank).copied());
        assert_eq!(postings.last_before(event), rank.checked_sub(1).map(|rank| plain[rank]));
        assert_eq!(postings.get(rank as u32), plain.get(rank).copied());
        let mut walk = postings.events();
        walk.next();
        walk.seek(event);
        assert_eq!(walk.next(), plain.get(rank.max(1)).copied());
        let mut walk = postings.events();
        walk.seek_back(event);
        assert_eq!(walk.ranks(), 0..rank as u32);
        assert_eq!(walk.next_back(), rank.checked_sub(1).map(|rank| plain[rank]));
    }
}

/// Bits are looked through nearby, and found by their counts if gaps are wide.
#[test]
fn wide_gaps_in_a_bitmap() {
    let blocks = [0..3000, 3001..3002, 8000..11_000, 11_900..12_000, 40_000..46_000u32];
    let events: BTreeSet<u32> = blocks.into_iter().flatten().collect();
    let plain: Vec<u32> = events.iter().copied().collect();
    let mut bytes = Vec::new();
    let form = postings::write(&plain, &mut bytes);
    let (length, limit) = (bytes.len(), 50_000);
    let blocks = Blocks::of(&bytes);
    let list = Postings::read(blocks.section(), plain.len() as u32, form, limit).unwrap();
    assert!(length < plain.len(), "these events are shorter as bits");
    compare_postings(&list, &events, limit);
    for event in 0..limit {
        let rank = plain.partition_point(|found| *found < event);
        assert_eq!(list.next_from(event), plain.get(rank).copied());
        assert_eq!(list.last_before(event), rank.checked_sub(1).map(|rank| plain[rank]));
    }
}

fn exercise_postings(postings: &Postings, limit: u32) {
    assert!(postings.events().chain(postings.events().rev()).all(|event| event < limit));
    for event in [0, 1, limit / 2, limit] {
        assert!(postings.rank(event) <= postings.count());
        assert!(postings.next_from(event).is_none_or(|event| event < limit));
        assert!(postings.last_before(event).is_none_or(|event| event < limit));
        let mut walk = postings.events();
        walk.next();
        walk.seek(event);
        walk.seek_back(limit - limit / 4);
        assert!(walk.all(|event| event < limit));
    }
}

/// Asks an index everything, whatever it holds. Errors are fine; all events that come out are bounded.
fn exercise(index: &FileIndex, model: &Model) {
    let limit = index.count();
    let bounded = |postings: &Postings| exercise_postings(postings, limit);
    for event in (0..limit.min(200)).chain(limit.saturating_sub(3)..=limit) {
        let _ = index.offset(event).map(|offset| assert!(u64::from(offset) < model.length));
        let _ = (index.level(event), index.stream_of(event), index.kind_of(event));
        let _ = index.parents(event).map(Parents::count);
        let cause = model.head.first.plus(u64::from(event));
        let _ = index.effects(cause).map(|found| found.as_ref().map(bounded));
        let _ = index.each_effect(cause, u32::MAX, |event| assert!(event < limit));
        if let Ok(found) = index.id_candidates(HASH_KEY.hash(&id_of(event).0) as u64) {
            assert!(found.take(1000).all(|event| event < limit));
        }
    }
    let _ = index.effects(Position(0));
    for bytes in model.terms.keys() {
        let term = Term::new(field_of(bytes), &bytes[1..]);
        let _ = (index.may_hold(HASH_KEY.hash(bytes) as u64), index.term_number(&term));
        let _ = index.find(&term).map(|found| found.as_ref().map(bounded));
        if field_of(bytes) == Field::Stream
            && let Ok(Some(head)) = index.stream_head(&term)
        {
            assert!(head.event < limit && head.version != Version::EMPTY);
        }
    }
    for field in FIELDS {
        let _ = index.each_term(field, |_, _| ());
        let _ = index.with_prefix(field, b"a", |_, postings| bounded(&postings));
        let _ = index.with_prefix(field, b"", |_, postings| bounded(&postings));
        let _ = index.term(field, index.term_count(field) / 2);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn answers_are_those_of_a_plain_list(
        first in prop_oneof![Just(1u64), 1u64..2000],
        plans in proptest::collection::vec(plan(), 0..400),
    ) {
        let model = Model::new(Position(first), &plans);
        let bytes = model.build();
        prop_assert_eq!(&bytes, &model.build());
        prop_assert_eq!(&bytes, &model.build_live());
        let index = model.open(bytes).unwrap();
        index.verify().unwrap();
        model.compare(&index).unwrap();
    }

    #[test]
    fn lists_of_every_form_agree_with_plain_ones(
        gap_max in prop_oneof![Just(1u32), Just(3), Just(12), Just(3000)],
        gaps in proptest::collection::vec(any::<u32>(), 1..1500),
        writes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut next = 0;
        let events: BTreeSet<u32> = gaps.iter().map(|gap| { next += 1 + gap % gap_max; next }).collect();
        let plain: Vec<u32> = events.iter().copied().collect();
        let mut bytes = vec![1, 2, 3];
        let mut list = Vec::new();
        let place = 3 << 2 | postings::write(&plain, &mut list);
        bytes.append(&mut list);
        let (count, limit) = (plain.len() as u32, next + 1);
        let postings = Postings::read(Blocks::of(&bytes).section(), count, place, limit).unwrap();
        compare_postings(&postings, &events, limit);
        for (at, byte) in writes {
            *at.get_mut(&mut bytes) = byte;
        }
        for place in [place, 3 << 2 | 1, 3 << 2 | 2] {
            if let Ok(postings) = Postings::read(Blocks::of(&bytes).section(), count, place, limit) {
                exercise_postings(&postings, limit);
            }
        }
    }

    #[test]
    fn hostile_bytes_with_right_checksums_do_no_harm(
        first in 1u64..300,
        plans in proptest::collection::vec(plan(), 1..150),
        writes in proptest::collection::vec(
            (any::<prop::sample::Index>(), prop_oneof![any::<u8>(), Just(0), Just(0xff)]),
            1..8
        ),
        whole in proptest::collection::vec((any::<prop::sample::Index>(), any::<u32>()), 0..2),
    ) {
        let model = Model::new(Position(first), &plans);
        let mut bytes = model.build();
        let mut head = Head::read(&bytes, &model.owner()).unwrap();
        for (place, byte) in writes {
            // Half of the writes go to the directories that start the sections.
            let at = place.index(bytes.len() * 2);
            let section = head.sections[at % head.sections.len()].range();
            let at = if at >= bytes.len() && !section.is_empty() { section.start + at % section.len().min(24) } else { at % bytes.len() };
            if at >= HEADER_BYTES && at < bytes.len() {
                bytes[at] = byte;
            }
        }
        for (place, number) in whole {
            match place.index(14) {
                0 => head.count = number % (model.length as u32 / 100),
                at @ 1..10 => head.fields[at] = number % 1000,
                _ => head.fields[9] = number,
            }
        }
        seal(&head, &mut bytes);
        if let Ok(index) = model.open(bytes) {
            index.verify().unwrap();
            exercise(&index, &model);
        }
    }
}

/// Makes all checksums hold.
fn seal(head: &Head, bytes: &mut [u8]) {
    write_sums(bytes, head.sums());
    bytes[..HEADER_BYTES].copy_from_slice(&head.encode());
}

fn some_plans(count: u8) -> Vec<Plan> {
    let plan = |n: u8| Plan {
        scope: n % 2,
        entity: n % 5,
        lane: u32::from(n % 7 / 6),
        kind: n % 3,
        tags: (0..n % 3).collect(),
        correlation: (n > 3).then_some(n % 4),
        causes: (1..=u64::from(n % 4)).collect(),
        foreign: (n % 9 == 8).then_some(1),
        key: (n % 8 == 7).then_some(n),
        payload: usize::from(n),
    };
    (0..count).map(plan).collect()
}

#[test]
fn every_flipped_bit_is_noticed_or_harmless() {
    let model = Model::new(Position(40), &some_plans(12));
    let bytes = model.build();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let outcome = model.open(flipped).and_then(|index| model.compare(&index));
        let error = outcome.expect_err("every byte is under a checksum");
        assert!(matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Newer), "bit {bit}: {error}");
        assert!(error.kind() == ErrorKind::Damaged || (8..12).contains(&(bit / 8)), "bit {bit}: {error}");
    }
}

/// Every block of a long file is compared, not only the first.
#[test]
fn damage_in_any_block_is_noticed() {
    let plans: Vec<Plan> = (0..8).flat_map(|_| some_plans(100)).collect();
    let model = Model::new(Position(40), &plans);
    let bytes = model.build();
    assert!(bytes.len() > 4 * 4096, "{} bytes", bytes.len());
    model.compare(&model.open(bytes.clone()).unwrap()).unwrap();
    for at in (HEADER_BYTES..bytes.len()).step_by(1500).chain([bytes.len() - 1]) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        let index = model.open(flipped).expect("the head is whole");
        assert_eq!(index.verify().expect_err("byte by byte").kind(), ErrorKind::Damaged);
        assert_eq!(model.compare(&index).expect_err("by its questions").kind(), ErrorKind::Damaged);
    }
}

#[test]
fn every_cut_is_noticed_at_once() {
    let model = Model::new(Position(40), &some_plans(12));
    let bytes = model.build();
    for length in 0..bytes.len() {
        assert_eq!(model.open(bytes[..length].to_vec()).expect_err("cut").kind(), ErrorKind::Damaged);
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(model.open(longer).expect_err("too long").kind(), ErrorKind::Damaged);
}

#[test]
fn a_file_of_another_segment_is_refused() {
    let model = Model::new(Position(40), &some_plans(12));
    let open = |head: &SegmentHeader, length: u64, hash_key: HashKey| {
        let kind =
            FileIndex::open(Block::from(model.build()), head, length, hash_key).map_err(|error| error.kind());
        kind.map(|_| ())
    };
    assert_eq!(open(&model.head, model.length, HASH_KEY), Ok(()));
    let error = FileIndex::open(Block::from(model.build()), &model.head, model.length + 1, HASH_KEY);
    let (expected, found) = (format!("of {} bytes", model.length + 1), format!("of {} bytes", model.length));
    let evidence = error.map(|_| ()).expect_err("another length").to_string();
    assert!(evidence.contains(&expected) && evidence.contains(&found), "{evidence}");
    assert_eq!(open(&model.head, model.length + 1, HASH_KEY), Err(ErrorKind::Damaged));
    assert_eq!(open(&model.head, model.length, HashKey(HASH_KEY.0, HASH_KEY.1 ^ 1)), Err(ErrorKind::Damaged));
    for other in [
        SegmentHeader { store: StoreId([8; 16]), ..model.head },
        SegmentHeader { first: Position(41), ..model.head },
        SegmentHeader { epoch: 2, ..model.head },
    ] {
        assert_eq!(open(&other, model.length, HASH_KEY), Err(ErrorKind::Damaged));
    }
}

#[test]
fn records_out_of_order_make_no_index() {
    let model = Model::new(Position(40), &some_plans(3));
    let attempt = |order: &[usize], length: u64| {
        let records = order
            .iter()
            .map(|n| Ok((Offset(u64::from(model.offsets[*n])), Record::read(&model.records[*n])?)));
        build(&model.head, length, records, HASH_KEY, |position| Ok(level_before(position)))
            .map(|bytes| bytes.len())
    };
    assert!(attempt(&[0, 1, 2], model.length).is_ok());
    assert!(attempt(&[0, 2], model.length).expect_err("a gap").message().contains("out of order"));
    assert_eq!(attempt(&[0, 1, 2], model.length - 1).expect_err("too long").kind(), ErrorKind::Damaged);
    let twice = (0..2).map(|n| Ok((Offset(u64::from(model.offsets[0])), Record::read(&model.records[n])?)));
    let built = build(&model.head, model.length, twice, HASH_KEY, |_| Ok(0)).map(|bytes| bytes.len());
    assert_eq!(built.expect_err("two in one place").kind(), ErrorKind::Damaged);
}

/// A head with its own checksum right says nothing that cannot be.
#[test]
fn heads_that_cannot_be_are_refused() {
    let model = Model::new(Position(40), &some_plans(12));
    let bytes = model.build();
    let refused = |change: fn(&mut Head)| {
        let (mut bytes, mut head) = (bytes.clone(), Head::read(&bytes, &model.owner()).unwrap());
        change(&mut head);
        bytes[..HEADER_BYTES].copy_from_slice(&head.encode());
        model.open(bytes).is_err()
    };
    assert!(!refused(|_| ()));
    assert!(refused(|head| head.count = (head.owner.segment_length / 147) as u32 + 1), "more than fit");
    assert!(refused(|head| head.fields.reverse()), "terms of fields that end before they start");
    assert!(refused(|head| head.fields[1] -= 1), "another number of streams than of heads");
    assert!(refused(|head| head.sections[3].offset += 1), "a gap");
    assert!(refused(|head| head.sections[SECTION_COUNT - 1].length -= 1), "less than the file");
    assert!(refused(|head| head.sections[SECTION_COUNT - 1].length += 1), "more than the file");
}

#[test]
fn many_effects_of_one_cause_are_found() {
    let mut plans = some_plans(1);
    let only = plans[0].clone();
    plans.extend(
        (1..300u64).map(|n| Plan { causes: if n % 3 == 0 { vec![1] } else { vec![n] }, ..only.clone() }),
    );
    let model = Model::new(Position(1), &plans);
    let index = model.open(model.build()).unwrap();
    model.compare(&index).unwrap();
    assert_eq!(index.effects(Position(1)).unwrap().unwrap().count(), 200);
}

/// Few effects stand beside their cause, more than a run of them elsewhere.
#[test]
fn any_number_of_effects_is_read_back() {
    let only = some_plans(1).remove(0);
    for count in [1, 2, 3, 4, 5, 63, 64, 65, 66] {
        let effects = (1..=count).map(|n| Plan { causes: vec![n], ..only.clone() });
        let plans: Vec<Plan> = std::iter::once(only.clone()).chain(effects).collect();
        let model = Model::new(Position(1), &plans);
        let index = model.open(model.build()).unwrap();
        model.compare(&index).unwrap();
        assert_eq!(
            index.effects(Position(1)).unwrap().map(|effects| u64::from(effects.count())),
            Some(count)
        );
    }
}

/// A walk that has read some and then leaves out others: where it goes on follows from what it holds.
#[test]
fn walks_go_on_wherever_they_are_put() {
    let range: Vec<u32> = (500..900).collect();
    let sparse: Vec<u32> = (0..400).map(|n| n * 40 + n % 7).collect();
    let dense: Vec<u32> = (0..4000).filter(|n| n % 3 > 0).collect();
    let few = vec![3, 90, 4000];
    for events in [range, sparse, dense, few] {
        let (count, limit) = (events.len() as u32, 20_000);
        let mut bytes = vec![0xff; 9];
        let is_range = events.len() == (events[events.len() - 1] - events[0]) as usize + 1;
        let mut written = Vec::new();
        let form =
            if is_range { postings::range_place(events[0]) } else { postings::write(&events, &mut written) };
        bytes.append(&mut written);
        bytes.extend([0xff; 40]);
        let blocks = Blocks::of(&bytes);
        let list = Postings::read(blocks.section().split_at(9).unwrap().1, count, form, limit).unwrap();
        for start in (0..count).step_by(37) {
            for ahead in [1, 30, 64, 65, 129, 1000] {
                let sought = events.get((start + ahead) as usize).map_or(limit, |event| event - 1);
                let mut walk = list.events_in(start..count);
                assert_eq!(walk.next(), Some(events[start as usize]));
                walk.seek(sought);
                let rank = events.partition_point(|event| *event < sought).max(start as usize + 1);
                assert!(walk.clone().eq(events[rank..].iter().copied()), "to {sought} from {start}");
                walk.seek_back(sought + 200);
                let back = events.partition_point(|event| *event < sought + 200).max(rank);
                assert!(walk.rev().eq(events[rank..back].iter().rev().copied()), "back to {sought}");
            }
        }
    }
}

#[test]
fn lists_that_cannot_be_are_refused() {
    let read = |count: u32, place: u64, limit: u32| {
        let mut bytes = Vec::new();
        postings::write(&[3, 90, 4000], &mut bytes);
        Postings::read(Blocks::of(&bytes).section(), count, place, limit)
            .map(|list| list.events().collect::<Vec<_>>())
    };
    assert_eq!(read(3, 1, 5000).unwrap(), [3, 90, 4000]);
    assert_eq!(read(2, postings::range_place(7), 9).unwrap(), [7, 8]);
    let refused = [
        (0, 1, 5000),
        (0, postings::range_place(7), 9),
        (4, 1, 3),
        (3, 3, 5000),
        (2, postings::range_place(8), 9),
    ];
    for (count, place, limit) in refused {
        assert_eq!(read(count, place, limit).expect_err("impossible").kind(), ErrorKind::Damaged);
    }
}

/// A tiny index file, byte for byte. Another outcome is another format: raise `INDEX_VERSION`.
#[test]
fn a_tiny_file_keeps_its_bytes() {
    let model = Model::new(Position(40), &some_plans(4));
    let bytes = model.build();
    let head = Head::read(&bytes, &model.owner()).unwrap();
    let mut text =
        format!("head\n{}checksums\n{}", lines(&bytes[..HEADER_BYTES]), lines(&bytes[head.sums()]));
    let index = model.open(bytes.clone()).unwrap();
    assert_eq!(index.length(), bytes.len() as u64);
    for (section, (name, _)) in head.sections.iter().zip(index.section_lengths()) {
        write!(text, "{name}\n{}", lines(&bytes[section.range()])).unwrap();
    }
    assert_eq!(text, include_str!("build/golden.txt"), "now:\n{text}");
}

fn lines(bytes: &[u8]) -> String {
    let line =
        |bytes: &[u8]| bytes.iter().fold("  ".to_owned(), |line, byte| line + &format!("{byte:02x}")) + "\n";
    bytes.chunks(32).map(line).collect()
}
