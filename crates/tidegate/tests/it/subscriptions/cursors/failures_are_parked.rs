//! Failures are tried again, then set aside, and never lost.

use tidegate::subscription::cursor::{Change, status};
use tidegate::{ErrorKind, Position, Query};

use crate::subscriptions::logged::{warnings, warnings_and};

use super::{at, drain, next, parked, pass, put, stage, strict};

#[test]
fn a_failure_rests_and_holds_up_its_stream_alone() {
    let (stage, store) = stage(2);
    put(&store, "e0");
    let cursor = store.cursor_with("fails", Query::ALL, strict()).unwrap();
    next(&cursor).fail("not now").unwrap();
    assert_eq!(drain(&cursor), [2], "3 is of the stream of 1");
    pass(&stage.clock, 1);
    let again = next(&cursor);
    assert_eq!((at(&again), again.attempt()), (1, 2));
    again.ack().unwrap();
    assert_eq!(drain(&cursor), [3]);
    assert_eq!(cursor.parked(), []);
}

#[test]
fn the_last_failure_parks() {
    let (mut stage, store) = stage(2);
    put(&store, "e0");
    let cursor = store.cursor_with("parks", Query::ALL, strict()).unwrap();
    next(&cursor).fail("first").unwrap();
    pass(&stage.clock, 1);
    next(&cursor).fail("no such mailbox").unwrap();
    assert_eq!(drain(&cursor), [2, 3], "its stream goes on without it");
    assert_eq!((cursor.position(), cursor.lag().unwrap()), (Position(3), 0));
    drop((cursor, store));
    stage.restart();
    let store = stage.open();
    let kept = status(&store, "parks").unwrap().parked;
    assert_eq!((kept[0].position, kept[0].attempts, &*kept[0].reason), (Position(1), 2, "no such mailbox"));
    let cursor = store.cursor_with("parks", Query::ALL, strict()).unwrap();
    assert_eq!(drain(&cursor), [0; 0]);
    assert_eq!(parked(&cursor), [1]);
}

/// A failing reader was silent at every level until a caller asked for what is parked. Each failure is a warning, whether
/// a worker says so, panics, or keeps an event too long.
#[test]
fn each_failure_is_a_warning() {
    let (stage, store) = stage(2);
    let cursor = store.cursor_with("mailer", Query::ALL, strict()).unwrap();
    let told = warnings(|| {
        assert!(!next(&cursor).fail("no such mailbox").unwrap());
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _held = next(&cursor);
            std::panic::resume_unwind(Box::new("the worker"));
        }));
        assert!(panicked.is_err());
        pass(&stage.clock, 1);
        assert!(next(&cursor).fail("still\nnone").unwrap(), "it says that it parked it");
        let _slow = next(&cursor);
        pass(&stage.clock, 30);
        assert!(cursor.next_now().unwrap().is_none());
    });
    let line = |position: u64, attempt: u32, reason: &str, text: &str| {
        format!(
            "WARN message={text} cursor=\"mailer\" position={position} attempt={attempt} reason={reason:?}"
        )
    };
    let (again, parked) = ("an event failed and is tried again", "an event was parked: retry or discard it");
    let expected = [
        line(1, 1, "no such mailbox", again),
        line(2, 1, "its worker panicked", again),
        line(1, 2, "still\nnone", parked),
        line(2, 2, "it was not acknowledged within 30s", parked),
    ];
    assert_eq!(told, expected);
}

/// The log runs code of the program's, which may ask the cursor.
#[test]
fn a_warning_is_told_without_a_lock() {
    let (_stage, store) = stage(2);
    let full = strict().max_parked(0).max_attempts(1);
    let cursor = store.cursor_with("mailer", Query::ALL, full).unwrap();
    let asked = cursor.clone();
    let ask = move || assert_eq!((asked.position(), asked.parked()), (Position(0), vec![]));
    let told = warnings_and(ask, || {
        assert_eq!(next(&cursor).fail("no").unwrap_err().kind(), ErrorKind::Full);
    });
    assert!(told.len() == 1 && told[0].contains("cannot be parked"), "{told:?}");
}

