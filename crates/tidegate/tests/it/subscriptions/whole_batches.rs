//! Batches come as they were appended.

use tidegate::{Batch, ErrorKind, Position, Query};

use super::{LONG, SHORT, draft, kind, positions};

#[test]
fn a_batch_comes_as_one() {
    let store = super::small().thread(false).in_memory().unwrap();
    // Three batches become visible at once.
    let batches =
        [&["a.one", "b.one", "a.two"][..], &["a.one"], &["b.one", "b.one", "a.one", "a.two", "b.one"]];
    for kinds in batches {
        let batch: Batch = kinds.iter().copied().map(draft).collect();
        drop(store.submit(batch).unwrap());
    }
    store.upkeep().step().unwrap();
    let take = |query: Query| {
        let mut subscription = store.subscribe(query.clone(), Position::START);
        let mut taken = Vec::new();
        while let Ok(batch) = subscription.next_batch(SHORT) {
            let again = store.subscribe(query.clone(), subscription.reached()).next_now().unwrap();
            let next = again.map(|event| event.position());
            assert!(
                next.is_none_or(|next| next > batch.last().unwrap().position()),
                "it goes on behind the batch"
            );
            taken.push(positions(batch).iter().map(|position| position.0).collect::<Vec<_>>());
        }
        taken
    };
    assert_eq!(take(Query::ALL), [vec![1, 2, 3], vec![4], vec![5, 6, 7, 8, 9]]);
    assert_eq!(take(kind("a.*")), [vec![1, 3], vec![4], vec![7, 8]]);
    assert_eq!(take(kind("b.*")), [vec![2], vec![5, 6, 9]]);
    assert_eq!(take(kind("a.two")), [vec![3], vec![8]]);
}

/// What was found of the next batch is not lost to another way of asking.
#[test]
fn asking_for_batches_and_for_events_goes_together() {
    let store = super::store();
    for _ in 0..3 {
        store.append([draft("a.one"), draft("a.two")].into_iter().collect::<Batch>()).unwrap();
    }
    let mut subscription = store.subscribe(Query::ALL, Position::START);
    assert_eq!(positions(subscription.next_batch(LONG).unwrap()), [Position(1), Position(2)]);
    assert_eq!(subscription.reached(), Position(2), "the third was found, and not delivered");
    assert_eq!(subscription.next_within(LONG).unwrap().unwrap().position(), Position(3));
    assert_eq!(positions(subscription.next_batch(LONG).unwrap()), [Position(4)], "the rest of its batch");
    assert_eq!(subscription.next_now().unwrap().unwrap().position(), Position(5));
    store.append(draft("a.one")).unwrap();
    assert_eq!(positions(subscription.next_batch(LONG).unwrap()), [Position(6)]);
    assert_eq!(positions(subscription.next_batch(LONG).unwrap()), [Position(7)]);
    assert_eq!(subscription.next_batch(SHORT).unwrap_err().kind(), ErrorKind::TimedOut);
    store.close().unwrap();
    assert!(subscription.next_batch(LONG).unwrap().is_empty());
}
