//! How a subscription waits, and how it ends.

use tidegate::testing::{Call, Errno, FaultPlan};
use tidegate::{AppendOptions, ErrorKind, Position, Query};

use super::{LONG, SHORT, draft, kind, positions, store};
use crate::faults::Stage;
use crate::stored::access::Access;

#[test]
fn what_does_not_come_in_time_is_asked_for_again() {
    let store = store();
    store.append(draft("a.one")).unwrap();
    let mut subscription = store.subscribe(kind("a.two"), Position::START);
    assert_eq!(subscription.next_within(SHORT).unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(subscription.next_now().unwrap().is_none());
    assert_eq!(subscription.reached(), Position(1), "it knows that nothing up to here was of its query");
    store.append(draft("a.two")).unwrap();
    let event = subscription.next_within(LONG).unwrap().unwrap();
    assert_eq!((event.position(), subscription.reached()), (Position(2), Position(2)));
    drop(store);
    assert!(subscription.next_within(LONG).unwrap().is_none(), "dropping the store closes it");
    assert!(subscription.next().is_none());
}

#[test]
fn everything_is_delivered_before_the_end() {
    let store = store();
    let waiting = store.subscribe(Query::ALL, Position::START);
    let late = store.subscribe(kind("a.*"), Position(40));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| positions(waiting.map(Result::unwrap)));
        for _ in 0..100 {
            store.append_with(draft("a.one"), AppendOptions::new().buffered()).unwrap();
        }
        store.close().unwrap();
        assert_eq!(waiting.join().unwrap().len(), 100);
    });
    assert_eq!(positions(late.map(Result::unwrap)).len(), 60, "it was not asked before the store was closed");
}

#[test]
fn a_writer_that_fails_ends_it_with_its_error() {
    let stage = Stage::new();
    let store = stage.open();
    store.append(draft("a.one")).unwrap();
    let mut subscription = store.subscribe(Query::ALL, Position::START);
    stage.disk.set_plan(FaultPlan::default().fail_from(Call::Sync, 1, Errno::IO));
    store.append(draft("a.one")).unwrap_err();
    assert_eq!(subscription.next().unwrap().unwrap().position(), Position(1), "what was visible comes first");
    assert_eq!(subscription.next().unwrap().unwrap_err().kind(), ErrorKind::Ended);
    assert!(subscription.next().is_none() && subscription.next_within(LONG).unwrap().is_none());
}

#[test]
fn a_position_ahead_of_the_log_is_waited_for() {
    let store = store();
    let mut subscription = store.subscribe(Query::ALL, Position(2));
    for _ in 0..2 {
        store.append(draft("a.one")).unwrap();
        assert!(subscription.next_now().unwrap().is_none());
    }
    store.append(draft("a.one")).unwrap();
    assert_eq!(subscription.next_now().unwrap().unwrap().position(), Position(3));
}

/// A subscription of a store opened for reading lives on what another process makes durable.
#[test]
fn a_reader_is_not_ended_by_the_writer() {
    let stage = Stage::new();
    let store = stage.open();
    store.append(draft("a.one")).unwrap();
    let reader = stage.try_open(Access::Read).unwrap();
    let mut subscription = reader.subscribe(Query::ALL, Position::START);
    store.close().unwrap();
    assert!(subscription.next_within(LONG).unwrap().is_some());
    assert!(subscription.next_now().unwrap().is_none());
}
