//! Readers beside a writer, as in another process: they see what is durable, follow rolls and recoveries, and
//! write nothing (F27, and reading only as the issue of every crash).

use std::sync::Arc;

use tidegate::{AppendOptions, Position, StoreOptions, StoreReader};

use crate::faults::hooked::Hooked;
use crate::faults::stage::{LONG, Stage, batch, fill, history, one};

/// A reader to whom anything but looking is a bug.
fn reader(stage: &Stage) -> StoreReader {
    let disk = Hooked::new(stage.disk.clone(), |call| assert!(!call.changes(), "a reader calls {call:?}"));
    let world = stage.world_with(Arc::new(disk));
    stage.options.open_reader_in(world).unwrap()
}

#[test]
fn over_rolls_and_never_ahead_of_the_disk() {
    let stage = Stage::new();
    let store = stage.open();
    let early = reader(&stage);
    assert_eq!(history(&early).unwrap().len(), 0);
    for number in 0..30 {
        let before = history(&store).unwrap();
        store.append_with(one("buffered"), AppendOptions::new().buffered()).unwrap();
        let durable = store.frontier().durable.0 as usize;
        assert!(durable >= before.len(), "only the newest event may be undurable");
        assert_eq!(history(&early).unwrap(), history(&store).unwrap()[..durable], "{number}");
        store.append_with(batch(number), AppendOptions::new().synced()).unwrap();
        let all = history(&store).unwrap();
        assert_eq!(history(&early).unwrap(), all, "{number}");
        assert_eq!(history(&reader(&stage)).unwrap(), all, "{number}");
        early.verify(|_| ()).unwrap();
    }
    assert!(stage.segments().len() > 10);
}

/// A reader that holds the file of before a recovery open goes over to the copy.
#[test]
fn over_a_recovery() {
    let mut stage = Stage::new();
    let store = stage.open();
    fill(&store, 2);
    let told = history(&store).unwrap();
    store.append_with(one("unsynced"), AppendOptions::new().buffered()).unwrap();
    stage.disk.kill();
    let at = stage.active();
    stage.disk.at_rest().edit(&at, |bytes| bytes.extend([1, 2, 3])).unwrap();
    stage.restart();
    // Simulated handles end with their process, so writer and reader share one from here on.
    let early = reader(&stage);
    assert_eq!(history(&early).unwrap(), told);
    let store = stage.open();
    assert_eq!(store.report().dropped_bytes, 3);
    let all = history(&store).unwrap();
    assert_eq!(all.len(), told.len() + 1, "a kill takes nothing that was written");
    assert_eq!(history(&early).unwrap(), all, "the recovery has made it durable, and says so");
    for number in 0..12 {
        store.append_with(batch(number), AppendOptions::new().synced()).unwrap();
        assert_eq!(history(&early).unwrap(), history(&store).unwrap());
    }
}

/// A watermark that is lost begins anew; a reader takes any other sequence for news.
#[test]
fn over_a_lost_watermark() {
    let stage = Stage::new();
    let store = stage.open();
    fill(&store, 6);
    let early = reader(&stage);
    history(&early).unwrap();
    store.close().unwrap();
    stage.disk.at_rest().remove("WATERMARK").unwrap();
    let store = stage.open();
    for _ in 0..5 {
        fill(&store, 1);
        assert_eq!(history(&early).unwrap(), history(&store).unwrap());
    }
}

/// A watermark that is begun anew may say more under the number that the lost one had.
#[test]
fn over_a_lost_watermark_with_the_same_number() {
    let stage = Stage::new();
    let store = stage.open();
    fill(&store, 1);
    let early = reader(&stage);
    assert_eq!(history(&early).unwrap().len(), 2);
    store.close().unwrap();
    stage.disk.at_rest().remove("WATERMARK").unwrap();
    let store = stage.open();
    fill(&store, 1);
    assert_eq!(history(&early).unwrap(), history(&store).unwrap());
}

/// A reader of a store without a writer that was killed: what is durable for sure, and the rest after the next
/// writer has made it so.
#[test]
fn of_a_killed_writer() {
    let mut stage = Stage::new();
    let store = stage.open();
    fill(&store, 4);
    let durable = history(&store).unwrap();
    store.append_with(one("buffered"), AppendOptions::new().buffered()).unwrap();
    let written = history(&store).unwrap();
    stage.disk.kill();
    stage.restart();
    assert_eq!(history(&reader(&stage)).unwrap(), durable);
    let store = stage.open();
    assert_eq!(history(&store).unwrap(), written);
    assert_eq!(history(&reader(&stage)).unwrap(), written);
}

/// Whether a history made by `fill` may end there: every third batch has two events.
fn ends_a_batch(count: usize) -> bool {
    count % 4 != 1
}

/// Two processes on one directory: the reader waits, and sees what the writer makes durable.
#[test]
fn waiting_for_another_handle() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions::new().segment_bytes(4000);
    let store = options.open(folder.path()).unwrap();
    let early = StoreReader::open(folder.path()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| fill(&store, 90));
        let mut seen = Position(0);
        while seen < Position(120) {
            let next = early.wait_visible(seen.next(), LONG).unwrap();
            assert!(next > seen, "nothing came in time");
            let found = history(&early).unwrap();
            assert!(found.len() as u64 >= next.0, "what is visible can be read");
            assert!(ends_a_batch(found.len()), "a reader sees a part of a batch: {}", found.len());
            seen = next;
        }
    });
    assert_eq!(history(&early).unwrap(), history(&store).unwrap());
}

/// A segment that was active when a verification came to it may be sealed, mapped and its file closed before it is read.
/// That was once an error.
#[test]
fn verifying_beside_rolls() {
    for _ in 0..40 {
        let options = StoreOptions::new().segment_bytes(81).thread(false);
        let store = options.in_memory().unwrap();
        fill(&store, 1);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                (0..100).for_each(|_| {
                    drop(store.append_with(one("a"), AppendOptions::new().buffered()).unwrap());
                });
            });
            while !writer.is_finished() {
                store.verify(|_| ()).unwrap();
            }
        });
    }
}
