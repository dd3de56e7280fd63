//! Reopening beside everything else, in many interleavings.

use std::sync::Arc;

use shuttle::thread;
use tidegate::{ErrorKind, Position, Query, Receipt, Result};

use crate::interleavings::{draft, explore, spawn, store};

/// Appends until the store takes one, opening it again after each end.
fn insist(store: &tidegate::Store, name: &'static str) -> Receipt {
    loop {
        match store.append(draft(name)) {
            Ok(receipt) => return receipt,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Ended, "{error}"),
        }
        store.reopen().unwrap();
    }
}

/// A caller that was answered has its event in the log, once, and one that was refused has none.
#[test]
fn appends_beside_closing_and_reopening_are_kept_or_refused() {
    for with_thread in [true, false] {
        explore(move || {
            let store = store(with_thread);
            let appending = ["a", "b"].map(|name| spawn(&store, move |store| insist(store, name)));
            let refused = spawn(&store, |store| store.append(draft("c")));
            store.close().unwrap();
            store.reopen().unwrap();
            let mut kept: Vec<Receipt> = appending.map(|thread| thread.join().unwrap()).into();
            match refused.join().unwrap() {
                Ok(receipt) => kept.push(receipt),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Ended),
            }
            store.reopen().unwrap();
            let view = store.view().unwrap();
            assert_eq!(view.count(&Query::ALL).unwrap(), kept.len() as u64);
            for receipt in kept {
                let event = view.at(receipt.first()).unwrap().unwrap();
                assert_eq!((event.id(), event.leaf()), (receipt.events[0].id, receipt.events[0].leaf));
            }
        });
    }
}

/// A caller that was refused because another thread is closing the store opens it again, and is let in.
#[test]
fn reopening_waits_for_a_close_that_is_under_way() {
    for with_thread in [true, false] {
        explore(move || {
            let store = store(with_thread);
            let closing = spawn(&store, |store| store.close().unwrap());
            if let Err(error) = store.append(draft("a")) {
                assert_eq!(error.kind(), ErrorKind::Ended);
                store.reopen().unwrap();
                store.append(draft("a")).unwrap();
            }
            closing.join().unwrap();
            assert_eq!(store.count(&Query::ALL).unwrap(), 1);
        });
    }
}

/// A ticket is answered by the opening that it was submitted to.
#[test]
fn tickets_beside_reopening_are_answered() {
    explore(|| {
        let store = store(true);
        let waiting = spawn(&store, |store| -> Result<Receipt> { store.submit(draft("a"))?.wait() });
        let reopening = spawn(&store, |store| {
            store.close().unwrap();
            store.reopen().unwrap();
        });
        let answer = waiting.join().unwrap();
        reopening.join().unwrap();
        let count = store.count(&Query::ALL).unwrap();
        match answer {
            Ok(receipt) => assert_eq!((receipt.first(), count), (Position(1), 1)),
            Err(error) => assert_eq!((error.kind(), count), (ErrorKind::Ended, 0)),
        }
        store.close().unwrap();
    });
}

/// A subscription and a cursor meet every event once, in order, in whichever opening they look.
#[test]
fn readers_beside_reopening_miss_nothing() {
    explore(|| {
        let store = store(true);
        let mailer = store.cursor("mailer", Query::ALL).unwrap();
        let worker = mailer.clone();
        let reader = store.reader();
        let appending = spawn(&store, |store| (insist(store, "a").last(), insist(store, "b").last()));
        let reading = thread::spawn(move || {
            let mut events = reader.subscribe(Query::ALL, Position::START);
            let mut seen = Vec::new();
            while seen.len() < 2 {
                // It ends with each writer, and goes on with the next.
                match events.next() {
                    Some(event) => seen.push(event.unwrap().position()),
                    None => thread::yield_now(),
                }
            }
            seen
        });
        let working = thread::spawn(move || {
            let mut done = Vec::new();
            while done.len() < 2 {
                match worker.next_now().unwrap() {
                    Some(delivery) => {
                        done.push(delivery.event().position());
                        delivery.ack().unwrap_or_else(|error| assert_eq!(error.kind(), ErrorKind::Ended));
                    }
                    None => thread::yield_now(),
                }
            }
            done
        });
        store.close().unwrap();
        store.reopen().unwrap();
        assert_eq!(appending.join().unwrap(), (Position(1), Position(2)));
        assert_eq!(reading.join().unwrap(), [Position(1), Position(2)]);
        assert_eq!(working.join().unwrap(), [Position(1), Position(2)]);
        store.reopen().unwrap();
        mailer.commit().unwrap();
        assert_eq!(mailer.position(), Position(2));
        store.close().unwrap();
    });
}

/// A wait ends with the writer or with what it waits for, and never sleeps through both.
#[test]
fn waits_beside_reopening_end() {
    explore(|| {
        let store = store(true);
        let waiting = spawn(&store, |store| store.wait_visible(Position(1), std::time::Duration::MAX));
        let reopening = spawn(&store, |store| {
            store.close().unwrap();
            store.reopen().unwrap();
        });
        insist(&store, "a");
        match waiting.join().unwrap() {
            Ok(position) => assert_eq!(position, Position(1)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Ended),
        }
        reopening.join().unwrap();
        let _: Arc<_> = store;
    });
}
