//! Two openers of one empty directory, each of them stopped anywhere: one creates the store, the other is told that
//! it is locked (F23).
//!
//! A second opener once looked for the store file before the first had made it and at the directory after, and was
//! told that the directory is no store and not empty.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, spawn};

use parking_lot::Mutex;
use tidegate::disk::{MemoryDisk, World};
use tidegate::{Append, ErrorKind, Options, Result, Store};

use super::hooked::Hooked;
use super::stage::one;

/// Opens and writes one event, and does something before the `at`th call. Nothing runs beside it, so the calls are the
/// same ones every time.
fn open(disk: &MemoryDisk, at: usize, then: impl FnOnce() + Send + 'static) -> Result<Store> {
    let then = Arc::new(Mutex::new(Some(then)));
    let (calls, waiting) = (AtomicUsize::new(0), Arc::clone(&then));
    let disk = Hooked::new(disk.clone(), move |_| {
        if calls.fetch_add(1, Ordering::Relaxed) + 1 == at {
            let then = waiting.lock().take();
            if let Some(then) = then {
                then();
            }
        }
    });
    let world = World { disk: Arc::new(disk), ..World::memory() };
    let store = Store::open_in(world, Options { thread: false, ..Options::default() })?;
    store.append(one("first"), Append::synced())?;
    // Closing has calls too, and they are not meant.
    then.lock().take();
    Ok(store)
}

/// An opener in the middle of it: it has come to its stop, or to its end.
struct First {
    go_on: Sender<()>,
    end: JoinHandle<Result<Store>>,
}

impl First {
    /// Lets it run to its `at`th call. Says whether it got there before its end.
    fn run_to(disk: &MemoryDisk, at: usize) -> (Self, bool) {
        let (stands, standing): (Sender<bool>, Receiver<bool>) = channel();
        let (go_on, goes_on) = channel();
        let (disk, ended) = (disk.clone(), stands.clone());
        let end = spawn(move || {
            let store = open(&disk, at, move || {
                stands.send(true).unwrap();
                goes_on.recv().unwrap();
            });
            let _ = ended.send(false);
            store
        });
        let stopped = standing.recv().unwrap();
        (Self { go_on, end }, stopped)
    }

    fn end(self) -> Result<Store> {
        let _ = self.go_on.send(());
        self.end.join().unwrap()
    }
}

#[test]
fn one_gets_the_store() {
    let (mut meetings, mut first_won) = (0, 0);
    'second: for at in 1.. {
        for first_at in 1.. {
            let disk = MemoryDisk::new();
            let (meet, met) = channel();
            let meeting = disk.clone();
            let second = open(&disk, at, move || meet.send(First::run_to(&meeting, first_at)).unwrap());
            let Ok((first, stopped)) = met.try_recv() else { break 'second };
            let first = first.end();
            meetings += 1;
            let (winner, error) = match (first, second) {
                (Ok(first), Err(error)) => {
                    first_won += 1;
                    (first, error)
                }
                (Err(error), Ok(second)) => (second, error),
                both => panic!("second stopped at call {at}, first at {first_at}: {both:?}"),
            };
            let place = format!("second stopped at call {at}, first at {first_at}: {error}");
            assert_eq!(error.kind(), ErrorKind::Locked, "{place}");
            assert_eq!(winner.view().unwrap().head().0, 1, "{place}");
            if !stopped {
                break;
            }
        }
    }
    assert!(
        first_won > 100 && meetings - first_won > 100,
        "{first_won} of {meetings}: too few to mean anything"
    );
}
