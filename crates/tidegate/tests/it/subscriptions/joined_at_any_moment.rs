//! Joined at any moment, a subscription delivers every event of its query once and in order, while writers
//! append, segments roll, and sealed ones get their index.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tidegate::{AppendOptions, Batch, Position, Query, QueryItem, ReadOptions, Store, StoreOptions};

use super::{LONG, draft, kind, positions, small};

const KINDS: [&str; 3] = ["a.one", "a.two", "b.one"];

/// Appends until it is told to stop, batches of one to four.
fn write(store: &Store, seed: usize, stop: &AtomicBool) {
    let mut number = seed;
    while !stop.load(Ordering::SeqCst) {
        number = number.wrapping_mul(25_214_903_917).wrapping_add(11);
        let batch: Batch = (0..=number % 4).map(|at| draft(KINDS[(number / 7 + at) % 3])).collect();
        let append = if number.is_multiple_of(5) {
            AppendOptions::new().buffered()
        } else {
            AppendOptions::new().synced()
        };
        store.append_with(batch, append).unwrap();
    }
}

fn expected(store: &Store, query: &Query, after: Position, to: Position) -> Vec<Position> {
    let read = ReadOptions::new().after(after).before(to.next());
    positions(store.read_with(query, read).unwrap().map(Result::unwrap))
}

#[test]
fn under_writers() {
    let store = Arc::new(small().in_memory().unwrap());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers = [1, 2].map(|seed| {
            let (store, stop) = (&store, &stop);
            scope.spawn(move || write(store, seed, stop))
        });
        let versions = QueryItem::new().kind("a.*").versions(10..=3000);
        let queries = [Query::ALL, kind("a.*"), kind("b.one"), kind("c.none"), versions.into()];
        let readers: Vec<_> = (0..24u64)
            .map(|number| {
                // Some join at the beginning, some where the log is, some ahead of it.
                let head = store.wait_visible(Position(1 + number * 20), LONG).unwrap();
                let after = [Position::START, head, Position(head.0 / 2), head.plus(50)][number as usize % 4];
                let query = queries[number as usize / 4 % 5].clone();
                let store = Arc::clone(&store);
                let subscription = store.subscribe(query.clone(), after);
                scope.spawn(move || {
                    let delivered = positions(subscription.map(Result::unwrap));
                    assert_eq!(
                        delivered,
                        expected(&store, &query, after, Position::MAX),
                        "{query} after {after}"
                    );
                    delivered.len()
                })
            })
            .collect();
        store.wait_visible(Position(3000), LONG).unwrap();
        stop.store(true, Ordering::SeqCst);
        for writer in writers {
            writer.join().unwrap();
        }
        store.close().unwrap();
        let delivered: usize = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
        assert!(delivered > 10_000, "{delivered}");
    });
}

/// The same from another process, which has to look for itself: here a second handle on the directory.
#[test]
fn from_another_process() {
    let directory = tempfile::tempdir().unwrap();
    let writer = small().open(directory.path()).unwrap();
    writer.append(draft("a.one")).unwrap();
    let reader = StoreOptions::new().open_reader(directory.path()).unwrap();
    let mut subscription = reader.subscribe(kind("a.*"), Position::START);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut appended = vec![Position(1)];
            for number in 0..200 {
                let receipt =
                    writer.append_with(draft(KINDS[number % 3]), AppendOptions::new().synced()).unwrap();
                if number % 3 < 2 {
                    appended.push(receipt.first());
                }
            }
            appended
        });
        let appended = writing.join().unwrap();
        let mut delivered = Vec::new();
        while delivered.len() < appended.len() {
            delivered.extend(subscription.next_within(LONG).unwrap());
        }
        assert_eq!(positions(delivered), appended);
    });
}
