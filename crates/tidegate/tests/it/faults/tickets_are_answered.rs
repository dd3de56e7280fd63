//! Tickets: waited for, polled and awaited, with the store's thread and without, over closing and dropping.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use tidegate::settings::WhenFull;
use tidegate::testing::{Env, MemoryDisk};
use tidegate::{
    AppendOptions, Batch, Condition, Durability, ErrorKind, Position, Receipt, Store, StoreOptions, Ticket,
    Version,
};

use super::hooked::{Opened, stalled};

use super::stage::{LONG, Stage, fill, history, one};

/// Wakes the thread that waits for a future: all the executor there is.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn store(thread: bool) -> Store {
    StoreOptions::new().thread(thread).in_memory().unwrap()
}

#[test]
fn awaited_with_the_thread() {
    let store = store(true);
    let first = wait_for(store.submit_with(one("a"), AppendOptions::new().synced()).unwrap()).unwrap();
    let tickets: Vec<_> =
        (0..50).map(|_| store.submit_with(one("b"), AppendOptions::new().synced()).unwrap()).collect();
    let all = async {
        let mut positions = vec![first.first()];
        for ticket in tickets {
            positions.push(ticket.await.unwrap().first());
        }
        positions
    };
    assert_eq!(wait_for(all), (1..=51).map(Position).collect::<Vec<_>>());
}

/// Joined tickets are answered in the order given, each with its own answer, waited for and awaited.
#[test]
fn joined() {
    for thread in [false, true] {
        let store = store(thread);
        let submit = |name, version| {
            let version = Condition::Version(one(name).stream, Version(version));
            store.submit(Batch::from(one(name)).only_if(version)).unwrap()
        };
        let answers = |answers: Vec<tidegate::Result<Receipt>>| -> Vec<_> {
            answers.into_iter().map(|answer| answer.ok().map(|receipt| receipt.first().0)).collect()
        };
        let waited = Ticket::join([submit("a", 0), submit("a", 7), submit("a", 1)]).wait();
        assert_eq!(answers(waited), [Some(1), None, Some(2)]);
        let joined = Ticket::join([submit("a", 0), submit("a", 2)]);
        if !thread {
            store.upkeep().step().unwrap();
        }
        assert_eq!(answers(wait_for(joined)), [None, Some(3)]);
        assert_eq!(answers(Ticket::join([]).wait()), []);
    }
}

/// A time that is over loses no answer that came before it.
#[test]
fn joined_for_a_time() {
    let (store, gate) = stalled(MemoryDisk::new(), Env::memory(), StoreOptions::new());
    let first = store.submit(one("a")).unwrap();
    assert_eq!(store.wait_durable(Position(1), LONG).unwrap(), Position(1));
    gate.shut();
    let _opened = Opened(&gate);
    let mut joined = Ticket::join([first, store.submit(one("b")).unwrap()]);
    gate.wait_for_someone();
    assert_eq!(joined.wait_for(Duration::from_millis(1)).unwrap_err().kind(), ErrorKind::TimedOut);
    gate.open();
    let answers = joined.wait_for(LONG).unwrap();
    assert!(answers.iter().all(Result::is_ok) && answers.len() == 2);
}

#[test]
fn awaited_while_another_thread_steps() {
    let store = store(false);
    let ticket = store.submit_with(one("a"), AppendOptions::new().synced()).unwrap();
    std::thread::scope(|scope| {
        let awaited = scope.spawn(|| wait_for(ticket));
        store.upkeep().step().unwrap();
        assert_eq!(awaited.join().unwrap().unwrap().first(), Position(1));
    });
}

#[test]
fn polled() {
    let store = store(false);
    let mut ticket = store.submit_with(one("a"), AppendOptions::new().buffered()).unwrap();
    assert!(ticket.poll_now().is_none());
    store.upkeep().step().unwrap();
    assert_eq!(ticket.poll_now().unwrap().unwrap().first(), Position(1));
    assert!(ticket.poll_now().is_none(), "an answer is given out once");
    assert_eq!(ticket.wait_for(LONG).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn waited_for_without_a_thread() {
    let store = store(false);
    let tickets: Vec<_> =
        (0..5).map(|_| store.submit_with(one("a"), AppendOptions::new().synced()).unwrap()).collect();
    let answers: Vec<_> = tickets.into_iter().rev().map(|ticket| ticket.wait().unwrap().first().0).collect();
    assert_eq!(answers, [5, 4, 3, 2, 1], "the caller that waits first leads for all");
}

/// A wait for a position that is queued and led by no caller leads itself.
#[test]
fn a_wait_for_a_queued_position_commits_it() {
    let store = store(false);
    let _ticket = store.submit_with(one("a"), AppendOptions::new().buffered()).unwrap();
    assert_eq!(store.wait_durable(Position(1), Duration::ZERO).unwrap(), Position(1));
}

#[test]
fn a_time_that_is_over_loses_no_receipt() {
    let store = store(true);
    for number in 1..200 {
        let mut ticket = store.submit_with(one("a"), AppendOptions::new().synced()).unwrap();
        let receipt = match ticket.wait_for(Duration::from_nanos(1)) {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::TimedOut);
                ticket.wait().unwrap()
            }
            Ok(receipt) => receipt,
        };
        assert_eq!(receipt.first(), Position(number));
    }
}

