//! One writer and one reader of a whole index, in the interleavings that a model checker finds (`just interleavings`).

use std::sync::Arc;

use tidegate_format::EventId;

use super::tests::add;
use super::*;
use crate::sync::explore;

/// The whole of an index has too many steps for more; the parts (`column`, `table`, `terms`, `causes`) are tried further.
const PREEMPTIONS: usize = 2;

const HASH_KEY: HashKey = HashKey(1, 2);

fn id(event: u32) -> HashedId {
    HASH_KEY.hash_id(EventId(u128::from(event).to_be_bytes()))
}

/// keeps M3
#[test]
fn what_is_counted_is_found() {
    explore(PREEMPTIONS, || {
        let index = Arc::new(MemIndex::new(HASH_KEY));
        add(&index, "e".into(), &[]);
        let read = Arc::clone(&index);
        let reading = loom::thread::spawn(move || {
            let count = read.count();
            let entity = read.find(&HASH_KEY.hash_term(Term::new(Field::Entity, b"e")));
            let entity = entity.expect("the first event has it");
            assert!(entity.count() >= count);
            for event in 0..count {
                assert_eq!((read.offset(event), entity.get(event)), (event * 10, Some(event)));
            }
        });
        add(&index, "e".into(), &[]);
        reading.join().unwrap();
    });
}

/// Ids move into the table while they are looked for.
#[test]
fn an_id_that_is_counted_is_found_wherever_it_stands() {
    explore(PREEMPTIONS, || {
        let index = Arc::new(MemIndex::new(HASH_KEY));
        (0..3).for_each(|_| add(&index, "e".into(), &[]));
        let read = Arc::clone(&index);
        let reading = loom::thread::spawn(move || {
            assert_eq!(read.find_id(&id(2)), Some(2));
            assert!([None, Some(3)].contains(&read.find_id(&id(3))));
        });
        // The fourth puts itself and the third into the table.
        add(&index, "e".into(), &[]);
        reading.join().unwrap();
    });
}
