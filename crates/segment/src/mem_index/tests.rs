//! An index in memory against a plain model.

use tidegate_format::record::{Facts, Placed};
use tidegate_format::{Draft, Hash, Micros, Offset, Position, Version, record};

use super::*;

pub(super) fn add(index: &MemIndex, entity: String, tags: &[&'static str]) {
    let event = index.count();
    let mut draft = Draft::new(("s", entity), "a.b");
    draft.tags.extend(tags.iter().map(|tag| (*tag).into()));
    let id = EventId(u128::from(event).to_be_bytes());
    let facts = Facts {
        id,
        correlation: id,
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
    index.add(&Record::read(&bytes).expect("just written"), Offset(u64::from(event) * 10));
}

#[test]
fn postings_stay_what_they_were_while_the_index_grows() {
    let hash_key = HashKey(1, 2);
    let index = Arc::new(MemIndex::new(hash_key));
    let mut looked_up = Vec::new();
    for event in 0..400 {
        add(&index, format!("e{}", event % 3), &[]);
        let term = Term::new(Field::Entity, b"e1");
        looked_up.extend(index.find(&hash_key.hash_term(term)));
    }
    for postings in looked_up {
        let count = postings.count();
        assert_eq!((postings.get(count - 1), postings.get(count)), (Some(count * 3 - 2), None));
        for event in 0..400 {
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
fn memory_is_that_of_its_parts() {
    let index = MemIndex::new(HashKey(1, 2));
    let tables = 2 * 256 * 8;
    assert_eq!(index.memory(), tables);
    add(&index, "e".into(), &[]);
    // Offsets, fields, texts and where they lie; ids in two halves; rows of eight cells.
    let cells = 256 * 4;
    assert_eq!(index.memory(), tables + 4 * cells + 4 * cells + 8 * cells);
    add(&index, "e".into(), &[]);
    assert_eq!(index.memory(), tables + 16 * cells + cells, "the second event of a term takes a block");
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
    for event in 0..3000 {
        let entity = (event * event + event / 3) % 7;
        add(&index, format!("e{entity}"), &["t", "t"]);
        plain[entity as usize].push(event);
    }
    for (entity, events) in plain.iter().enumerate() {
        let term = Term::new(Field::Entity, format!("e{entity}").as_bytes());
        let found = index.find(&hash_key.hash_term(term)).map_or(Vec::new(), |postings| {
            (0..3000).for_each(|event| {
                assert_eq!(postings.rank(event) as usize, events.partition_point(|e| *e < event));
            });
            (0..postings.count()).filter_map(|n| postings.get(n)).collect()
        });
        assert_eq!(&found, events, "entity {entity}");
    }
    let tagged = index.find(&hash_key.hash_term(Term::new(Field::Tag, b"t"))).expect("every event has it");
    assert_eq!(tagged.count(), 3000);
    assert!(index.find(&hash_key.hash_term(Term::new(Field::Tag, b"u"))).is_none());
    let find = |id: u32| index.find_id(&hash_key.hash_id(EventId(u128::from(id).to_be_bytes())));
    for event in [0, 63, 64, 2943, 2944, 2999] {
        assert_eq!(find(event), Some(event));
    }
    assert_eq!(find(3000), None);
    assert_eq!(index.offset(77), 770);
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
