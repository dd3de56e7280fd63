//! A cursor can be sent back, and never passes over events.

use tidegate::subscription::cursor::Settings;
use tidegate::{ErrorKind, Position, Query};

use super::{drain, next, parked, stage, strict};

#[test]
fn everything_after_the_position_comes_again() {
    let (mut stage, store) = stage(6);
    let cursor = store.cursor("back", Query::ALL, strict()).unwrap();
    assert_eq!(drain(&cursor), [1, 2, 3, 4, 5, 6]);
    cursor.rewind(Position(2)).unwrap();
    assert_eq!((cursor.position(), cursor.lag().unwrap()), (Position(2), 4));
    let out = next(&cursor);
    cursor.rewind(Position(1)).unwrap();
    assert_eq!(out.ack().unwrap_err().kind(), ErrorKind::Refused);
    drop((cursor, store));
    stage.restart();
    let store = stage.open();
    let cursor = store.cursor("back", Query::ALL, strict()).unwrap();
    assert_eq!(drain(&cursor), [2, 3, 4, 5, 6]);
}

#[test]
fn it_does_not_go_forward() {
    let (_stage, store) = stage(3);
    let cursor = store.cursor("back", Query::ALL, strict()).unwrap();
    next(&cursor).ack().unwrap();
    assert_eq!(cursor.rewind(Position(2)).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(drain(&cursor), [2, 3]);
}

#[test]
fn what_was_parked_after_it_is_forgotten() {
    let (_stage, store) = stage(3);
    let cursor = store.cursor("back", Query::ALL, Settings { attempts: 1, ..strict() }).unwrap();
    for _ in 0..3 {
        next(&cursor).fail("no").unwrap();
    }
    cursor.retry(Position(1)).unwrap();
    cursor.rewind(Position(1)).unwrap();
    assert_eq!(parked(&cursor), [1]);
    assert_eq!(drain(&cursor), [2, 3]);
    cursor.retry(Position(1)).unwrap();
    assert_eq!(drain(&cursor), [1]);
    assert_eq!(parked(&cursor), [0; 0]);
}
