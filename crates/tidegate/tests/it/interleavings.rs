//! The committing code under a model checker: small cases in many interleavings.
//!
//! `just interleavings` builds and runs it, with `--cfg shuttle`. What waits for ever is a deadlock to the
//! checker and fails; the seed it prints runs the same interleaving again. Disks and indexes are not modelled:
//! they take no part in who waits for whom.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread;
use tidegate::decide::{Decision, Outcome};
use tidegate::settings::WhenFull;
use tidegate::{
    AppendOptions, Batch, Condition, Durability, ErrorKind, Position, Query, QueryItem, Receipt, Result,
    Store, StoreOptions,
};

const RUNS: usize = 4000;
const FOREVER: Duration = Duration::MAX;

/// Runs a case with threads that come and go at random, and with few changes at the worst places.
pub(crate) fn explore(case: impl Fn() + Send + Sync + 'static) {
    explore_so_often(RUNS, case);
}

fn config() -> shuttle::Config {
    let mut config = shuttle::Config::new();
    config.stack_size = 1 << 20;
    config
}

fn explore_so_often(runs: usize, case: impl Fn() + Send + Sync + 'static) {
    let case = Arc::new(case);
    let random = Arc::clone(&case);
    shuttle::Runner::new(RandomScheduler::new(runs), config()).run(move || random());
    shuttle::Runner::new(PctScheduler::new(3, runs), config()).run(move || case());
}

pub(crate) fn store(thread: bool) -> Arc<Store> {
    let options = StoreOptions::new().thread(thread).durability(Durability::Buffered);
    Arc::new(options.in_memory().unwrap())
}

pub(crate) fn draft(tag: &'static str) -> tidegate::Draft {
    tidegate::Draft::new(("s", tag), "a.b").tag(tag)
}

fn tag(tag: &'static str) -> Query {
    QueryItem::new().tag(tag).into()
}

/// Runs something on a thread of its own.
pub(crate) fn spawn<T: Send + 'static>(
    store: &Arc<Store>,
    run: impl FnOnce(&Store) -> T + Send + 'static,
) -> thread::JoinHandle<T> {
    let store = Arc::clone(store);
    thread::spawn(move || run(&store))
}

fn append(store: &Store, batch: impl Into<Batch>) -> Result<Receipt> {
    store.append(batch)
}

/// The positions of receipts are 1 to their count, each once.
fn dense(receipts: impl IntoIterator<Item = Receipt>) {
    let mut positions: Vec<_> =
        receipts.into_iter().flat_map(|receipt| receipt.events).map(|event| event.position.0).collect();
    positions.sort_unstable();
    assert_eq!(positions, (1..=positions.len() as u64).collect::<Vec<_>>());
}

#[test]
fn every_append_is_answered_and_seen() {
    explore(|| {
        let store = store(true);
        let waiting = spawn(&store, |store| store.wait_visible(Position(3), FOREVER).unwrap());
        let appending = ["a", "b", "c"].map(|name| {
            spawn(&store, move |store| {
                let receipt = append(store, draft(name)).unwrap();
                assert!(store.view().unwrap().head() >= receipt.last(), "who was answered sees it");
                receipt
            })
        });
        dense(appending.map(|thread| thread.join().unwrap()));
        assert_eq!(waiting.join().unwrap(), Position(3));
        store.close().unwrap();
    });
}

/// One caller commits what others queue again and again, and passes that on after two groups; those who wait are awake or
/// sleep, and one of them is a task.
#[test]
fn callers_that_append_in_a_row_are_all_answered() {
    explore(|| {
        let store = store(true);
        let appending = ["a", "b", "c"].map(|name| {
            spawn(&store, move |store| [(); 3].map(|()| append(store, draft(name)).unwrap()).to_vec())
        });
        let ticket = store.submit(draft("d")).unwrap();
        let of_callers = appending.map(|thread| thread.join().unwrap()).concat();
        let of_ticket = ticket.wait().unwrap();
        for receipts in of_callers.chunks(3) {
            assert!(receipts.is_sorted_by_key(Receipt::last), "each caller's batches are in its order");
        }
        dense(of_callers.into_iter().chain([of_ticket]));
        store.close().unwrap();
    });
}

