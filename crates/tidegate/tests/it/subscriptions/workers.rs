//! A worker handles a cursor's events on a thread of its own, starts again after errors, and ends when it is told to.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use tidegate::subscription::cursor::{Cursor, CursorOptions};
use tidegate::subscription::worker::{WorkerOptions, WorkerPhase};
use tidegate::testing::Model;
use tidegate::{Draft, ErrorKind, Position, Query, RecordedEvent, Store};

use super::LONG;
use crate::faults::Stage;

type Handled = Result<(), Box<dyn std::error::Error + Send + Sync>>;

fn put(store: &Store, entity: &str) -> Position {
    store.append(Draft::new(("s", entity.to_owned()), "a.one")).unwrap().first()
}

/// Commits each acknowledgement at once, and tries an event twice, without a wait.
fn strict() -> CursorOptions {
    CursorOptions::new().commit_interval(Duration::ZERO).max_attempts(2).retry_after(Duration::ZERO)
}

fn mailer(store: &Store) -> Cursor {
    store.cursor_with("mailer", Query::ALL, strict()).unwrap()
}

/// A handler that reports each event before it answers, and where the reports come.
fn reporting(
    mut answer: impl FnMut(&RecordedEvent) -> Handled + Send + 'static,
) -> (impl FnMut(&RecordedEvent) -> Handled + Send + 'static, Receiver<u64>) {
    let (sender, reports) = channel();
    let handler = move |event: &RecordedEvent| {
        // No caller may listen any more.
        let _ = sender.send(event.position().0);
        answer(event)
    };
    (handler, reports)
}

fn next(reports: &Receiver<u64>) -> u64 {
    reports.recv_timeout(LONG).expect("the worker goes on")
}

#[test]
fn it_handles_what_is_there_and_what_comes_and_ends_with_the_store() {
    let store = Store::in_memory().unwrap();
    put(&store, "a");
    let (handler, reports) = reporting(|_| Ok(()));
    let worker = mailer(&store).spawn(handler).unwrap();
    assert_eq!(next(&reports), 1);
    put(&store, "b");
    assert_eq!(next(&reports), 2);
    store.close().unwrap();
    worker.join().unwrap();
}

#[test]
fn errors_and_panics_of_the_handler_are_failures_of_the_event() {
    let store = Store::in_memory().unwrap();
    for entity in ["a", "b", "c"] {
        put(&store, entity);
    }
    let (handler, reports) = reporting(|event| match event.entity() {
        "a" => Err("no such mailbox".into()),
        "b" => panic!("out of paper"),
        _ => Ok(()),
    });
    let cursor = mailer(&store);
    let worker = cursor.spawn(handler).unwrap();
    let mut seen: Vec<u64> = (0..5).map(|_| next(&reports)).collect();
    seen.sort_unstable();
    assert_eq!(seen, [1, 1, 2, 2, 3], "each is tried twice");
    store.wait_visible(put(&store, "d"), LONG).unwrap();
    assert_eq!(next(&reports), 4, "it goes on");
    worker.stop();
    let status = loop {
        let status = worker.status();
        if status.phase != WorkerPhase::Running {
            break status;
        }
        std::thread::yield_now();
    };
    worker.join().unwrap();
    assert_eq!((status.phase, status.handled, status.failures), (WorkerPhase::Stopped, 2, 4));
    assert_eq!((status.restarts, status.last_error.is_none()), (0, true), "{status}");
    assert!(status.last_failure.unwrap().contains("attempt 2: "));
    let reasons: Vec<String> = cursor.parked().into_iter().map(|parked| parked.reason).collect();
    assert_eq!(reasons, ["no such mailbox", "the handler panicked: out of paper"]);
}

/// A stage whose disk has no room, and one event in its store.
fn full() -> (Stage, Store, Cursor) {
    let stage = Stage::new();
    let store = stage.open();
    put(&store, "a");
    let cursor = mailer(&store);
    stage.disk.set_model(Model { capacity_bytes: Some(0), ..stage.disk.model() });
    (stage, store, cursor)
}

