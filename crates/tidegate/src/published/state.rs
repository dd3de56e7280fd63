//! What the writer publishes and every other caller reads: the segments and how far the log got.
//!
//! Invariants:
//!
//! P1. `visible` grows only after every event up to it can be found in the published segments.
//! P2. A waiter that saw too little and then waits is woken by the next growth (no lost wake-up): it counts
//!     itself before it looks, and the publisher looks at that count after it has published.
//! P3. Wakers are the callers' code. They run in [`announce`](SharedState::announce) alone, or by the one who announced to
//!     the threads, once it holds no lock and no role, and a panic of one of them reaches nothing else.
//! P4. Damage that ends the log is published before the last position in front of it is visible, so that no view
//!     takes that position for the end.

use std::sync::{Arc, OnceLock};
use std::task::Waker;

use arc_swap::ArcSwap;
use tidegate_format::{Error, Position, Result};

use super::deadline::Deadline;
use super::frontier::Frontier;
use super::keys::Keys;
use super::log::{Damage, Log};
use super::tasks::Tasks;
use crate::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Condvar, Mutex, wake};

#[derive(Debug)]
pub(crate) struct SharedState {
    log: ArcSwap<Log>,
    accepted: AtomicU64,
    written: AtomicU64,
    durable: AtomicU64,
    visible: AtomicU64,
    /// The last event that says what is erased, as far as one is known.
    erased: AtomicU64,
    /// A segment was sealed and waits for its index.
    sealed: AtomicBool,
    /// Threads that wait and tasks that want to be woken.
    waiters: AtomicUsize,
    /// Threads, among those that wait, that wait for what is accepted or written.
    before_sync: AtomicUsize,
    /// The tasks. Its lock is also what threads wait with.
    tasks: Mutex<Tasks>,
    moved: Condvar,
    ended: OnceLock<Ending>,
}

/// A task that waits for growth. Dropping it ends that: the waker of a task that is gone is never called.
#[cfg(feature = "futures")]
#[derive(Debug)]
pub(crate) struct Registration {
    published: Arc<SharedState>,
    key: u64,
}

#[cfg(feature = "futures")]
impl Registration {
    pub(crate) fn new(published: &Arc<SharedState>) -> Self {
        let key = published.tasks.lock().key();
        Self { published: Arc::clone(published), key }
    }

