//! A cursor can be sent back, which says what comes again, and passes over events only when it is told to skip
//! them, and says which.

use tidegate::subscription::cursor::{Change, Span};
use tidegate::{ErrorKind, Position, Query};

use super::{at, drain, next, parked, put, stage, strict};
use crate::subscriptions::logged::warnings;
use crate::subscriptions::{draft, kind};

pub(super) fn span(count: u64, first: u64, last: u64) -> Span {
    Span { count, first: Position(first), last: Position(last) }
}

#[test]
fn everything_after_the_position_comes_again() {
    let (mut stage, store) = stage(6);
    let cursor = store.cursor_with("back", Query::ALL, strict()).unwrap();
    assert_eq!(drain(&cursor), [1, 2, 3, 4, 5, 6]);
    let changed = cursor.change(Change::Rewind(Position(2))).unwrap();
    assert_eq!((changed.before, changed.position), (Position(6), Position(2)));
    assert_eq!((changed.redelivered, changed.given_up), (span(4, 3, 6), Span::default()));
    assert_eq!((cursor.position(), cursor.lag().unwrap()), (Position(2), 4));
    let out = next(&cursor);
    assert_eq!(cursor.change(Change::Set(Position(1))).unwrap().redelivered, span(1, 2, 2));
    assert_eq!(out.ack().unwrap_err().kind(), ErrorKind::Refused);
    drop((cursor, store));
    stage.restart();
    let store = stage.open();
    let cursor = store.cursor_with("back", Query::ALL, strict()).unwrap();
    assert_eq!(drain(&cursor), [2, 3, 4, 5, 6]);
}

/// Of what comes again, only events of the query count, and those that were done beyond the position count too.
#[test]
fn what_was_done_beyond_the_position_comes_again_too() {
    let (_stage, store) = stage(2);
    store.append(draft("b.one")).unwrap();
    put(&store, "e7");
    put(&store, "e8");
    let cursor = store.cursor_with("back", kind("a.*"), strict()).unwrap();
    next(&cursor).ack().unwrap();
    let second = next(&cursor);
    assert_eq!((at(&second), drain(&cursor)), (2, vec![4, 5]));
    assert_eq!((cursor.position(), cursor.lag().unwrap()), (Position(1), 1));
    let changed = cursor.change(Change::Rewind(Position(1))).unwrap();
    assert_eq!(changed.redelivered, span(2, 4, 5), "the one that is out was never done");
    assert_eq!(drain(&cursor), [2, 4, 5]);
    assert_eq!(cursor.change(Change::Rewind(Position(0))).unwrap().redelivered, span(4, 1, 5));
}

#[test]
fn a_rewind_does_not_go_forward() {
    let (_stage, store) = stage(3);
    let cursor = store.cursor_with("back", Query::ALL, strict()).unwrap();
    next(&cursor).ack().unwrap();
    let error = cursor.change(Change::Rewind(Position(2))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(drain(&cursor), [2, 3]);
}

#[test]
fn skipping_says_what_is_given_up() {
    let (mut stage, store) = stage(6);
    let cursor = store.cursor_with("on", Query::ALL, strict().max_attempts(1)).unwrap();
    let (first, second, third) = (next(&cursor), next(&cursor), next(&cursor));
    second.ack().unwrap();
    third.fail("no").unwrap();
    let error = cursor.change(Change::Set(Position(5))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("3 events that are not done, from position 1 to 5"), "{error}");
    let told = warnings(|| {
        let changed = cursor.change(Change::Skip(Position(5))).unwrap();
        assert_eq!((changed.before, changed.position), (Position(0), Position(5)));
        assert_eq!((changed.redelivered, changed.given_up), (Span::default(), span(3, 1, 5)));
    });
    assert!(told.len() == 1 && told[0].contains("count=3 first=1 last=5"), "{told:?}");
    assert_eq!(first.ack().unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!((parked(&cursor), drain(&cursor)), (vec![3], vec![6]), "what is parked stays so");
    assert_eq!(cursor.change(Change::Skip(Position(7))).unwrap_err().kind(), ErrorKind::Invalid);
    drop((cursor, store));
    stage.restart();
    let store = stage.open();
    let cursor = store.cursor_with("on", Query::ALL, strict()).unwrap();
    assert_eq!((cursor.position(), parked(&cursor), drain(&cursor)), (Position(6), vec![3], vec![]));
}

#[test]
fn it_is_set_forward_over_what_is_done() {
    let (_stage, store) = stage(2);
    store.append(draft("b.one")).unwrap();
    let cursor = store.cursor_with("on", kind("a.*"), strict()).unwrap();
    let (first, second) = (next(&cursor), next(&cursor));
    first.ack().unwrap();
    second.ack().unwrap();
    let told = warnings(|| {
        assert_eq!(cursor.change(Change::Set(Position(3))).unwrap().given_up, Span::default());
    });
    assert_eq!((told, cursor.position(), cursor.lag().unwrap()), (vec![], Position(3), 0));
}

#[test]
fn what_was_parked_after_it_is_forgotten() {
    let (_stage, store) = stage(3);
    let cursor = store.cursor_with("back", Query::ALL, strict().max_attempts(1)).unwrap();
    for _ in 0..3 {
        next(&cursor).fail("no").unwrap();
    }
    assert_eq!(cursor.change(Change::Rewind(Position(1))).unwrap().redelivered, span(2, 2, 3));
    assert_eq!(parked(&cursor), [1]);
    assert_eq!(drain(&cursor), [2, 3]);
    cursor.change(Change::Retry(Position(1))).unwrap();
    assert_eq!(drain(&cursor), [1]);
    assert_eq!(parked(&cursor), [0; 0]);
}

/// A rewind forgot that a parked event was to be tried again.
#[test]
fn what_is_to_be_tried_again_still_is() {
    let (_stage, store) = stage(3);
    let cursor = store.cursor_with("back", Query::ALL, strict().max_attempts(1)).unwrap();
    next(&cursor).fail("no").unwrap();
    assert_eq!(drain(&cursor), [2, 3]);
    cursor.change(Change::Retry(Position(1))).unwrap();
    cursor.change(Change::Rewind(Position(2))).unwrap();
    assert_eq!((drain(&cursor), parked(&cursor)), (vec![1, 3], vec![]));
}
