//! A disk that does not answer: who waits with a time is told that the outcome is unknown, reads go on, and
//! everything goes on when the disk does (F33).

use std::future::Future;
use std::pin::pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use tidegate::testing::{Call, Env, MemoryDisk};
use tidegate::{AppendOptions, Batch, Condition, ErrorKind, Position, Store, StoreOptions, Version};

use super::hooked::{Gate, Hooked, Opened, stalled};
use super::stage::{LONG, fill, history, one};

fn stalling(options: StoreOptions) -> (Store, Arc<Gate>) {
    stalled(MemoryDisk::new(), Env::memory(), options)
}

#[test]
fn and_those_with_a_time_are_told() {
    let (store, gate) = stalling(StoreOptions::new());
    fill(&store, 2);
    gate.shut();
    let soon = Duration::from_millis(1);
    std::thread::scope(|scope| {
        let stuck = scope.spawn(|| store.append_with(one("stuck"), AppendOptions::new().synced()));
        gate.wait_for_someone();
        let mut ticket = store.submit_with(one("behind"), AppendOptions::new().synced()).unwrap();
        let error = ticket.wait_for(soon).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(error.to_string().contains("not known"), "{error}");
        assert_eq!(store.wait_visible(Position(4), soon).unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(store.wait_durable(Position(9), soon).unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(history(&store).unwrap().len(), 3, "reads wait for no caller");
        store.verify(|_| ()).unwrap();
        gate.open();
        assert_eq!(stuck.join().unwrap().unwrap().first(), Position(4));
        assert_eq!(ticket.wait().unwrap().first(), Position(5), "a wait that timed out loses no receipt");
    });
}

/// What is written can be waited for before its sync, also while an earlier sync runs and nothing is settled.
#[test]
fn and_what_is_written_is_told() {
    let (store, gate) = stalling(StoreOptions::new());
    fill(&store, 2);
    gate.shut();
    std::thread::scope(|scope| {
        let _opened = Opened(&gate);
        let stuck = scope.spawn(|| store.append(one("stuck")).unwrap());
        gate.wait_for_someone();
        let written = scope.spawn(|| store.wait_written(Position(5), LONG).unwrap());
        let behind = store.submit(one("behind")).unwrap();
        assert_eq!(written.join().unwrap(), Position(5));
        assert_eq!(store.wait_accepted(Position(5), LONG).unwrap(), Position(5));
        assert!(store.frontier().durable < Position(4));
        let late = store.wait_written(Position(6), Duration::from_millis(1)).unwrap_err();
        assert_eq!(
            (late.kind(), late.message()),
            (ErrorKind::TimedOut, "position 6 was not written in time")
        );
        gate.open();
        assert_eq!((stuck.join().unwrap().last(), behind.wait().unwrap().last()), (Position(4), Position(5)));
    });
    store.close().unwrap();
    assert_eq!(store.wait_written(Position(5), LONG).unwrap(), Position(5));
    assert_eq!(store.wait_accepted(Position(6), LONG).unwrap_err().kind(), ErrorKind::Ended);
}

/// What is accepted can be waited for while its write hangs.
#[test]
fn and_what_is_accepted_is_told() {
    let gate = Arc::new(Gate::default());
    let hook = Arc::clone(&gate);
    let disk = Hooked::new(MemoryDisk::new(), move |call| {
        if call == Call::Write {
            hook.pass();
        }
    });
    let store = StoreOptions::new().open_in(Env { disk: Arc::new(disk), ..Env::memory() }).unwrap();
    gate.shut();
    std::thread::scope(|scope| {
        let _opened = Opened(&gate);
        let accepted = scope.spawn(|| store.wait_accepted(Position(1), LONG).unwrap());
        let stuck = scope.spawn(|| store.append_with(one("stuck"), AppendOptions::new().buffered()).unwrap());
        gate.wait_for_someone();
        assert_eq!(accepted.join().unwrap(), Position(1));
        let late = store.wait_written(Position(1), Duration::from_millis(1)).unwrap_err();
        assert_eq!(late.kind(), ErrorKind::TimedOut);
        gate.open();
        assert_eq!(stuck.join().unwrap().last(), Position(1));
        assert_eq!(store.wait_written(Position(1), LONG).unwrap(), Position(1));
    });
}

/// The queue stays within its bound: who may not wait is refused, who waits gets in when there is room.
#[test]
fn and_the_queue_keeps_its_bound() {
    use tidegate::settings::WhenFull;
    let (store, gate) = stalling(StoreOptions::new().queue_bytes(2000));
    gate.shut();
    let refuse = AppendOptions::new().synced().when_full(WhenFull::Refuse);
    std::thread::scope(|scope| {
        scope.spawn(|| store.append_with(one("stuck"), AppendOptions::new().synced()).unwrap());
        gate.wait_for_someone();
        let (mut tickets, mut refused) = (Vec::new(), 0);
        for _ in 0..100 {
            match store.submit_with(one("queued"), refuse.clone()) {
                Ok(ticket) => tickets.push(ticket),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Full);
                    refused += 1;
                }
            }
        }
        assert!(!tickets.is_empty() && tickets.len() < 20 && refused > 80, "{} queued", tickets.len());
        let waiting =
            scope.spawn(|| store.append_with(one("waits for room"), AppendOptions::new().synced()).unwrap());
        gate.open();
        let last = tickets.into_iter().map(|ticket| ticket.wait().unwrap().first().0).last();
        assert!(waiting.join().unwrap().first().0 > last.unwrap() && refused > 0);
    });
    let big = one("big").bytes(vec![1; 100_000]);
    store.append_with(big, refuse.clone()).expect("one batch alone may exceed the bound");
}

