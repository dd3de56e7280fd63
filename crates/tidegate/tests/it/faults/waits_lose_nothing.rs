//! Many threads on one store: receipts are right, positions dense, and no caller waits for what has happened.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use tidegate::{AppendOptions, Draft, ErrorKind, Position, Query, Store, StoreOptions};

use super::stage::{LONG, history, one};

const CALLERS: usize = 6;
const EACH: usize = 60;

fn native(thread: bool) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions::new().thread(thread).segment_bytes(8000);
    let store = options.open(folder.path()).unwrap();
    (folder, store)
}

#[test]
fn many_callers_get_their_own_receipts() {
    for thread in [false, true] {
        let (folder, store) = native(thread);
        let mut positions = BTreeSet::new();
        std::thread::scope(|scope| {
            let store = &store;
            let callers = (0..CALLERS).map(|caller| scope.spawn(move || append_many(store, caller)));
            for caller in callers.collect::<Vec<_>>() {
                positions.extend(caller.join().unwrap());
            }
        });
        let dense: BTreeSet<_> = (1..=(CALLERS * EACH * 2) as u64).collect();
        assert_eq!(positions, dense);
        store.verify(|_| ()).unwrap();
        let all = history(&store).unwrap();
        store.close().unwrap();
        let again = Store::open(folder.path()).unwrap();
        assert_eq!(history(&again).unwrap(), all);
    }
}

/// Appends in every way, and checks each receipt against the log.
fn append_many(store: &Store, caller: usize) -> Vec<u64> {
    let mut positions = Vec::new();
    for number in 0..EACH {
        let text = format!("{caller}/{number}");
        let draft = || {
            Draft::new(("scope", format!("entity-{caller}")), "thing.done").bytes(text.clone().into_bytes())
        };
        let append =
            if number % 3 == 0 { AppendOptions::new().synced() } else { AppendOptions::new().buffered() };
        let batch = vec![draft(), draft()];
        let receipt = if number % 2 == 0 {
            store.append_with(batch, append).unwrap()
        } else {
            store.submit_with(batch, append).unwrap().wait().unwrap()
        };
        assert_eq!(receipt.events[0].version.0, 2 * number as u64 + 1, "this caller alone writes its stream");
        let view = store.view().unwrap();
        for placed in &receipt.events {
            let event = view.at(placed.position).unwrap().expect("what was answered is visible");
            assert_eq!(event.payload().unwrap(), text.as_bytes());
            assert_eq!((event.id(), event.leaf()), (placed.id, placed.leaf));
            positions.push(placed.position.0);
        }
        if number % 3 == 0 {
            assert!(store.frontier().durable >= receipt.last());
        }
        if number % 7 == 0 {
            assert!(store.wait_durable(receipt.last(), LONG).unwrap() >= receipt.last());
        }
    }
    positions
}

/// accepted >= written >= durable, and written >= visible, whenever one looks.
#[test]
fn the_frontier_is_always_in_order() {
    let (_folder, store) = native(true);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut last = store.frontier();
            let mut looks = 0u32;
            while !done.load(Ordering::Acquire) {
                let now = store.frontier();
                assert!(now.accepted >= now.written && now.written >= now.durable, "{now}");
                assert!(now.written >= now.visible, "{now}");
                assert!(now.durable >= last.durable && now.visible >= last.visible, "{last}, then {now}");
                last = now;
                looks += 1;
            }
            looks
        });
        let store = &store;
        let callers = (0..3).map(|caller| scope.spawn(move || append_many(store, caller)));
        for caller in callers.collect::<Vec<_>>() {
            caller.join().unwrap();
        }
        done.store(true, Ordering::Release);
        assert!(watcher.join().unwrap() > 100);
    });
}

/// A reader that waits for each next event, one by one, is woken for every one of them.
#[test]
fn no_wake_up_is_lost() {
    let store = StoreOptions::new().thread(false).in_memory().unwrap();
    std::thread::scope(|scope| {
        let waiters: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for position in (1..=500).map(Position) {
                        let seen = store.wait_visible(position, LONG).unwrap();
                        assert!(seen >= position, "woken for nothing, or not at all");
                    }
                })
            })
            .collect();
        for number in 0..500 {
            let append =
                if number % 2 == 0 { AppendOptions::new().buffered() } else { AppendOptions::new().synced() };
            store.append_with(one("a"), append).unwrap();
        }
        for waiter in waiters {
            waiter.join().unwrap();
        }
    });
}

/// The caller that appends while the store is closed gets a receipt that holds, or is told that the writer has ended.
#[test]
fn closing_answers_everybody() {
    for round in 0..30 {
        let folder = tempfile::tempdir().unwrap();
        let store = StoreOptions::new().thread(round % 2 == 1).open(folder.path()).unwrap();
        let store = &store;
        let told: Vec<Position> = std::thread::scope(|scope| {
            let callers: Vec<_> =
                (0..4).map(|caller| scope.spawn(move || until_ended(store, caller))).collect();
            store.wait_visible(Position(20), LONG).unwrap();
            store.close().unwrap();
            callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
        });
        let again = Store::open(folder.path()).unwrap();
        assert!(again.report().clean, "{}", again.report());
        let found = again.read(&Query::ALL).unwrap().map(Result::unwrap).count();
        assert_eq!(
            found,
            told.len(),
            "every event there was acknowledged, and every acknowledged one is there"
        );
    }
}

fn until_ended(store: &Store, caller: usize) -> Vec<Position> {
    let mut told = Vec::new();
    loop {
        let append = if caller.is_multiple_of(2) {
            AppendOptions::new().buffered()
        } else {
            AppendOptions::new().synced()
        };
        let answer = if told.len().is_multiple_of(2) {
            store.append_with(one("a"), append)
        } else {
            store.submit_with(one("a"), append).and_then(tidegate::Ticket::wait)
        };
        match answer {
            Ok(receipt) => told.push(receipt.first()),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Ended, "{error}");
                return told;
            }
        }
    }
}

/// Verifying reads the active segment while it grows.
#[test]
fn verifying_beside_appends() {
    let store = Store::in_memory().unwrap();
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| append_many(&store, 0).len() as u64);
        let mut verified = 0;
        while !caller.is_finished() {
            verified = verified.max(store.verify(|_| ()).unwrap().events);
        }
        let appended = caller.join().unwrap();
        assert!(verified <= appended && store.verify(|_| ()).unwrap().events == appended);
    });
}
