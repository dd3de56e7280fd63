//! Filter groups, as a store and its readers come to use them.

use tidegate_disk::{Env, Mode};
use tidegate_segment::filter_groups;

use crate::settings::StoreOptions;
use crate::{AppendOptions, Draft, Position, Store, StoreReader};

fn options() -> StoreOptions {
    // Every event fills a segment.
    StoreOptions::new().segment_bytes(81).thread(false)
}

fn append(store: &Store, count: usize) {
    for number in 0..count {
        let draft = Draft::new(("shop", format!("order-{number}")), "order.placed");
        store.append_with(draft, AppendOptions::new().synced()).unwrap();
    }
}

/// Returns how many segments the filter groups in use are of.
fn counts(store: &StoreReader) -> Vec<usize> {
    store.view().unwrap();
    store
        .opening()
        .published()
        .log()
        .filter_groups
        .iter()
        .flatten()
        .map(|filter_group| filter_group.count())
        .collect()
}

/// keeps Z2
#[test]
fn they_grow_with_the_log_for_its_writer_and_its_readers() {
    let world = Env::memory();
    let store = options().open_in(world.clone()).unwrap();
    append(&store, 1);
    let reader = options().open_reader_in(world.clone()).unwrap();
    let steps: [(usize, &[usize]); 5] =
        [(10, &[]), (10, &[16]), (40, &[48]), (25, &[64, 16]), (16, &[64, 32])];
    for (more, expected) in steps {
        append(&store, more);
        let before = counts(&store);
        assert!(before.is_empty() || before != expected, "they are made in steps");
        store.upkeep().step().unwrap();
        append(&store, 1);
        assert_eq!((counts(&store), counts(&reader)), (expected.to_vec(), expected.to_vec()));
    }
    store.close().unwrap();
    assert_eq!(counts(&options().open_reader_in(world.clone()).unwrap()), [64, 32]);
    assert_eq!(counts(&options().create(false).open_in(world).unwrap()), [64, 32]);
}

#[test]
fn a_damaged_one_is_made_again_once_it_shows() {
    let world = Env::memory();
    let store = options().open_in(world.clone()).unwrap();
    append(&store, 20);
    store.close().unwrap();
    let name = filter_groups::path(Position(1));
    let file = world.disk.open(&name, Mode::Write).unwrap();
    file.write_all_at(&[0xff; 4096], 4096).unwrap();
    let store = options().create(false).open_in(world.clone()).unwrap();
    let damaged = || {
        store.opening().published().log().filter_groups[0]
            .as_ref()
            .is_some_and(|filter_group| filter_group.is_damaged())
    };
    assert_eq!((counts(&store), damaged()), (vec![16], false), "nothing was asked yet");
    assert_eq!(store.view().unwrap().version(&("shop", "order-3").into()).unwrap().0, 1);
    assert!(damaged());
    store.upkeep().step().unwrap();
    assert_eq!((counts(&store), damaged()), (vec![16], false));
    store.opening().published().log().filter_groups[0].as_ref().unwrap().verify().unwrap();
}