#[test]
fn a_ticket_is_answered_whoever_waits() {
    explore(|| {
        let store = store(true);
        let threads = ["a", "b"].map(|name| {
            spawn(&store, move |store| {
                let ticket = store.submit(draft(name)).unwrap();
                ticket.wait().unwrap()
            })
        });
        let appending = spawn(&store, |store| append(store, draft("c")).unwrap());
        let dropped = store.submit(draft("d")).unwrap();
        drop(dropped);
        let mut receipts: Vec<_> =
            threads.into_iter().chain([appending]).map(|thread| thread.join().unwrap()).collect();
        store.close().unwrap();
        assert_eq!(store.frontier().durable, Position(4), "it is committed whether any caller waits or not");
        let view = store.view().unwrap();
        let dropped = view.last_event(&("s", "d").into()).unwrap().unwrap();
        let mut missing = receipts[0].clone();
        missing.events[0].position = dropped.position();
        receipts.push(missing);
        dense(receipts);
    });
}

/// A waker that wakes a thread of the model.
struct Unpark(thread::Thread);

impl std::task::Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[test]
fn a_ticket_that_is_awaited_is_woken() {
    explore(|| {
        let store = store(true);
        let appending = spawn(&store, |store| append(store, draft("b")).unwrap());
        let mut ticket = store.submit(draft("a")).unwrap();
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let receipt = loop {
            match std::pin::Pin::new(&mut ticket).poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(answer) => break answer.unwrap(),
                Poll::Pending => thread::park(),
            }
        };
        dense([receipt, appending.join().unwrap()]);
        store.close().unwrap();
    });
}

/// A waker that appends, and tells another thread what came of it.
struct Appending(Arc<Store>, shuttle::sync::mpsc::Sender<Receipt>);

impl std::task::Wake for Appending {
    fn wake(self: Arc<Self>) {
        let receipt = append(&self.0, draft("w")).unwrap();
        self.1.send(receipt).unwrap();
    }
}

/// A waker ran within the commit, and one that appended waited for itself.
#[test]
fn a_waker_may_append() {
    for thread in [false, true] {
        explore(move || {
            let store = store(thread);
            let (woken, appended) = shuttle::sync::mpsc::channel();
            let waker = Waker::from(Arc::new(Appending(Arc::clone(&store), woken)));
            let appending = spawn(&store, |store| append(store, draft("b")).unwrap());
            let mut ticket = store.submit(draft("a")).unwrap();
            let polled = std::pin::Pin::new(&mut ticket).poll(&mut Context::from_waker(&waker));
            drop(waker);
            let mut receipts = vec![appending.join().unwrap()];
            receipts.push(match polled {
                Poll::Ready(answer) => answer.unwrap(),
                Poll::Pending => ticket.wait().unwrap(),
            });
            receipts.extend(appended.iter());
            dense(receipts);
            store.close().unwrap();
        });
    }
}

/// Without a thread of the store's own, a submit once marked the queue as led for a moment, and the caller that
/// queued a batch in that moment waited for no caller.
#[test]
fn an_append_beside_a_submit_needs_no_thread() {
    explore(|| {
        let store = store(false);
        let submitting = spawn(&store, |store| store.submit(draft("a")).unwrap());
        let appending = spawn(&store, |store| append(store, draft("b")).unwrap());
        let appended = appending.join().unwrap();
        let submitted = submitting.join().unwrap().wait().unwrap();
        dense([appended, submitted]);
        store.close().unwrap();
    });
}

