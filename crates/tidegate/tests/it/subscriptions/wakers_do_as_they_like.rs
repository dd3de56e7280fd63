//! Wakers are the caller's code. They once ran within the commit: one that appended hung the store for every caller, one
//! that panicked ended the writer.

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;

use futures_core::Stream;
use tidegate::{AppendOptions, Durability, Position, Query, Receipt, Result, Store, StoreOptions, Ticket};

use super::{LONG, draft};

/// What a waker does.
type Deed = Box<dyn FnOnce() + Send>;

/// Does something once it is woken.
struct Doing(Mutex<Option<Deed>>);

impl Wake for Doing {
    fn wake(self: Arc<Self>) {
        let deed = self.0.lock().unwrap().take();
        if let Some(deed) = deed {
            deed();
        }
    }
}

fn waker(deed: impl FnOnce() + Send + 'static) -> Waker {
    Waker::from(Arc::new(Doing(Mutex::new(Some(Box::new(deed))))))
}

/// The stores of these tests: with a thread of their own and without, answering after the sync and before.
fn each(case: fn(Arc<Store>, AppendOptions)) {
    for thread in [false, true] {
        for durability in [Durability::Synced, Durability::Buffered] {
            let store = StoreOptions::new().thread(thread).in_memory().unwrap();
            let append = AppendOptions::new().durability(durability);
            let (done, ended) = channel();
            // What hangs fails, and does not stop the others.
            thread::spawn(move || {
                case(Arc::new(store), append);
                done.send(()).unwrap();
            });
            ended
                .recv_timeout(LONG)
                .unwrap_or_else(|_| panic!("thread {thread}, {durability:?}: it hung or failed"));
        }
    }
}

/// Submits until a ticket is polled before its answer, so that the waker will be woken.
fn submit(store: &Store, append: &AppendOptions, waker: &Waker) -> Ticket {
    loop {
        let mut ticket = store.submit_with(draft("a.one"), append.clone()).unwrap();
        if Pin::new(&mut ticket).poll(&mut Context::from_waker(waker)).is_pending() {
            return ticket;
        }
    }
}

/// A waker that appends to the store it is woken by, and where the answer goes.
fn appending(store: &Arc<Store>, append: &AppendOptions) -> (Waker, Receiver<Result<Receipt>>) {
    let append = append.clone();
    let (answers, answered): (Sender<_>, _) = channel();
    let store = Arc::clone(store);
    (waker(move || answers.send(store.append_with(draft("a.two"), append.clone())).unwrap()), answered)
}

#[test]
fn one_of_a_ticket_may_append() {
    each(|store, append| {
        let (waker, appended) = appending(&store, &append);
        let ticket = submit(&store, &append, &waker);
        let behind = store.submit_with(draft("a.one"), append.clone()).unwrap();
        store.upkeep().step().unwrap();
        let first = ticket.wait().unwrap().first();
        let inline = appended.recv_timeout(LONG).unwrap().unwrap().first();
        assert!(inline > first);
        behind.wait().unwrap();
        store.close().unwrap();
    });
}

#[test]
fn one_of_a_subscription_may_append() {
    each(|store, append| {
        let (waker, appended) = appending(&store, &append);
        let mut events = store.subscribe(Query::ALL, Position::START).into_stream();
        assert!(Pin::new(&mut events).poll_next(&mut Context::from_waker(&waker)).is_pending());
        let first = store.append_with(draft("a.one"), append.clone()).unwrap().first();
        assert!(appended.recv_timeout(LONG).unwrap().unwrap().first() > first);
        store.close().unwrap();
    });
}

#[test]
fn one_that_panics_harms_no_other() {
    each(|store, append| {
        let mut events = store.subscribe(Query::ALL, Position::START).into_stream();
        let panicking = || waker(|| panic!("as planned"));
        assert!(Pin::new(&mut events).poll_next(&mut Context::from_waker(&panicking())).is_pending());
        let tickets: Vec<_> = (0..3).map(|_| submit(&store, &append, &panicking())).collect();
        let (sound, woken) = channel();
        let last = submit(&store, &append, &waker(move || sound.send(()).unwrap()));
        store.upkeep().step().unwrap();
        woken.recv_timeout(LONG).unwrap();
        for ticket in tickets.into_iter().chain([last]) {
            ticket.wait().unwrap();
        }
        store.append_with(draft("a.one"), append.clone()).unwrap();
        store.close().unwrap();
    });
}

/// The last handle may go with the task that a waker ends, on the store's own thread too.
#[test]
fn one_may_let_go_of_the_store() {
    each(|store, append| {
        let (done, ended) = channel();
        let slot = Arc::new(Mutex::new(Some(Arc::clone(&store))));
        let last = Arc::clone(&slot);
        let waker = waker(move || {
            drop(last.lock().unwrap().take());
            done.send(()).unwrap();
        });
        let ticket = submit(&store, &append, &waker);
        if Arc::strong_count(&store) == 2 {
            // Without a thread a caller has to lead: the ticket does, with no handle of its own.
            drop(store);
        }
        ticket.wait().unwrap();
        ended.recv_timeout(LONG).unwrap();
    });
}
