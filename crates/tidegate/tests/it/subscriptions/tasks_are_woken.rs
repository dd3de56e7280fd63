//! Subscriptions as asynchronous streams, without a runtime: a task here is a thread that parks.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use futures_core::Stream;
use tidegate::subscription::Subscription;
use tidegate::{Access, Append, ErrorKind, Event, Position, Query, Result};

use super::{draft, kind, positions, store};
use crate::faults::Stage;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn next(subscription: &mut Subscription) -> Option<Result<Event>> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match Pin::new(&mut *subscription).poll_next(&mut Context::from_waker(&waker)) {
            Poll::Ready(next) => return next,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn every_event_wakes_who_waits_for_it() {
    let store = store();
    thread::scope(|scope| {
        let tasks = ["a.*", "a.two", "b.one"].map(|wanted| {
            let mut subscription = store.subscribe(kind(wanted), Position::START);
            scope.spawn(move || {
                let mut delivered = Vec::new();
                while let Some(event) = next(&mut subscription) {
                    delivered.push(event.unwrap());
                }
                positions(delivered).len()
            })
        });
        for number in 0..300 {
            store.append(draft(["a.one", "a.two", "b.one"][number % 3]), Append::buffered()).unwrap();
        }
        store.close().unwrap();
        assert_eq!(tasks.map(|task| task.join().unwrap()), [200, 100, 100]);
    });
}

#[test]
fn a_reader_process_cannot_be_woken_and_says_so() {
    let stage = Stage::new();
    let store = stage.open();
    store.append(draft("a.one"), Append::default()).unwrap();
    let reader = stage.try_open(Access::Read).unwrap();
    let mut subscription = reader.subscribe(Query::ALL, Position::START);
    assert!(next(&mut subscription).unwrap().is_ok(), "what is there needs no waking");
    assert_eq!(next(&mut subscription).unwrap().unwrap_err().kind(), ErrorKind::Invalid);
    assert!(next(&mut subscription).is_none());
}
