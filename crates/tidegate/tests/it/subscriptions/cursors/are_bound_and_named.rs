//! A cursor has a name, a query and a store, and keeps to them.

use std::time::{Duration, Instant};

use tidegate::subscription::cursor::{self, CursorOptions, CursorRole};
use tidegate::{ErrorKind, Position, Query, QueryItem, Store};

use super::{drain, next, put, stage, strict};
use crate::subscriptions::{LONG, SHORT, kind};

#[test]
fn it_goes_on_where_it_was() {
    let (mut stage, store) = stage(4);
    let cursor = store.cursor_with("mailer", kind("a.*"), strict()).unwrap();
    assert_eq!((cursor.position(), cursor.lag().unwrap()), (Position(0), 4));
    next(&cursor).ack().unwrap();
    next(&cursor).ack().unwrap();
    assert_eq!((cursor.position(), cursor.lag().unwrap()), (Position(2), 2));
    drop((cursor, store));
    stage.restart();
    let store = stage.open();
    let cursor = store.cursor_with("mailer", kind("a.*"), strict()).unwrap();
    assert_eq!(drain(&cursor), [3, 4]);
    assert_eq!((cursor.position(), cursor.lag().unwrap()), (Position(4), 0));
}

#[test]
fn another_query_is_refused() {
    let (_stage, store) = stage(1);
    drop(store.cursor_with("mailer", kind("a.*"), strict()).unwrap());
    let error = store.cursor_with("mailer", Query::ALL, strict()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("a.*") && error.to_string().contains("mailer"), "{error}");
    store.cursor_with("mailer", QueryItem::new().kind("a.*"), strict()).unwrap();
}

#[test]
fn one_handle_at_a_time() {
    let (_stage, store) = stage(1);
    let cursor = store.cursor_with("mailer", kind("a.*"), strict()).unwrap();
    let error = store.cursor_with("mailer", kind("a.*"), strict()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    let clone = cursor.clone();
    drop(cursor);
    assert_eq!(drain(&clone), [1]);
    drop(clone);
    store.cursor_with("mailer", kind("a.*"), strict()).unwrap();
}

#[test]
fn names_lead_nowhere() {
    let store = Store::in_memory().unwrap();
    for name in ["", "..", "a/b", "../STORE", "A", "a.tmp", "a b"] {
        assert_eq!(store.cursor_with(name, Query::ALL, strict()).unwrap_err().kind(), ErrorKind::Invalid);
    }
}

#[test]
fn a_cursor_may_begin_later() {
    let (_stage, store) = stage(4);
    let from = |start| strict().start(Position(start));
    let cursor = store.cursor_with("late", Query::ALL, from(3)).unwrap();
    assert_eq!(drain(&cursor), [4]);
    drop(cursor);
    let again = store.cursor_with("late", Query::ALL, from(0)).unwrap();
    assert_eq!(drain(&again), [0; 0], "one that exists goes on");
    assert_eq!(store.cursor_with("beyond", Query::ALL, from(9)).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn it_waits_and_ends_like_a_subscription() {
    let store = Store::in_memory().unwrap();
    let cursor = store.cursor("waits", Query::ALL).unwrap();
    assert_eq!(cursor.next_within(SHORT).unwrap_err().kind(), ErrorKind::TimedOut);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut found = 0;
            for delivery in cursor.clone() {
                delivery.unwrap().ack().unwrap();
                found += 1;
            }
            found
        });
        for _ in 0..20 {
            put(&store, "e");
        }
        while cursor.lag().unwrap() > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        store.close().unwrap();
        assert_eq!(reading.join().unwrap(), 20);
    });
    assert!(cursor.next_within(LONG).unwrap().is_none());
}

/// No caller was woken by the end of a wait: that also finds what a lost wake-up left behind.
fn assert_woken(since: Instant) {
    assert!(since.elapsed() < LONG / 2, "it slept through its wake-up");
}

/// No wait ends by itself.
fn unhurried() -> CursorOptions {
    CursorOptions::new().ack_timeout(Duration::from_secs(3600))
}

#[test]
fn an_acknowledgement_wakes_who_waits_for_the_stream() {
    let store = Store::in_memory().unwrap();
    put(&store, "e");
    put(&store, "e");
    let cursor = store.cursor_with("wakes", Query::ALL, unhurried()).unwrap();
    let (held, begun) = (next(&cursor), Instant::now());
    std::thread::scope(|scope| {
        let wait = scope.spawn(|| cursor.next_within(LONG).unwrap().unwrap());
        std::thread::sleep(Duration::from_millis(20));
        held.ack().unwrap();
        let second = wait.join().unwrap();
        assert_eq!(second.event().position(), Position(2));
        second.ack().unwrap();
    });
    assert_woken(begun);
}

#[test]
fn stopping_ends_waits() {
    let store = Store::in_memory().unwrap();
    put(&store, "e");
    let cursor = store.cursor_with("stops", Query::ALL, unhurried()).unwrap();
    let (held, begun) = (next(&cursor), Instant::now());
    std::thread::scope(|scope| {
        let waits: Vec<_> = (0..3).map(|_| scope.spawn(|| cursor.next_within(LONG).unwrap())).collect();
        std::thread::sleep(Duration::from_millis(20));
        cursor.stop();
        for wait in waits {
            assert!(wait.join().unwrap().is_none());
        }
    });
    assert_woken(begun);
    held.ack().unwrap();
    assert_eq!(cursor.lag().unwrap(), 0);
}

#[test]
fn closing_the_store_keeps_what_was_acknowledged() {
    let (mut stage, store) = stage(3);
    let lazy = CursorOptions::new().commit_interval(Duration::from_secs(3600));
    let cursor = store.cursor_with("lazy", Query::ALL, lazy.clone()).unwrap();
    next(&cursor).ack().unwrap();
    store.close().unwrap();
    next(&cursor).ack().unwrap();
    assert_eq!(
        cursor.commit().unwrap_err().kind(),
        ErrorKind::Ended,
        "another writer may have the store now"
    );
    drop((cursor, store));
    stage.restart();
    let store = stage.read_only();
    assert_eq!(cursor::names(&store).unwrap(), ["lazy"]);
    let state = cursor::status(&store, "lazy").unwrap();
    assert_eq!((state.position, state.lag, state.role), (Position(1), 2, CursorRole::Cursor));
    assert_eq!(cursor::status(&store, "none").unwrap_err().kind(), ErrorKind::Missing);
}