/// A batch submitted while the store closes once called for a thread that had gone already.
#[test]
fn closing_answers_everybody() {
    explore(|| {
        let store = store(true);
        let submitting = spawn(&store, |store| store.submit(draft("a"))?.wait());
        let appending = spawn(&store, |store| append(store, draft("b")));
        store.close().unwrap();
        let answers = [submitting.join().unwrap(), appending.join().unwrap()];
        let (kept, ended): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert!(
            ended.iter().all(|answer| answer.as_ref().unwrap_err().kind() == ErrorKind::Ended),
            "{ended:?}"
        );
        assert_eq!(store.frontier().durable, Position(kept.len() as u64));
        dense(kept.into_iter().map(Result::unwrap));
    });
}

/// Closing once overtook the caller that led, between two groups, and refused what had been queued long before.
#[test]
fn closing_commits_what_was_queued_before() {
    for thread in [true, false] {
        explore(move || {
            let store = store(thread);
            let appending = spawn(&store, |store| append(store, draft("a")));
            let tickets = ["b", "c"].map(|name| store.submit(draft(name)).unwrap());
            store.close().unwrap();
            let receipts = tickets.map(|ticket| ticket.wait().unwrap());
            match appending.join().unwrap() {
                Ok(receipt) => dense(receipts.into_iter().chain([receipt])),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Ended);
                    dense(receipts);
                }
            }
        });
    }
}

#[test]
fn a_future_is_woken_when_the_store_closes() {
    explore(|| {
        let store = store(true);
        let awaiting = spawn(&store, |store| -> Result<Receipt> {
            let mut ticket = store.submit(draft("a"))?;
            let waker = Waker::from(Arc::new(Unpark(thread::current())));
            loop {
                match std::pin::Pin::new(&mut ticket).poll(&mut Context::from_waker(&waker)) {
                    Poll::Ready(answer) => return answer,
                    Poll::Pending => thread::park(),
                }
            }
        });
        store.close().unwrap();
        match awaiting.join().unwrap() {
            Ok(receipt) => assert_eq!(receipt.first(), Position(1)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Ended),
        }
    });
}

/// Appends when it is woken.
struct Appends(Arc<Store>);

impl std::task::Wake for Appends {
    fn wake(self: Arc<Self>) {
        self.0.append_with(draft("waker"), AppendOptions::new().synced()).unwrap();
    }
}

/// A waker waits for a sync, on a thread that another one may just have asked to run it.
#[test]
fn a_waker_appends_on_whatever_thread_it_runs() {
    for thread in [false, true] {
        explore(move || {
            let store = store(thread);
            let appending = ["a", "b"].map(|name| {
                spawn(&store, move |store| {
                    store.append_with(draft(name), AppendOptions::new().synced()).unwrap()
                })
            });
            let never = Condition::Exists(draft("never").stream);
            let mut ticket = store
                .submit_with(Batch::from(draft("refused")).only_if(never), AppendOptions::new().synced())
                .unwrap();
            let waker = Waker::from(Arc::new(Appends(Arc::clone(&store))));
            let _ = std::pin::Pin::new(&mut ticket).poll(&mut Context::from_waker(&waker));
            let receipts = appending.map(|thread| thread.join().unwrap());
            assert!(receipts.iter().all(|receipt| receipt.last() <= store.frontier().durable));
            store.close().unwrap();
        });
    }
}

#[test]
fn one_of_those_who_want_the_same_gets_it() {
    explore(|| {
        let store = store(true);
        let claim = || Batch::from(draft("t")).only_if(Condition::fail_if(tag("t")));
        let appending = [(); 3].map(|()| spawn(&store, move |store| append(store, claim()).is_ok()));
        let accepted = appending.map(|thread| thread.join().unwrap());
        assert_eq!(accepted.iter().filter(|accepted| **accepted).count(), 1);
        assert_eq!(store.frontier().visible, Position(1));
        store.close().unwrap();
    });
}