#[test]
fn it_starts_again_after_errors_of_the_store() {
    let (stage, store, cursor) = full();
    let (handler, reports) = reporting(|_| Ok(()));
    let stubborn = WorkerOptions::new().max_restarts(u32::MAX).backoff(Duration::ZERO);
    let worker = cursor.spawn_with(stubborn, handler).unwrap();
    assert_eq!(next(&reports), 1);
    while worker.status().restarts < 3 {
        std::thread::yield_now();
    }
    assert_eq!(worker.status().last_error.unwrap().kind(), ErrorKind::Full);
    stage.disk.set_model(Model { capacity_bytes: None, ..stage.disk.model() });
    put(&store, "b");
    assert_eq!(next(&reports), 2, "the first was acknowledged in memory, and comes once");
    worker.stop();
    worker.join().unwrap();
    assert_eq!(cursor.position(), Position(2));
}

#[test]
fn it_gives_up_after_so_many_restarts() {
    let (_stage, _store, cursor) = full();
    let (handler, reports) = reporting(|_| Ok(()));
    let thrice = WorkerOptions::new().max_restarts(3).backoff(Duration::ZERO);
    let worker = cursor.spawn_with(thrice, handler).unwrap();
    while worker.status().phase != WorkerPhase::Failed {
        std::thread::yield_now();
    }
    assert_eq!(worker.status().restarts, 3);
    assert_eq!(worker.join().unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(next(&reports), 1);
}

#[test]
fn it_waits_by_the_clock_of_the_store_before_it_starts_again() {
    let (stage, _store, cursor) = full();
    let (handler, _reports) = reporting(|_| Ok(()));
    let slow = WorkerOptions::new().backoff(Duration::from_millis(1)).max_restarts(u32::MAX);
    let worker = cursor.spawn_with(slow, handler).unwrap();
    while worker.status().phase != WorkerPhase::BackingOff {
        std::thread::yield_now();
    }
    assert_eq!(worker.status().restarts, 0, "the clock stands");
    stage.clock.advance(1_000);
    while worker.status().restarts < 1 {
        std::thread::yield_now();
    }
    // The second wait is longer than the clock moves on, and stopping does not wait for it.
    worker.stop();
    worker.join().unwrap();
}

/// It slept until the wait was over, and so did the caller that joined it.
#[test]
fn closing_the_store_does_not_wait_for_a_restart() {
    let (_stage, store, cursor) = full();
    let (handler, _reports) = reporting(|_| Ok(()));
    let slow = WorkerOptions::new().backoff(LONG).max_backoff(LONG).max_restarts(u32::MAX);
    let worker = cursor.spawn_with(slow, handler).unwrap();
    while worker.status().phase != WorkerPhase::BackingOff {
        std::thread::yield_now();
    }
    // The cursor cannot be kept on a full disk; the writer ends all the same.
    let _ = store.close();
    let began = std::time::Instant::now();
    while worker.status().phase == WorkerPhase::BackingOff {
        assert!(began.elapsed() < LONG / 6, "it waits on: {}", worker.status());
        std::thread::yield_now();
    }
    assert_eq!(worker.status().phase, WorkerPhase::Stopped);
    worker.join().unwrap();
}

/// An error that cannot be printed is a failure of the event as well. It ended the thread, and the worker was said to run.
#[test]
fn an_error_that_panics_when_printed_is_a_failure_of_the_event() {
    #[derive(Debug)]
    struct Unprintable;
    impl std::fmt::Display for Unprintable {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("no ink")
        }
    }
    impl std::error::Error for Unprintable {}
    let store = Store::in_memory().unwrap();
    put(&store, "a");
    let cursor = mailer(&store);
    let (handler, reports) = reporting(|event| match event.entity() {
        "a" => Err(Box::new(Unprintable)),
        _ => Ok(()),
    });
    let worker = cursor.spawn(handler).unwrap();
    put(&store, "b");
    let mut seen: Vec<u64> = (0..3).map(|_| next(&reports)).collect();
    seen.sort_unstable();
    assert_eq!(seen, [1, 1, 2]);
    store.close().unwrap();
    worker.join().unwrap();
    let reasons: Vec<String> = cursor.parked().into_iter().map(|parked| parked.reason).collect();
    assert_eq!(reasons, ["the handler panicked: no ink"]);
}

