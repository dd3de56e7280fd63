//! Subscriptions as asynchronous streams, without a runtime: a task here is a thread that parks.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use futures_util::StreamExt;
use tidegate::subscription::EventStream;
use tidegate::{AppendOptions, ErrorKind, Position, Query, RecordedEvent, Result};

use super::{draft, kind, positions, store};
use crate::faults::Stage;
use crate::stored::access::Access;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a task to its end on this thread.
fn run<T>(task: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut task = pin!(task);
    loop {
        match task.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}

fn next(events: &mut EventStream) -> Option<Result<RecordedEvent>> {
    run(events.next())
}

/// A subscription was an iterator and a stream at once, and with `StreamExt` in scope neither `next()` compiled.
/// Here both are in scope, and either is called by its short name.
#[test]
fn a_loop_and_a_task_take_the_same_subscription() {
    let store = store();
    for kind in ["a.one", "b.one", "a.two"] {
        store.append_with(draft(kind), AppendOptions::new().buffered()).unwrap();
    }
    let mut subscription = store.subscribe(kind("a.*"), Position::START);
    let first = subscription.next().unwrap().unwrap();
    let mut events = subscription.into_stream();
    assert_eq!(events.subscription().reached(), first.position());
    let second = run(async { events.next().await }).unwrap().unwrap();
    assert_eq!(positions([first, second]), [Position(1), Position(3)]);
    store.close().unwrap();
    let mut count = 0;
    for event in store.subscribe(Query::ALL, Position::START) {
        event.unwrap();
        count += 1;
    }
    assert_eq!((count, run(events.count())), (3, 0));
}

#[test]
fn every_event_wakes_who_waits_for_it() {
    let store = store();
    thread::scope(|scope| {
        let tasks = ["a.*", "a.two", "b.one"].map(|wanted| {
            let mut events = store.subscribe(kind(wanted), Position::START).into_stream();
            scope.spawn(move || {
                let mut delivered = Vec::new();
                while let Some(event) = next(&mut events) {
                    delivered.push(event.unwrap());
                }
                positions(delivered).len()
            })
        });
        for number in 0..300 {
            store
                .append_with(draft(["a.one", "a.two", "b.one"][number % 3]), AppendOptions::new().buffered())
                .unwrap();
        }
        store.close().unwrap();
        assert_eq!(tasks.map(|task| task.join().unwrap()), [200, 100, 100]);
    });
}

#[test]
fn a_reader_process_cannot_be_woken_and_says_so() {
    let stage = Stage::new();
    let store = stage.open();
    store.append(draft("a.one")).unwrap();
    let reader = stage.try_open(Access::Read).unwrap();
    let mut events = reader.subscribe(Query::ALL, Position::START).into_stream();
    assert!(next(&mut events).unwrap().is_ok(), "what is there needs no waking");
    assert_eq!(next(&mut events).unwrap().unwrap_err().kind(), ErrorKind::Invalid);
    assert!(next(&mut events).is_none());
}

/// A waker that counts how many copies of it there are.
struct Counted;

impl Wake for Counted {
    fn wake(self: Arc<Self>) {}
}

/// Each poll of a stream that is dropped afterwards left its waker behind, and every later poll looked through all of
/// them: 20,000 polls took 0.1 s, and the next 20,000 took 1.6 s.
#[test]
fn a_task_that_is_gone_leaves_no_waker() {
    let store = store();
    let counted = Arc::new(Counted);
    for _ in 0..100 {
        // Each time another waker, as a runtime may make for each task.
        let waker = Waker::from(Arc::new(Counted));
        let mut events = store.subscribe(Query::ALL, Position::START).into_stream();
        let shared = Waker::from(Arc::clone(&counted));
        for waker in [&waker, &shared] {
            assert!(events.poll_next_unpin(&mut Context::from_waker(waker)).is_pending());
        }
        assert_eq!(Arc::strong_count(&counted), 3, "one for the poll, one that is registered");
    }
    assert_eq!(Arc::strong_count(&counted), 1, "nothing is left of streams that are gone");
}