#[test]
fn what_is_parked_is_retried_or_discarded() {
    let (mut stage, store) = stage(3);
    let once = strict().max_attempts(1);
    let cursor = store.cursor_with("parks", Query::ALL, once.clone()).unwrap();
    for _ in 0..3 {
        next(&cursor).fail("no").unwrap();
    }
    assert_eq!(parked(&cursor), [1, 2, 3]);
    cursor.change(Change::Discard(Position(1))).unwrap();
    assert_eq!(cursor.change(Change::Discard(Position(1))).unwrap_err().kind(), ErrorKind::Missing);
    assert_eq!(cursor.change(Change::Retry(Position(1))).unwrap_err().kind(), ErrorKind::Missing);
    cursor.change(Change::Retry(Position(2))).unwrap();
    cursor.change(Change::Retry(Position(3))).unwrap();
    assert_eq!(parked(&cursor), [2, 3], "they are not done yet");
    next(&cursor).ack().unwrap();
    assert_eq!(parked(&cursor), [3]);
    drop((cursor, store));
    // What was asked for again before a restart is handed out after it.
    stage.restart();
    let store = stage.open();
    let cursor = store.cursor_with("parks", Query::ALL, once).unwrap();
    let again = next(&cursor);
    assert_eq!(at(&again), 3);
    again.fail("still not").unwrap();
    assert_eq!(cursor.parked()[0].reason, "still not");
    cursor.change(Change::Retry(Position(3))).unwrap();
    cursor.change(Change::Retry(Position(3))).unwrap();
    assert_eq!(drain(&cursor), [3]);
    assert_eq!((parked(&cursor), cursor.position()), (vec![], Position(3)));
}

#[test]
fn a_retried_event_waits_until_its_stream_is_free() {
    let (_stage, store) = stage(1);
    put(&store, "e0");
    let cursor = store.cursor_with("parks", Query::ALL, strict().max_attempts(1)).unwrap();
    next(&cursor).fail("no").unwrap();
    let second = next(&cursor);
    cursor.change(Change::Retry(Position(1))).unwrap();
    assert!(cursor.next_now().unwrap().is_none());
    put(&store, "e0");
    second.ack().unwrap();
    assert_eq!(drain(&cursor), [1, 3], "then it comes before later ones");
}

#[test]
fn parking_is_bounded_and_nothing_is_lost() {
    let (stage, store) = stage(3);
    let one = strict().max_attempts(1).max_parked(1);
    let cursor = store.cursor_with("full", Query::ALL, one).unwrap();
    next(&cursor).fail("no").unwrap();
    let error = next(&cursor).fail("no").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert_eq!(drain(&cursor), [3]);
    assert_eq!((parked(&cursor), cursor.lag().unwrap(), cursor.position().0), (vec![1], 1, 1));
    cursor.change(Change::Discard(Position(1))).unwrap();
    pass(&stage.clock, 1);
    next(&cursor).fail("no").unwrap();
    assert_eq!((parked(&cursor), cursor.lag().unwrap()), (vec![2], 0));
}

#[test]
fn a_long_reason_is_cut() {
    let (_stage, store) = stage(1);
    let cursor = store.cursor_with("long", Query::ALL, strict().max_attempts(1)).unwrap();
    next(&cursor).fail("ä".repeat(10_000)).unwrap();
    assert_eq!(cursor.parked()[0].reason, "ä".repeat(512));
}

/// An event that is tried again after a restart is taken first, however far back the cursor is. With more events in
/// front of it than the cursor takes in at a time, it passed over those it had not looked at, and never delivered
/// them. Its position goes no further than what it has looked at.
#[test]
fn what_is_retried_does_not_hide_what_comes_before_it() {
    let (mut stage, store) = stage(5);
    let cursor = store.cursor_with("skips", Query::ALL, strict().max_attempts(1)).unwrap();
    let out = [next(&cursor), next(&cursor), next(&cursor), next(&cursor)];
    let [first, second, third, fourth] = out;
    fourth.fail("no").unwrap();
    cursor.change(Change::Retry(Position(4))).unwrap();
    drop((first, second, third, cursor, store));
    stage.restart();
    let store = stage.open();
    let narrow = strict().max_in_flight(2);
    let cursor = store.cursor_with("skips", Query::ALL, narrow).unwrap();
    let mut found: Vec<u64> = std::iter::from_fn(|| {
        let delivery = cursor.next_now().unwrap()?;
        let position = at(&delivery);
        delivery.ack().unwrap();
        Some(position)
    })
    .collect();
    found.sort_unstable();
    assert_eq!(found, [1, 2, 3, 4, 5]);
    assert_eq!((cursor.position(), cursor.lag().unwrap()), (Position(5), 0));
}