    /// Has the task woken by the next growth or the end. The caller looks again afterwards.
    pub(crate) fn register(&self, waker: &Waker) {
        let Self { published, key } = self;
        // Copied, and the earlier one dropped, outside the lock (keeps P3).
        let copy = waker.clone();
        // keeps P2: counted before the look, and taken off by the one who takes the waker out.
        published.waiters.fetch_add(1, Ordering::SeqCst);
        let earlier = published.tasks.lock().insert(*key, copy);
        if earlier.is_some() {
            published.waiters.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

#[cfg(feature = "futures")]
impl Drop for Registration {
    fn drop(&mut self) {
        let waker = self.published.tasks.lock().remove(self.key);
        if waker.is_some() {
            self.published.waiters.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// How the writer ended.
#[derive(Debug)]
struct Ending {
    /// The error of every call from then on.
    error: Error,
    in_order: bool,
}

impl SharedState {
    pub(crate) fn new(log: Log, durable: Position, visible: Position) -> Self {
        Self {
            log: ArcSwap::from_pointee(log),
            accepted: AtomicU64::new(visible.0),
            written: AtomicU64::new(visible.0),
            durable: AtomicU64::new(durable.0),
            visible: AtomicU64::new(visible.0),
            erased: AtomicU64::new(0),
            sealed: AtomicBool::new(false),
            waiters: AtomicUsize::new(0),
            before_sync: AtomicUsize::new(0),
            tasks: Mutex::default(),
            moved: Condvar::new(),
            ended: OnceLock::new(),
        }
    }

    pub(crate) fn frontier(&self) -> Frontier {
        // Read upwards, so that what is read later has moved at least as far.
        let durable = self.durable();
        let visible = self.visible();
        let written = self.written();
        let accepted = self.accepted();
        Frontier { accepted, written, durable, visible }
    }

    pub(crate) fn visible(&self) -> Position {
        Position(self.visible.load(Ordering::SeqCst))
    }

    pub(crate) fn durable(&self) -> Position {
        Position(self.durable.load(Ordering::SeqCst))
    }

    pub(crate) fn accepted(&self) -> Position {
        Position(self.accepted.load(Ordering::SeqCst))
    }

    pub(crate) fn written(&self) -> Position {
        Position(self.written.load(Ordering::SeqCst))
    }

    /// Returns the last event that says what is erased, of which all readers take note: 0 if there was none lately. What it
    /// names is masked, or gone.
    pub(crate) fn erased(&self) -> Position {
        Position(self.erased.load(Ordering::SeqCst))
    }

    /// Notes an event that says what is erased. What it names is masked already.
    pub(crate) fn set_erased(&self, position: Position) {
        self.erased.fetch_max(position.0, Ordering::SeqCst);
    }

    pub(crate) fn log(&self) -> Arc<Log> {
        self.log.load_full()
    }

    /// Returns what encrypts and decrypts payloads for subjects, if the store was given a keyring.
    pub(crate) fn keys(&self) -> Option<Keys> {
        self.log.load().keys.clone()
    }

    /// Publishes what encrypts and decrypts payloads for subjects. Views that are taken from now on use it.
    pub(crate) fn set_keys(&self, keys: Option<&Keys>) {
        self.change_log(|log| log.keys = keys.cloned());
    }

    /// Publishes a changed log. Others may change it at the same time, and `change` may be called again then.
    pub(crate) fn change_log(&self, change: impl Fn(&mut Log)) {
        self.log.rcu(|log| {
            let mut log = Log::clone(log);
            change(&mut log);
            log
        });
    }

    /// Publishes the damage that hides what follows `after`. The first one stays. Keeps P4: the caller makes `after`
    /// visible behind it, and then has [`announce`](Self::announce) tell those who wait.
    pub(crate) fn set_damage(&self, after: Position, error: &Error) {
        let damage = Arc::new(Damage { after, error: error.clone() });
        self.change_log(|log| _ = log.damage.get_or_insert_with(|| Arc::clone(&damage)));
    }

    /// Returns the damage that ends the log, or `None`.
    pub(crate) fn damage(&self) -> Option<Error> {
        self.log.load().damage.as_ref().map(|damage| damage.error.clone())
    }

    /// Says whether damage ends the log.
    pub(crate) fn is_damaged(&self) -> bool {
        self.log.load().damage.is_some()
    }

    /// Says that a segment was sealed and waits for its index, or that this was heard.
    pub(crate) fn set_sealed(&self, sealed: bool) -> bool {
        self.sealed.swap(sealed, Ordering::SeqCst)
    }

    pub(crate) fn set_accepted(&self, position: Position) {
        self.accepted.store(position.0, Ordering::SeqCst);
    }

    pub(crate) fn set_written(&self, position: Position) {
        self.written.store(position.0, Ordering::SeqCst);
    }

    /// Raises the durable position; [`announce`](Self::announce) tells those who wait.
    pub(crate) fn set_durable(&self, position: Position) {
        self.durable.fetch_max(position.0, Ordering::SeqCst);
    }

    /// Raises the visible position; [`announce`](Self::announce) tells those who wait.
    pub(crate) fn set_visible(&self, position: Position) {
        self.visible.fetch_max(position.0, Ordering::SeqCst);
    }

    /// Ends the writer for good, with the error that every caller gets from now on, and tells those who wait. The first
    /// error stays. Called without a lock.
    pub(crate) fn end(&self, error: Error) {
        self.set_ended(error);
        self.announce();
    }

    /// Ends the writer for good as [`end`](Self::end) does; [`announce`](Self::announce) tells those who wait.
    pub(crate) fn set_ended(&self, error: Error) {
        let _ = self.ended.set(Ending { error, in_order: false });
    }

    /// Ends the writer in good order, unless it ended before; [`announce`](Self::announce) tells those who wait.
    pub(crate) fn set_closed(&self, error: Error) {
        let _ = self.ended.set(Ending { error, in_order: true });
    }

    /// Returns how the writer ended, if it has.
    pub(crate) fn ending(&self) -> Option<Result<()>> {
        let Ending { error, in_order } = self.ended.get()?;
        Some(if *in_order { Ok(()) } else { Err(error.clone()) })
    }

    /// Returns the error that ended the writer.
    pub(crate) fn ended(&self) -> Option<Error> {
        self.ended.get().map(|ending| ending.error.clone())
    }

    /// Has every waiting caller look again: at what was published, or for what else they wait for. Called without a
    /// lock and outside every role, since wakers may do anything (keeps P3).
    pub(crate) fn announce(&self) {
        self.announce_to_threads().into_iter().for_each(wake);
    }

    /// Has the threads that wait look again, and returns the wakers of the tasks that do: the caller wakes them.
    #[must_use]
    pub(crate) fn announce_to_threads(&self) -> Vec<Waker> {
        if self.waiters.load(Ordering::SeqCst) == 0 {
            return Vec::new();
        }
        let tasks = self.tasks.lock().take_all();
        self.waiters.fetch_sub(tasks.len(), Ordering::SeqCst);
        self.moved.notify_all();
        tasks
    }

    /// Has the threads look again that wait for what is accepted or written. It runs no waker, so the caller may hold a
    /// role, and the committer's lock, which comes before the one taken here.
    pub(crate) fn announce_before_sync(&self) {
        // keeps P2: the waiter counts itself, then looks; the publisher changes the position, then looks at the count.
        if self.before_sync.load(Ordering::SeqCst) > 0 {
            // A thread that has looked and does not wait yet holds the lock: it is waited for, and then woken.
            drop(self.tasks.lock());
            self.moved.notify_all();
        }
    }

    /// Waits as [`wait`](Self::wait) does, and is also woken by what is accepted or written and not announced yet.
    pub(crate) fn wait_before_sync(&self, deadline: Option<&Deadline>, done: impl Fn(&Self) -> bool) -> bool {
        self.before_sync.fetch_add(1, Ordering::SeqCst);
        let is_done = self.wait(deadline, done);
        self.before_sync.fetch_sub(1, Ordering::SeqCst);
        is_done
    }

    /// Waits until `done` says so or the deadline passes, and returns what it says then.
    pub(crate) fn wait(&self, deadline: Option<&Deadline>, done: impl Fn(&Self) -> bool) -> bool {
        if done(self) {
            return true;
        }
        // Counted before the look, in one order with the positions (SeqCst): the publisher raises a position and then reads
        // the count, so one of the two sees the other (keeps P2).
        self.waiters.fetch_add(1, Ordering::SeqCst);
        let mut gate = self.tasks.lock();
        let mut in_time = true;
        // What it said once counts: whether a caller syncs, say, may be otherwise a moment later.
        let is_done = loop {
            if done(self) {
                break true;
            }
            if !in_time {
                break false;
            }
            match deadline {
                Some(deadline) => {
                    self.moved.wait_for(&mut gate, deadline.left());
                    in_time = !deadline.is_over();
                }
                None => self.moved.wait(&mut gate),
            }
        };
        drop(gate);
        self.waiters.fetch_sub(1, Ordering::SeqCst);
        is_done
    }
}

#[cfg(test)]
#[cfg(shuttle)]
mod interleavings {
    use std::sync::Arc;

    use shuttle::thread;

    use super::*;

    /// keeps P2, in every interleaving
    #[test]
    fn no_growth_is_slept_through() {
        shuttle::check_dfs(
            || {
                let published = Arc::new(SharedState::new(Log::default(), Position(0), Position(0)));
                let waiting = {
                    let published = Arc::clone(&published);
                    thread::spawn(move || published.wait(None, |now| now.visible() == Position(2)))
                };
                for position in [1, 2] {
                    published.set_visible(Position(position));
                    published.announce();
                }
                assert!(waiting.join().expect("it did not panic"));
            },
            None,
        );
    }

    #[test]
    fn the_end_is_not_slept_through() {
        shuttle::check_dfs(
            || {
                let published = Arc::new(SharedState::new(Log::default(), Position(0), Position(0)));
                let waiting = {
                    let published = Arc::clone(&published);
                    thread::spawn(move || published.wait(None, |now| now.ended().is_some()))
                };
                published.end(Error::invalid("the end"));
                assert!(waiting.join().expect("it did not panic"));
            },
            None,
        );
    }
}
