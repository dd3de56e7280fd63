//! An index in memory against a plain model.

use tidegate_format::frame::{FRAME_HEADER_BYTES, Sealing};
use tidegate_format::record::{Facts, Placed};
use tidegate_format::{Draft, Hash, Micros, Offset, Position, StreamId, Version, frame, record};

use super::*;

pub(super) fn add(index: &MemIndex, entity: String, tags: &[&'static str]) {
    let event = index.count();
    let bytes = record(event, StreamId::new("s", entity), tags);
    index.add(&Record::read(&bytes).expect("just written"), Offset(u64::from(event) * 10));
}

fn record(event: u32, stream: StreamId, tags: &[&'static str]) -> Vec<u8> {
    let mut draft = Draft::new(stream, "a.b");
    draft.tags.extend(tags.iter().map(|tag| (*tag).into()));
    let id = EventId(u128::from(event).to_be_bytes());
    let facts = Facts {
        id,
        correlation: id.into(),
        causes: &[],
        key: None,
        notes: &[],
        blind: tidegate_format::Blind::default(),
        batch_end: true,
    };
    let mut bytes = Vec::new();
    let payload = record::encode(&draft, &facts, &mut bytes);
    let position = Position(u64::from(event) + 1);
    let placed =
        Placed { position, version: Version(1), previous: Position(0), link: Hash::ZERO, time: Micros(1) };
    record::place(&mut bytes, &placed, position, &payload);
    bytes
}

/// Streams are new in the middle of events that are added together, or known, or share an entity, a scope or a lane.
///
/// keeps M2
#[test]
fn events_of_a_frame_are_found_like_events_that_come_one_by_one() {
    let hash_key = HashKey(1, 2);
    let stream = |event: u32| {
        let number = event * event % 23;
        StreamId::new(format!("s{}", number % 2), format!("e{}", number % 7)).lane(number % 3)
    };
    let alone = Arc::new(MemIndex::new(hash_key));
    let together = [Arc::new(MemIndex::new(hash_key)), Arc::new(MemIndex::new(hash_key))];
    let (mut event, mut at) = (0, Offset(100));
    let counts: &[u32] = if cfg!(miri) { &[1, 2, 9] } else { &[1, 2, 63, 64, 65, 200] };
    for &count in counts {
        let (first, mut bytes, mut streams) = (event, vec![0; FRAME_HEADER_BYTES], Vec::new());
        for _ in 0..count {
            let (start, tags) = (bytes.len(), [["t", "u"], ["u", "u"]][event as usize % 2]);
            bytes.extend(record(event, stream(event), &tags));
            alone.add(&Record::read(&bytes[start..]).expect("just written"), at.plus(start as u64));
            let StreamId { scope, entity, lane } = stream(event);
            let stream = hash_key.hash(Term::stream(&scope, &entity, lane).as_bytes());
            let leaf = Record::read(&bytes[start..]).expect("just written").leaf();
            streams.push(EventHashes { stream, leaf });
            event += 1;
        }
        let sealing =
            Sealing { first: Position(u64::from(first) + 1), synced: Position(0), epoch: 1, slot: None };
        let head = frame::seal(&mut bytes, &sealing, 7);
        let frame = Frame::again(&bytes, head);
        together[0].add_frame(&frame, at, Some(&streams));
        together[1].add_frame(&frame, at, None);
        at = at.plus(bytes.len() as u64);
    }
    for index in together {
        assert_eq!((index.count(), index.terms.count()), (event, alone.terms.count()));
        assert!((0..event).all(|event| index.offset(event) == alone.offset(event)));
        let events = |index: &Arc<MemIndex>, number| {
            let postings = index.postings(number);
            (0..postings.count()).map(|n| postings.get(n)).collect::<Vec<_>>()
        };
        // All terms got their numbers in the same order.
        for number in 0..index.terms.count() {
            assert_eq!(events(&index, number), events(&alone, number), "term {number}");
        }
        let StreamId { scope, entity, lane } = stream(event - 1);
        let term = hash_key.hash_term(Term::stream(&scope, &entity, lane));
        let expected = (0..event).filter(|other| stream(*other) == stream(event - 1)).map(Some);
        let found = index.find(&term).expect("the last event has it");
        assert!((0..found.count()).map(|n| found.get(n)).eq(expected));
    }
}

#[test]
fn postings_stay_what_they_were_while_the_index_grows() {
    let hash_key = HashKey(1, 2);
    let index = Arc::new(MemIndex::new(hash_key));
    let mut looked_up = Vec::new();
    let events = if cfg!(miri) { 30 } else { 400 };
    for event in 0..events {
        add(&index, format!("e{}", event % 3), &[]);
        let term = Term::new(Field::Entity, b"e1");
        looked_up.extend(index.find(&hash_key.hash_term(term)));
    }
    for postings in looked_up {
        let count = postings.count();
        assert_eq!((postings.get(count - 1), postings.get(count)), (Some(count * 3 - 2), None));
        for event in 0..events {
            assert_eq!(postings.rank(event), ((event + 1) / 3).min(count), "{event} of {count}");
        }
    }
}

#[test]
fn a_term_is_told_by_all_of_its_hash() {
    let index = MemIndex::new(HashKey(1, 2));
    add(&index, "e".into(), &[]);
    let hash = index.hash_key.hash(&term_bytes(Field::Entity, "e"));
    let number = (0..4).find(|number| index.terms.is(*number, hash)).expect("it was added");
    for bit in 0..u128::BITS {
        assert!(!index.terms.is(number, hash ^ (1 << bit)), "bit {bit}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "thousands of records, and nothing that the others do not run")]
fn memory_is_that_of_its_parts() {
    let index = MemIndex::new(HashKey(1, 2));
    let tables = 2 * 256 * 8;
    assert_eq!(index.memory(), tables);
    add(&index, "e".into(), &[]);
    // Offsets, fields, texts and where they lie; ids in two halves; rows of eight cells; streams, fourteen of them and where
    // they lie.
    let cells = 256 * 4;
    assert_eq!(index.memory(), tables + 4 * cells + 4 * cells + 8 * cells + 15 * cells);
    add(&index, "e".into(), &[]);
    assert_eq!(index.memory(), tables + 31 * cells + cells, "the second event of a term takes a block");
    (0..2998).for_each(|_| add(&index, "e".into(), &[]));
    assert_eq!(index.id_table.memory(), 8192 * 8, "each id is in the table once");
}

fn term_bytes(field: Field, value: &str) -> Vec<u8> {
    [&[field as u8], value.as_bytes()].concat()
}

/// keeps M2
#[test]
fn postings_agree_with_a_plain_list() {
    let hash_key = HashKey(1, 2);
    let index = Arc::new(MemIndex::new(hash_key));
    let mut plain = vec![Vec::new(); 7];
    let count = if cfg!(miri) { 66 } else { 3000 };
    for event in 0..count {
        let entity = (event * event + event / 3) % 7;
        add(&index, format!("e{entity}"), &["t", "t"]);
        plain[entity as usize].push(event);
    }
    for (entity, events) in plain.iter().enumerate() {
        let term = Term::new(Field::Entity, format!("e{entity}").as_bytes());
        let found = index.find(&hash_key.hash_term(term)).map_or(Vec::new(), |postings| {
            (0..count).for_each(|event| {
                assert_eq!(postings.rank(event) as usize, events.partition_point(|e| *e < event));
            });
            (0..postings.count()).filter_map(|n| postings.get(n)).collect()
        });
        assert_eq!(&found, events, "entity {entity}");
    }
    let tagged = index.find(&hash_key.hash_term(Term::new(Field::Tag, b"t"))).expect("every event has it");
    assert_eq!(tagged.count(), count);
    assert!(index.find(&hash_key.hash_term(Term::new(Field::Tag, b"u"))).is_none());
    let find = |id: u32| index.find_id(&hash_key.hash_id(EventId(u128::from(id).to_be_bytes())));
    for event in [0, 63, 64, count / 64 * 64 - 1, count / 64 * 64, count - 1] {
        assert_eq!(find(event), Some(event));
    }
    assert_eq!(find(count), None);
    assert_eq!(index.offset(count - 1), (count - 1) * 10);
}

#[test]
fn prefixes_find_their_texts() {
    let index = Arc::new(MemIndex::new(HashKey(1, 2)));
    for entity in ["ab", "abcdef", "b", "abc"] {
        add(&index, entity.into(), &[]);
    }
    let mut found = Vec::new();
    index.with_prefix(Field::Entity, b"abc", |text, postings| {
        found.push((text.to_vec(), postings.get(0)));
    });
    assert_eq!(found, [(b"abcdef".to_vec(), Some(1)), (b"abc".to_vec(), Some(3))]);
}
