//! A cursor is mended without the program that reads it.

use tidegate::subscription::cursor::{Change, Span, change, status};
use tidegate::testing::{Call, Errno, FaultPlan};
use tidegate::{ErrorKind, Position, Query, Store};

use super::go_back::span;
use super::{drain, next, parked, put, stage, strict};
use crate::faults::{Stage, fill};
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

/// A failed read of the event at the cursor's position was taken for another event in its place: the cursor went to any
/// position without counting what it gave up, and a change that would have been refused was made.
#[test]
fn one_whose_log_cannot_be_read_is_not_moved() {
    let (mut stage, store) = sample();
    put(&store, "later");
    drop(store);
    for (asked, given_up) in [(Change::Skip(Position(5)), Some(1)), (Change::Set(Position(5)), None)] {
        let mut failed = 0;
        for read in 1.. {
            stage.restart();
            let stage = stage.fork();
            let store = stage.open();
            stage.disk.set_plan(FaultPlan::default().fail(Call::Read, read, Errno::IO));
            let changed = change(&store, "mailer", asked);
            stage.disk.set_plan(FaultPlan::default());
            match changed {
                Err(error) if error.kind() == ErrorKind::Io => {
                    // A change that was made and not committed is committed with the next one.
                    let cursor = status(&store, "mailer").unwrap();
                    let is_made = given_up.is_some() && (cursor.position, cursor.lag) == (Position(5), 0);
                    let is_not = (cursor.position, cursor.lag) == (Position(4), 1);
                    assert!((is_made || is_not) && cursor.parked.len() == 2, "read {read}: {cursor:?}");
                    failed += 1;
                }
                Err(error) => {
                    assert_eq!((error.kind(), given_up), (ErrorKind::Refused, None), "{error}");
                    break;
                }
                Ok(changed) => {
                    assert_eq!(Some(changed.given_up.count), given_up, "{asked:?} after read {read} failed");
                    break;
                }
            }
        }
        assert!(failed > 2, "{failed} reads of {asked:?} failed, which is too little");
    }
}

/// The like for an event that is damaged: it is told, and nothing is passed over.
#[test]
fn one_whose_event_is_damaged_is_not_moved() {
    let (mut stage, store) = sample();
    let cursor = status(&store, "mailer").unwrap();
    assert_eq!(cursor.position, Position(4));
    fill(&store, 12);
    let id = store.view().unwrap().at(cursor.position).unwrap().expect("it is there").id();
    drop(store);
    stage.restart();
    let first = &stage.segments()[0];
    let bytes = stage.bytes(first);
    let at = bytes.windows(16).position(|bytes| bytes == id.0).expect("its record is in the first segment");
    stage.disk.at_rest().flip_bit(first, at as u64 * 8).unwrap();
    let before = stage.bytes("cursors/mailer");
    let store = stage.open();
    for asked in [Change::Skip(Position(9)), Change::Set(Position(9)), Change::Rewind(Position(1))] {
        let error = change(&store, "mailer", asked).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{asked:?}: {error}");
        assert!(error.to_string().contains(first), "{asked:?}: {error}");
    }
    assert_eq!(stage.bytes("cursors/mailer"), before);
}