#[test]
fn decisions_are_taken_one_after_the_other() {
    explore(|| {
        let store = store(true);
        let threads = [(); 3].map(|()| {
            spawn(&store, |store| {
                let decided = store.decide(|view| -> tidegate::Result<Decision> {
                    let taken = view.count(&tag("seat"))?;
                    Ok(if taken < 2 { draft("seat").into() } else { Decision::deny("FULL", "two seats") })
                });
                matches!(decided.unwrap(), Outcome::Committed(_))
            })
        });
        let committed = threads.map(|thread| thread.join().unwrap());
        assert_eq!(committed.iter().filter(|committed| **committed).count(), 2);
        assert_eq!(store.frontier().visible, Position(2));
        store.close().unwrap();
    });
}

/// Frames are written while another thread syncs, and one sync covers several. The caller that is answered, with a receipt, a
/// denial or an error, is told nothing that a crash could take back: what it saw is visible, and durable if it asked for
/// that. The caller that waits runs the sync, with the store's thread and without it.
#[test]
fn no_answer_comes_before_what_it_rests_on_is_durable() {
    for thread in [false, true] {
        explore(move || {
            let store = store(thread);
            let safe = |store: &Store, append: &AppendOptions, position: Position| {
                let frontier = store.frontier();
                let synced = append.durability == Some(Durability::Synced);
                let reached = if synced { frontier.durable.min(frontier.visible) } else { frontier.visible };
                assert!(reached >= position, "{append:?} was told of {position}, {frontier}");
            };
            let appending = [AppendOptions::new().synced(), AppendOptions::new().buffered()].map(|how| {
                spawn(&store, move |store| {
                    let receipt = store.append_with(draft("seat"), how.clone()).unwrap();
                    safe(store, &how, receipt.last());
                    receipt
                })
            });
            let deciding = [AppendOptions::new().synced(), AppendOptions::new().buffered()].map(|how| {
                spawn(&store, move |store| {
                    let mut seen = Position::START;
                    let decided = store.decide_with(how.clone(), |view| -> tidegate::Result<Decision> {
                        seen = view.head();
                        let taken = view.count(&tag("seat"))?;
                        Ok(if taken < 2 { draft("seat").into() } else { Decision::deny("FULL", "two seats") })
                    });
                    safe(store, &how, seen);
                    match decided.unwrap() {
                        Outcome::Committed(receipt) => {
                            safe(store, &how, receipt.last());
                            Some(receipt)
                        }
                        Outcome::Denied(_) => None,
                    }
                })
            });
            let submitted = store.submit_with(draft("other"), AppendOptions::new().synced()).unwrap();
            let mut receipts: Vec<_> = appending.map(|one| one.join().unwrap()).into();
            receipts.extend(deciding.into_iter().filter_map(|one| one.join().unwrap()));
            let last = submitted.wait().unwrap();
            safe(&store, &AppendOptions::new().synced(), last.last());
            receipts.push(last);
            dense(receipts);
            store.close().unwrap();
        });
    }
}

/// A caller always syncs what waits for it: with tickets that are waited for and ones that are not, beside waits for
/// positions and closing.
#[test]
fn what_is_written_is_synced_by_somebody() {
    for thread in [false, true] {
        explore(move || {
            let store = store(thread);
            let waiting = ["a", "b"].map(|name| {
                spawn(&store, move |store| {
                    store.submit_with(draft(name), AppendOptions::new().synced()).unwrap().wait().unwrap()
                })
            });
            let durable = spawn(&store, |store| store.wait_durable(Position(2), FOREVER).unwrap());
            let mut receipts: Vec<_> = waiting.into_iter().map(|one| one.join().unwrap()).collect();
            assert!(store.frontier().durable >= Position(2));
            assert!(durable.join().unwrap() >= Position(2));
            let dropped = store.submit_with(draft("c"), AppendOptions::new().synced()).unwrap();
            receipts.push(append(&store, draft("d")).unwrap());
            receipts.push(dropped.wait().unwrap());
            dense(receipts);
            store.close().unwrap();
        });
    }
}

#[test]
fn one_key_is_one_batch() {
    explore(|| {
        let store = store(true);
        let threads =
            [(); 3].map(|()| spawn(&store, |store| append(store, Batch::from(draft("a")).key("k")).unwrap()));
        let receipts = threads.map(|thread| thread.join().unwrap());
        assert!(receipts.iter().all(|receipt| *receipt == receipts[0]), "{receipts:?}");
        assert_eq!(store.frontier().visible, Position(1));
        store.close().unwrap();
    });
}