/// Closing waits for the disk too, and every caller gets an answer.
#[test]
fn and_closing_answers_everybody() {
    let (store, gate) = stalling(StoreOptions::new());
    fill(&store, 1);
    gate.shut();
    std::thread::scope(|scope| {
        let stuck = scope.spawn(|| store.append_with(one("stuck"), AppendOptions::new().synced()));
        gate.wait_for_someone();
        let behind = store.submit_with(one("behind"), AppendOptions::new().synced()).unwrap();
        let closing = scope.spawn(|| store.close());
        gate.open();
        assert_eq!(stuck.join().unwrap().unwrap().first(), Position(3));
        closing.join().unwrap().unwrap();
        assert_eq!(behind.wait().unwrap().first(), Position(4), "closing commits what is queued");
    });
    assert_eq!(store.wait_visible(Position(4), LONG).unwrap(), Position(4));
    for ended in [store.wait_visible(Position(99), LONG), store.wait_durable(Position(99), LONG)] {
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Ended, "an ended store makes no caller wait");
    }
}

/// A task that, when it is woken, has the disk go on, waits until the one who synced has its answer, and appends.
struct Appends {
    store: Arc<Store>,
    gate: Arc<Gate>,
    synced: Mutex<Receiver<()>>,
    appended: Sender<()>,
}

impl Wake for Appends {
    fn wake(self: Arc<Self>) {
        self.gate.open();
        self.synced.lock().unwrap().recv_timeout(LONG).unwrap();
        self.store.append_with(one("waker"), AppendOptions::new().synced()).unwrap();
        self.appended.send(()).unwrap();
    }
}

/// The one who syncs asks the next to go on with that. The caller that runs a waker at that time cannot, and the waker waits
/// for a sync itself.
#[test]
fn and_a_waker_appends_on_a_thread_that_others_count_on() {
    let (store, gate) = stalling(StoreOptions::new().thread(false));
    let store = Arc::new(store);
    let (answered, synced) = channel();
    let (appended, is_appended) = channel();
    gate.shut();
    let append = |entity: &'static str, done: Sender<()>| {
        let store = Arc::clone(&store);
        // Not joined: if it waits for ever, the test fails and does not.
        std::thread::spawn(move || {
            store.append_with(one(entity), AppendOptions::new().synced()).unwrap();
            done.send(()).unwrap();
        });
    };
    append("syncs", answered);
    gate.wait_for_someone();
    let never = Condition::Version(one("never").stream, Version(7));
    let mut refused = pin!(
        store.submit_with(Batch::from(one("refused")).only_if(never), AppendOptions::new().synced()).unwrap()
    );
    let waker = Waker::from(Arc::new(Appends {
        store: Arc::clone(&store),
        gate: Arc::clone(&gate),
        synced: Mutex::new(synced),
        appended: appended.clone(),
    }));
    assert!(refused.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    // It leads, wakes the task, and is the only one who waits for the next sync.
    append("leads", appended);
    for _ in 0..2 {
        is_appended.recv_timeout(LONG).expect("no caller waits for ever");
    }
    assert_eq!(store.frontier().durable, Position(3));
}