#[test]
fn over_closing_and_dropping() {
    for thread in [false, true] {
        let store = store(thread);
        let before = store.submit_with(one("a"), AppendOptions::new().synced()).unwrap();
        let mut also = store.submit_with(one("b"), AppendOptions::new().buffered()).unwrap();
        store.close().unwrap();
        assert_eq!(before.wait().unwrap().first(), Position(1));
        assert_eq!(also.poll_now().unwrap().unwrap().first(), Position(2));
        assert_eq!(
            store.submit_with(one("c"), AppendOptions::new().synced()).unwrap_err().kind(),
            ErrorKind::Ended
        );
        assert_eq!(history(&store).unwrap().len(), 2);
    }
    let stage = Stage::new();
    let store = stage.open();
    fill(&store, 1);
    let ticket = store.submit_with(one("a"), AppendOptions::new().synced()).unwrap();
    drop(store);
    let next = stage.open();
    assert!(next.report().clean, "a ticket that lives on keeps neither lock nor log");
    assert_eq!(ticket.wait().unwrap().first(), Position(3));
    assert_eq!(history(&next).unwrap().len(), 3);
    fill(&next, 1);
}

/// The interval is kept by the thread, and by steps if there is none.
#[test]
fn what_was_promised_within_an_interval() {
    let within = AppendOptions::new().durability(Durability::Interval(Duration::from_millis(2)));
    let store = Store::in_memory().unwrap();
    for _ in 0..20 {
        store.append_with(one("a"), within.clone()).unwrap();
        let last = store.submit_with(one("b"), within.clone()).unwrap().wait().unwrap().last();
        while store.frontier().durable < last {
            std::thread::yield_now();
        }
    }
    let stage = Stage::new();
    let store = stage.open();
    store.append_with(one("a"), within.clone()).unwrap();
    assert_eq!(store.frontier().durable, Position(0));
    store.upkeep().step().unwrap();
    assert_eq!(store.frontier().durable, Position(1));
}

/// A sync began when its time was over, and so ended later than was promised each time. Now it begins early enough: by
/// half the interval while nothing is known of the disk, and afterwards by twice what the last sync took.
#[test]
fn a_sync_is_over_when_its_interval_is() {
    let mut stage = Stage::new();
    stage.options.thread = true;
    let store = stage.open();
    let interval = Duration::from_millis(40);
    let append = AppendOptions::new().durability(Durability::Interval(interval));
    store.append_with(one("a"), append.clone()).unwrap();
    stage.clock.advance(interval.as_micros() as u64 / 2);
    while store.frontier().durable < Position(1) {
        std::thread::yield_now();
    }
    // The disk of this world takes no time, so from now on there is no head start.
    store.append_with(one("b"), append.clone()).unwrap();
    stage.clock.advance(interval.as_micros() as u64 / 2);
    std::thread::yield_now();
    assert_eq!(store.frontier().durable, Position(1), "a sync comes no earlier than it needs to");
    stage.clock.advance(interval.as_micros() as u64 / 2);
    while store.frontier().durable < Position(2) {
        std::thread::yield_now();
    }
}

/// Counts how many times a task is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A store whose queue holds one batch, and nothing takes it off but a step.
fn full_queue() -> (Store, AppendOptions) {
    let options = StoreOptions::new().thread(false).queue_bytes(1);
    let store = options.in_memory().unwrap();
    let append = AppendOptions::new().when_full(WhenFull::Refuse);
    drop(store.submit_with(one("first"), append.clone()).unwrap());
    (store, append)
}

#[test]
fn a_task_that_was_refused_awaits_room() {
    let (store, append) = full_queue();
    assert_eq!(store.submit_with(one("second"), append.clone()).unwrap_err().kind(), ErrorKind::Full);
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut context = Context::from_waker(&waker);
    let mut room = pin!(store.wait_for_room().unwrap());
    assert!(room.as_mut().poll(&mut context).is_pending());
    assert!(room.as_mut().poll(&mut context).is_pending());
    assert_eq!(wakes.0.load(Ordering::SeqCst), 0);
    store.upkeep().step().unwrap();
    assert_eq!(wakes.0.load(Ordering::SeqCst), 1, "a task is woken once, however many times it was polled");
    assert!(matches!(room.as_mut().poll(&mut context), Poll::Ready(Ok(()))));
    drop(store.submit_with(one("second"), append.clone()).unwrap());
    store.upkeep().step().unwrap();
    assert_eq!(store.frontier().visible, Position(2));
}

/// Room that came between the refusal and the wait is not slept through.
#[test]
fn an_empty_queue_has_room() {
    let (store, append) = full_queue();
    store.submit_with(one("second"), append.clone()).unwrap_err();
    store.upkeep().step().unwrap();
    let mut room = pin!(store.wait_for_room().unwrap());
    assert!(room.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

#[test]
fn closing_ends_a_wait_for_room() {
    let (store, _) = full_queue();
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&wakes));
    let mut room = pin!(store.wait_for_room().unwrap());
    assert!(room.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    store.close().unwrap();
    assert!(wakes.0.load(Ordering::SeqCst) > 0);
    let Poll::Ready(Err(error)) = room.as_mut().poll(&mut Context::from_waker(&waker)) else {
        panic!("a closed store has no room")
    };
    assert_eq!(error.kind(), ErrorKind::Ended);
}