#[test]
fn a_full_queue_lets_everybody_in_by_and_by() {
    for thread in [true, false] {
        explore(move || {
            let options = StoreOptions::new().thread(thread).queue_bytes(1).durability(Durability::Buffered);
            let store = Arc::new(options.in_memory().unwrap());
            let submitting = spawn(&store, |store| store.submit(draft("a")).unwrap());
            let appending =
                ["b", "c"].map(|name| spawn(&store, move |store| append(store, draft(name)).unwrap()));
            let refusing = spawn(&store, |store| {
                store.append_with(draft("d"), AppendOptions::new().when_full(WhenFull::Refuse))
            });
            let mut receipts: Vec<_> = appending.into_iter().map(|thread| thread.join().unwrap()).collect();
            receipts.push(submitting.join().unwrap().wait().unwrap());
            match refusing.join().unwrap() {
                Ok(receipt) => receipts.push(receipt),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Full),
            }
            dense(receipts);
            store.close().unwrap();
        });
    }
}

#[test]
fn what_is_waited_for_becomes_durable() {
    explore(|| {
        let store = store(true);
        let waiting = spawn(&store, |store| store.wait_durable(Position(2), FOREVER).unwrap());
        let buffered = spawn(&store, |store| append(store, draft("a")).unwrap());
        let synced = spawn(&store, |store| {
            let receipt = store.append_with(draft("b"), AppendOptions::new().synced()).unwrap();
            assert!(store.frontier().durable >= receipt.last());
            receipt
        });
        dense([buffered.join().unwrap(), synced.join().unwrap()]);
        assert_eq!(waiting.join().unwrap(), Position(2));
        store.close().unwrap();
    });
}

/// A batch that is still on its way when the sync of its interval begins gets another one. The threads take turns at
/// random only, as the store's own looks again at once, over and over, with an interval of nothing.
#[test]
fn what_is_submitted_is_synced_at_its_interval() {
    let case = || {
        let options = StoreOptions::new().durability(Durability::Interval(Duration::ZERO));
        let store = Arc::new(options.in_memory().unwrap());
        let beside =
            spawn(&store, |store| store.append_with(draft("a"), AppendOptions::new().buffered()).unwrap());
        let ticket = store.submit(draft("b")).unwrap();
        // To wait for it would be to ask for another sync.
        while store.frontier().durable < Position(2) {
            thread::yield_now();
        }
        dense([beside.join().unwrap(), ticket.wait().unwrap()]);
        store.close().unwrap();
    };
    shuttle::Runner::new(RandomScheduler::new(2 * RUNS), config()).run(case);
}

#[test]
fn who_waits_for_what_never_comes_is_told_that_the_writer_ended() {
    explore(|| {
        let store = store(true);
        let visible = spawn(&store, |store| store.wait_visible(Position(9), FOREVER).unwrap_err().kind());
        let durable = spawn(&store, |store| store.wait_durable(Position(9), FOREVER).unwrap_err().kind());
        append(&store, draft("a")).unwrap();
        store.close().unwrap();
        let ended = ErrorKind::Ended;
        assert_eq!((visible.join().unwrap(), durable.join().unwrap()), (ended, ended));
    });
}

/// Whatever the writer does while a subscription looks and goes to sleep, it delivers everything and ends.
#[test]
fn a_subscription_delivers_all_and_ends() {
    explore(|| {
        let store = store(true);
        let subscribing = spawn(&store, |store| {
            let events = store.subscribe(tag("a"), Position::START);
            events.map(|event| event.unwrap().position()).collect::<Vec<_>>()
        });
        let appending = ["a", "b"].map(|name| {
            spawn(&store, move |store| [(); 2].map(|()| append(store, draft(name)).unwrap().first()).to_vec())
        });
        let [mut of_a, _] = appending.map(|thread| thread.join().unwrap());
        store.close().unwrap();
        of_a.sort_unstable();
        assert_eq!(subscribing.join().unwrap(), of_a);
    });
}