#[test]
fn the_end_of_the_writer_is_final() {
    let stage = Stage::new();
    let store = stage.open();
    let (handler, _reports) = reporting(|_| Ok(()));
    let worker = mailer(&store).spawn(handler).unwrap();
    stage.disk.kill();
    store.append(Draft::new(("s", "a"), "a.one")).unwrap_err();
    let error = worker.join().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ended, "{error}");
}

#[test]
fn stopping_one_leaves_the_cursor_to_others() {
    let store = Store::in_memory().unwrap();
    let cursor = mailer(&store);
    let (first, firsts) = reporting(|_| Ok(()));
    let first = cursor.spawn(first).unwrap();
    put(&store, "a");
    assert_eq!(next(&firsts), 1);
    first.stop();
    first.join().unwrap();
    let (second, seconds) = reporting(|_| Ok(()));
    let second = cursor.spawn(second).unwrap();
    put(&store, "b");
    assert_eq!(next(&seconds), 2);
    drop(second);
    put(&store, "c");
    cursor.next_within(LONG).unwrap().expect("no other caller takes it").ack().unwrap();
}

#[test]
fn dropping_it_waits_for_the_event_in_its_hands() {
    let store = Store::in_memory().unwrap();
    put(&store, "a");
    let cursor = mailer(&store);
    let (begun, go_on) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let handler = {
        let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
        move |_: &RecordedEvent| {
            begun.wait();
            go_on.wait();
            Ok(())
        }
    };
    let worker = cursor.spawn(handler).unwrap();
    begun.wait();
    worker.stop();
    go_on.wait();
    drop(worker);
    assert_eq!((cursor.position(), cursor.lag().unwrap()), (Position(1), 0));
}

#[test]
fn several_share_a_cursor_and_each_stream_stays_in_order() {
    let store = Store::in_memory().unwrap();
    let cursor = mailer(&store);
    let (sender, reports) = channel();
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let sender = sender.clone();
            cursor
                .spawn(move |event| {
                    sender.send((event.entity().to_owned(), event.position().0))?;
                    Ok(())
                })
                .unwrap()
        })
        .collect();
    for round in 0..20 {
        put(&store, ["a", "b", "c"][round % 3]);
    }
    let mut seen: Vec<(String, u64)> = (0..20).map(|_| reports.recv_timeout(LONG).unwrap()).collect();
    store.close().unwrap();
    for worker in workers {
        worker.join().unwrap();
    }
    assert!(reports.try_recv().is_err(), "each is handled once");
    for entity in ["a", "b", "c"] {
        assert!(seen.iter().filter(|(name, _)| name == entity).map(|(_, at)| at).is_sorted());
    }
    seen.sort_unstable_by_key(|(_, at)| *at);
    assert!(seen.iter().map(|(_, at)| *at).eq(1..=20));
}

/// What a handler panics with may panic once more when it is dropped. That ended the thread, too.
#[test]
fn a_panic_within_a_panic_is_a_failure_of_the_event() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "dropped once the first panic was caught");
        }
    }
    let store = Store::in_memory().unwrap();
    put(&store, "a");
    put(&store, "b");
    let (handler, reports) = reporting(|event| match event.entity() {
        "a" => std::panic::panic_any(Bomb),
        _ => Ok(()),
    });
    let worker = mailer(&store).spawn(handler).unwrap();
    let mut seen: Vec<u64> = (0..3).map(|_| next(&reports)).collect();
    seen.sort_unstable();
    assert_eq!(seen, [1, 1, 2]);
    store.close().unwrap();
    worker.join().unwrap();
}
