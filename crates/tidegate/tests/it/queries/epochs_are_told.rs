//! An event tells which opening of its store wrote it, in batches of any size, sealed or not, mapped or not.

use std::sync::Arc;

use tidegate::testing::{Env, MemoryDisk};
use tidegate::{Batch, Draft, Position, StoreOptions};

#[test]
fn whatever_frame_it_is_in() {
    for map in [true, false] {
        let env = Env { disk: Arc::new(MemoryDisk::new()), ..Env::memory() };
        let open =
            || StoreOptions::new().segment_bytes(2000).map(map).thread(false).open_in(env.clone()).unwrap();
        let mut expected = Vec::new();
        for epoch in 1..=4 {
            let store = open();
            for events in [1, 3, 2, 7] {
                let drafts = (0..events).map(|n| Draft::new(("s", "e"), "a.b").bytes(vec![b'.'; n * 20]));
                store.append(drafts.collect::<Batch>()).unwrap();
                expected.extend((0..events).map(|_| Some(epoch)));
            }
            let view = store.view().unwrap();
            let told = (1..=view.head().0).map(|at| view.epoch(Position(at)).unwrap());
            assert_eq!(told.collect::<Vec<_>>(), expected, "mapped {map}");
            assert_eq!(view.epoch(Position(0)).unwrap(), None);
            assert_eq!(view.epoch(view.head().next()).unwrap(), None);
            assert_eq!(view.as_of(Position(1)).epoch(Position(2)).unwrap(), None, "not shown, so not told");
            store.close().unwrap();
        }
    }
}
