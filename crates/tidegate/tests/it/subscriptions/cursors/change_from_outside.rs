//! A cursor is mended without the program that reads it.

use tidegate::subscription::cursor::{Change, Span, change, status};
use tidegate::{ErrorKind, Position, Query, Store};

use super::go_back::span;
use super::{drain, next, parked, put, stage, strict};
use crate::faults::Stage;
use crate::subscriptions::kind;

/// A cursor that parked 1 and 2, and has 3 and 4 done.
fn sample() -> (Stage, Store) {
    let (stage, store) = stage(4);
    let cursor = store.cursor_with("mailer", kind("a.*"), strict().max_attempts(1)).unwrap();
    next(&cursor).fail("no").unwrap();
    next(&cursor).fail("no").unwrap();
    assert_eq!(drain(&cursor), [3, 4]);
    (stage, store)
}

#[test]
fn what_is_parked_is_retried_and_discarded() {
    let (mut stage, store) = sample();
    assert_eq!(change(&store, "mailer", Change::Retry(Position(3))).unwrap_err().kind(), ErrorKind::Missing);
    assert_eq!(change(&store, "mailer", Change::Retry(Position(2))).unwrap().redelivered, span(1, 2, 2));
    assert_eq!(change(&store, "mailer", Change::Discard(Position(1))).unwrap().given_up, span(1, 1, 1));
    let kept = status(&store, "mailer").unwrap();
    assert_eq!((kept.parked.len(), kept.parked[0].position, kept.parked[0].retried), (1, Position(2), true));
    drop(store);
    stage.restart();
    let store = stage.open();
    let cursor = store.cursor_with("mailer", kind("a.*"), strict()).unwrap();
    assert_eq!((drain(&cursor), parked(&cursor)), (vec![2], vec![]));
}

#[test]
fn all_that_is_parked_at_once() {
    let (_stage, store) = sample();
    assert_eq!(change(&store, "mailer", Change::RetryAll).unwrap().redelivered, span(2, 1, 2));
    assert!(status(&store, "mailer").unwrap().parked.iter().all(|parked| parked.retried));
    assert_eq!(change(&store, "mailer", Change::DiscardAll).unwrap().given_up, span(2, 1, 2));
    assert_eq!(change(&store, "mailer", Change::DiscardAll).unwrap().given_up, Span::default());
    let cursor = store.cursor_with("mailer", kind("a.*"), strict()).unwrap();
    assert_eq!(drain(&cursor), [0; 0]);
}

#[test]
fn it_goes_back_and_on() {
    let (mut stage, store) = sample();
    let changed = change(&store, "mailer", Change::Rewind(Position::START)).unwrap();
    assert_eq!((changed.before, changed.redelivered), (Position(4), span(4, 1, 4)));
    assert_eq!(change(&store, "mailer", Change::Set(Position(3))).unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(change(&store, "mailer", Change::Skip(Position(3))).unwrap().given_up, span(3, 1, 3));
    drop(store);
    stage.restart();
    let store = stage.open();
    let cursor = store.cursor_with("mailer", kind("a.*"), strict()).unwrap();
    assert_eq!(drain(&cursor), [4]);
}

#[test]
fn an_open_one_is_left_to_its_handle() {
    let (stage, store) = sample();
    let cursor = store.cursor_with("mailer", kind("a.*"), strict()).unwrap();
    assert_eq!(change(&store, "mailer", Change::RetryAll).unwrap_err().kind(), ErrorKind::Locked);
    assert_eq!(change(&store, "nobody", Change::RetryAll).unwrap_err().kind(), ErrorKind::Missing);
    assert_eq!(stage.disk.at_rest().names_in("cursors"), ["cursors/mailer"], "none is made by asking");
    drop(cursor);
}

/// A log that was put back from an older copy and grew again has other events than the cursor read. The cursor could
/// only be removed, and then read everything again.
#[test]
fn one_that_read_another_log_is_sent_back() {
    let (mut stage, store) = stage(3);
    store.close().unwrap();
    let older = Stage { disk: stage.disk.fork().reopen(), ..stage.clone() };
    stage.restart();
    let store = stage.open();
    put(&store, "later");
    let cursor = store.cursor_with("mailer", Query::ALL, strict()).unwrap();
    assert_eq!(drain(&cursor), [1, 2, 3, 4]);
    drop((cursor, store));
    let store = older.open();
    for _ in 0..2 {
        put(&store, "other");
    }
    older.disk.at_rest().write("cursors/mailer", &stage.bytes("cursors/mailer")).unwrap();
    let error = store.cursor_with("mailer", Query::ALL, strict()).unwrap_err();
    assert!(error.to_string().contains("tidegate cursors rewind"), "{error}");
    assert_eq!(change(&store, "mailer", Change::RetryAll).unwrap_err().kind(), ErrorKind::Damaged);
    assert_eq!(change(&store, "mailer", Change::Rewind(Position(6))).unwrap_err().kind(), ErrorKind::Invalid);
    let changed = change(&store, "mailer", Change::Rewind(Position(3))).unwrap();
    assert_eq!(
        (changed.before, changed.position, changed.redelivered),
        (Position(4), Position(3), span(2, 4, 5))
    );
    let cursor = store.cursor_with("mailer", Query::ALL, strict()).unwrap();
    assert_eq!(drain(&cursor), [4, 5]);
}

/// A file that cannot be read names no query, so nothing but reading from the start mends it.
#[test]
fn one_whose_file_is_damaged_stays_so() {
    let (stage, store) = sample();
    stage.disk.at_rest().flip_bit("cursors/mailer", 8 * 40).unwrap();
    let error = change(&store, "mailer", Change::Rewind(Position::START)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("remove it to read from the start"), "{error}");
}
