//! A panic in the writer ends it; no caller that waits is forgotten, and nothing hangs (F32).

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};

use tidegate::testing::{Call, Env, MemoryDisk};
use tidegate::{AppendOptions, ErrorKind, Position, Store, StoreOptions};

use super::hooked::Hooked;
use super::stage::{LONG, fill, history, one};

/// A store whose disk panics at every write and sync once it is told to.
fn armed(thread: bool) -> (Store, Arc<AtomicBool>, MemoryDisk) {
    let (disk, armed) = (MemoryDisk::new(), Arc::new(AtomicBool::new(false)));
    let trigger = Arc::clone(&armed);
    let hooked = Hooked::new(disk.clone(), move |call| {
        let due = matches!(call, Call::Write | Call::Sync) && trigger.load(Ordering::SeqCst);
        assert!(!due, "the disk panics, as planned");
    });
    let world = Env { disk: Arc::new(hooked), ..Env::memory() };
    (StoreOptions::new().thread(thread).open_in(world).unwrap(), armed, disk)
}

fn ended(store: &Store) {
    assert_eq!(
        store.append_with(one("later"), AppendOptions::new().synced()).unwrap_err().kind(),
        ErrorKind::Ended
    );
    assert_eq!(
        store.submit_with(one("later"), AppendOptions::new().synced()).unwrap_err().kind(),
        ErrorKind::Ended
    );
    assert_eq!(store.wait_durable(Position(999), LONG).unwrap_err().kind(), ErrorKind::Ended);
    assert_eq!(history(store).unwrap().len(), 3, "reads go on");
    assert_eq!(store.close().unwrap_err().kind(), ErrorKind::Ended);
}

#[test]
fn in_the_one_who_leads() {
    let (store, armed, disk) = armed(false);
    fill(&store, 2);
    let tickets =
        ["a", "b"].map(|entity| store.submit_with(one(entity), AppendOptions::new().synced()).unwrap());
    armed.store(true, Ordering::SeqCst);
    assert!(
        catch_unwind(AssertUnwindSafe(|| store.append_with(one("c"), AppendOptions::new().synced())))
            .is_err()
    );
    for ticket in tickets {
        assert_eq!(ticket.wait().unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    }
    ended(&store);
    drop(store);
    let world = Env { disk: Arc::new(disk), ..Env::memory() };
    let store = StoreOptions::new().open_in(world).unwrap();
    assert_eq!(history(&store).unwrap().len(), 3, "the lock was let go, and the log is whole");
    fill(&store, 1);
}

#[test]
fn in_the_thread_of_the_store() {
    let (store, armed, _) = armed(true);
    fill(&store, 2);
    armed.store(true, Ordering::SeqCst);
    let tickets = ["a", "b", "c"].map(|entity| store.submit_with(one(entity), AppendOptions::new().synced()));
    for (number, ticket) in tickets.into_iter().enumerate() {
        let kind = ticket.and_then(tidegate::Ticket::wait).unwrap_err().kind();
        // The thread may have ended before the later ones were in a group, or handed in.
        let is_refused = number > 0 && kind == ErrorKind::Ended;
        assert!(is_refused || kind == ErrorKind::OutcomeUnknown, "{number}: {kind:?}");
    }
    ended(&store);
}

#[test]
fn with_many_who_wait() {
    let (store, armed, _) = armed(false);
    fill(&store, 2);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    catch_unwind(AssertUnwindSafe(|| {
                        while store.append_with(one("a"), AppendOptions::new().buffered()).is_ok() {}
                    }))
                })
            })
            .collect();
        store.wait_visible(Position(50), LONG).unwrap();
        armed.store(true, Ordering::SeqCst);
        let panics = callers.into_iter().map(|one| one.join().unwrap().is_err());
        assert_eq!(panics.filter(|panicked| *panicked).count(), 1, "one led, the others were told");
    });
    assert_eq!(
        store.append_with(one("later"), AppendOptions::new().synced()).unwrap_err().kind(),
        ErrorKind::Ended
    );
}

#[test]
fn in_a_forced_sync() {
    let (store, armed, _) = armed(false);
    fill(&store, 1);
    store.append_with(one("buffered"), AppendOptions::new().buffered()).unwrap();
    armed.store(true, Ordering::SeqCst);
    assert!(catch_unwind(AssertUnwindSafe(|| store.wait_durable(Position(3), LONG))).is_err());
    armed.store(false, Ordering::SeqCst);
    ended(&store);
}

/// A waker that panics whenever it is woken.
struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("the waker panics, as planned");
    }
}

/// Wakers that panic while the writer's panic unwinds once aborted the process.
#[test]
fn with_wakers_that_panic_too() {
    let (store, armed, _) = armed(false);
    fill(&store, 2);
    let waker = Waker::from(Arc::new(Panicking));
    let mut tickets =
        ["a", "b", "c"].map(|entity| store.submit_with(one(entity), AppendOptions::new().synced()).unwrap());
    for ticket in &mut tickets {
        assert!(Pin::new(ticket).poll(&mut Context::from_waker(&waker)).is_pending());
    }
    armed.store(true, Ordering::SeqCst);
    assert!(catch_unwind(AssertUnwindSafe(|| store.upkeep().step())).is_err());
    for ticket in tickets {
        assert_eq!(ticket.wait().unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    }
    ended(&store);
}
