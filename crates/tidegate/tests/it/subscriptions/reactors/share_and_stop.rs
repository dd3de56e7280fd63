//! A reactor runs on its callers' threads, and returns when it is told to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidegate::subscription::cursor::Change;
use tidegate::subscription::reactor::Failure;
use tidegate::{AppendOptions, Draft, Position, Store, StoreOptions};

use super::{answer, answered, put, settings};
use crate::subscriptions::kind;

const EVENTS: u64 = 200;

#[test]
fn several_threads_answer_each_event_once() {
    let store = StoreOptions::new().segment_bytes(16 << 10).in_memory().unwrap();
    let (asked, told) = (AtomicU64::new(0), AtomicU64::new(0));
    let failed = AtomicU64::new(0);
    let reactor = store.reactor_with("r", kind("a.one"), settings(), |_, event| {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        if number % 17 == 5 {
            failed.fetch_add(1, Ordering::Relaxed);
            return Err("by chance".into());
        }
        Ok(Some(answer(event).json_text(number.to_string()).into()))
    });
    let reactor = reactor.unwrap().appending(AppendOptions::new().buffered());
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let count = |failure: Failure| {
                        assert_eq!(failure.reason.to_string(), "by chance");
                        told.fetch_add(1, Ordering::Relaxed);
                    };
                    reactor.run_until_stopped(count)
                })
            })
            .collect();
        for number in 0..EVENTS {
            let draft = Draft::new(("s", format!("e{}", number % 5)), "a.one");
            store.append_with(draft, AppendOptions::new().buffered()).unwrap();
        }
        while reactor.cursor().lag().unwrap() > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        for parked in reactor.cursor().parked() {
            reactor.cursor().change(Change::Retry(parked.position)).unwrap();
        }
        while !reactor.cursor().parked().is_empty() {
            for parked in reactor.cursor().parked().iter().filter(|parked| !parked.retried) {
                // Another thread may have been faster.
                let _ = reactor.cursor().change(Change::Retry(parked.position));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        reactor.cursor().stop();
        for run in runs {
            run.join().unwrap().unwrap();
        }
    });
    assert_eq!(told.into_inner(), failed.into_inner(), "each failure is told, by the thread that had it");
    let mut causes: Vec<_> = answered(&store).into_iter().map(|causes| causes[0]).collect();
    causes.sort_unstable();
    let mut events: Vec<_> =
        (store.read(&kind("a.one")).unwrap()).map(|event| event.unwrap().position().0).collect();
    events.sort_unstable();
    assert_eq!(causes, events);
}

#[test]
fn closing_the_store_ends_the_run() {
    let store = Store::in_memory().unwrap();
    let reactor =
        store.reactor_with("r", kind("a.one"), settings(), |_, event| Ok(Some(answer(event).into())));
    let reactor = reactor.unwrap();
    std::thread::scope(|scope| {
        let run = scope.spawn(|| reactor.run_until_stopped(|failure| panic!("{failure}")));
        put(&store, "e");
        while reactor.cursor().position() < Position(1) {
            std::thread::sleep(Duration::from_millis(1));
        }
        store.close().unwrap();
        run.join().unwrap().unwrap();
    });
    assert_eq!(answered(&store), [[1]]);
    reactor.run_until_stopped(|failure| panic!("{failure}")).unwrap();
}