#[test]
fn a_subscription_that_is_awaited_is_woken() {
    use futures_core::Stream;
    explore(|| {
        let store = store(true);
        let awaiting = spawn(&store, |store| {
            let mut events = store.subscribe(tag("a"), Position::START).into_stream();
            let waker = Waker::from(Arc::new(Unpark(thread::current())));
            let mut delivered = 0;
            loop {
                let polled = std::pin::Pin::new(&mut events).poll_next(&mut Context::from_waker(&waker));
                match polled {
                    Poll::Ready(Some(event)) => delivered += u64::from(event.is_ok()),
                    Poll::Ready(None) => return delivered,
                    Poll::Pending => thread::park(),
                }
            }
        });
        let appending = spawn(&store, |store| append(store, draft("b")).unwrap());
        append(&store, draft("a")).unwrap();
        appending.join().unwrap();
        store.close().unwrap();
        assert_eq!(awaiting.join().unwrap(), 1);
    });
}

/// Segments are sealed, handed to the thread of the store and indexed by it while others append, read on and read
/// back; no caller sees a hole or waits for ever.
#[test]
fn segments_are_handed_over_under_writers_and_readers() {
    explore_so_often(RUNS / 2, || {
        let options = StoreOptions::new().segment_bytes(600).durability(Durability::Buffered);
        let store = Arc::new(options.in_memory().unwrap());
        let long = |name: &'static str| draft(name).bytes(vec![7; 300]);
        let subscribing = spawn(&store, |store| {
            let events = store.subscribe(Query::ALL, Position::START);
            events.map(|event| event.unwrap().position().0).collect::<Vec<_>>()
        });
        let reading = spawn(&store, |store| {
            for _ in 0..3 {
                let view = store.view().unwrap();
                let read: Vec<_> = view.read(&Query::ALL).collect::<Result<_>>().unwrap();
                assert_eq!(read.len() as u64, view.head().0, "a view is whole");
                assert_eq!(view.count(&tag("a")).unwrap(), count_of(&read, "a"));
            }
        });
        let appending = ["a", "b"].map(|name| {
            spawn(&store, move |store| [(); 3].map(|()| append(store, long(name)).unwrap().first()).to_vec())
        });
        let appended: Vec<_> = appending.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        reading.join().unwrap();
        store.close().unwrap();
        assert_eq!(subscribing.join().unwrap(), (1..=appended.len() as u64).collect::<Vec<_>>());
    });
}

fn count_of(events: &[tidegate::RecordedEvent], tag: &str) -> u64 {
    events.iter().filter(|event| event.tags().any(|found| found == tag)).count() as u64
}

/// The caller that acknowledges an event of a stream lets the next one of it go to another worker that waits; stopping
/// wakes the caller that waits for more.
#[test]
fn workers_share_a_cursor_and_are_stopped() {
    explore_so_often(RUNS / 2, || {
        let store = store(true);
        let cursor = store.cursor("workers", Query::ALL).unwrap();
        let working = [(); 3].map(|()| {
            let cursor = cursor.clone();
            spawn(&store, move |_| {
                let delivery = cursor.next_within(FOREVER).unwrap().expect("no caller stopped it yet");
                let position = delivery.event().position();
                delivery.ack().unwrap();
                position
            })
        });
        for name in ["a", "a", "b"] {
            append(&store, draft(name)).unwrap();
        }
        let mut done = working.map(|thread| thread.join().unwrap());
        done.sort_unstable();
        assert_eq!(done, [1, 2, 3].map(Position), "each event is delivered once, to one of them");
        let waiting = spawn(&store, {
            let cursor = cursor.clone();
            move |_| cursor.next_within(FOREVER).unwrap().is_none()
        });
        cursor.stop();
        assert!(waiting.join().unwrap(), "it was stopped");
        store.close().unwrap();
    });
}
