//! The store's own thread: the only place that starts one.
//!
//! It sleeps until it is called: to lead the commit of what was submitted without waiting, or to sync what
//! was acknowledged before its sync, at the time that was promised. It never polls.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tidegate_format::{Error, ErrorKind, Result};

use crate::backend::Indexer;
use crate::journal::{Caller, Journal, Leads, panicked};
use crate::published::{Deadline, SharedState};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex};

/// What the thread is asked for.
#[derive(Debug, Default)]
struct Wanted {
    lead: bool,
    settle: bool,
    index: bool,
    /// By when a sync has to be over, and how long after that another one if batches are on their way then.
    sync_by: Option<(Deadline, Duration)>,
    /// How long the last of these syncs took.
    sync_took: Option<Duration>,
    ear: Ear,
}

/// Whether anybody listens.
#[derive(Debug, Default, PartialEq, Eq)]
enum Ear {
    #[default]
    Nobody,
    Thread,
    /// The thread, until it has done what it was called for.
    Stopping,
}

/// The other end of the thread's ear.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    wanted: Mutex<Wanted>,
    rung: Condvar,
}

impl Bell {
    /// A bell that somebody listens to from the start, or nobody ever.
    pub(crate) fn new(heard: bool) -> Self {
        let ear = if heard { Ear::Thread } else { Ear::Nobody };
        Self { wanted: Mutex::new(Wanted { ear, ..Wanted::default() }), rung: Condvar::new() }
    }

    /// Rings for what `ask` notes; says whether anybody hears it.
    fn ring(&self, ask: impl FnOnce(&mut Wanted)) -> bool {
        let mut wanted = self.wanted.lock();
        if wanted.ear == Ear::Nobody {
            return false;
        }
        ask(&mut wanted);
        self.rung.notify_one();
        true
    }

    /// Asks for a sync that is over by this time, which is `interval` from now.
    pub(crate) fn sync_by(&self, by: Deadline, interval: Duration) {
        let mut wanted = self.wanted.lock();
        let sooner = wanted.sync_by.as_ref().is_none_or(|(planned, _)| by.is_before(planned));
        if sooner {
            wanted.sync_by = Some((by, interval));
            drop(wanted);
            self.rung.notify_one();
        }
    }

    fn stop(&self) {
        self.ring(|wanted| wanted.ear = Ear::Stopping);
    }

    fn wait(&self) -> Task {
        let mut wanted = self.wanted.lock();
        loop {
            if wanted.lead {
                wanted.lead = false;
                return Task::Lead;
            }
            if wanted.settle {
                wanted.settle = false;
                return Task::Settle;
            }
            if wanted.ear == Ear::Stopping {
                // Who calls from now on is told that nobody comes.
                wanted.ear = Ear::Nobody;
                return Task::Stop;
            }
            if wanted.index {
                wanted.index = false;
                return Task::Index;
            }
            let Some((by, interval)) = wanted.sync_by.take() else {
                self.rung.wait(&mut wanted);
                continue;
            };
            let left = by.left().saturating_sub(head_start(interval, wanted.sync_took));
            if left.is_zero() {
                return Task::Sync(interval);
            }
            wanted.sync_by = Some((by, interval));
            self.rung.wait_for(&mut wanted, left);
        }
    }
}

/// How long before its time a sync begins, so that it is over by then: twice what the last one took, and half the
/// interval while that is not known or more.
fn head_start(interval: Duration, took: Option<Duration>) -> Duration {
    let half = interval / 2;
    took.map_or(half, |took| half.min(2 * took))
}

enum Task {
    Lead,
    Settle,
    Index,
    Sync(Duration),
    Stop,
}

/// A bell that several owners ring.
#[derive(Clone, Debug)]
pub(crate) struct Ring(pub(crate) Arc<Bell>);

impl Caller for Ring {
    fn call(&self) -> bool {
        self.0.ring(|wanted| wanted.lead = true)
    }

    fn call_to_sync(&self) -> bool {
        self.0.ring(|wanted| wanted.settle = true)
    }

    fn index(&self) {
        self.0.ring(|wanted| wanted.index = true);
    }
}

/// The running thread; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Upkeep {
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

impl Upkeep {
    /// Starts the thread.
    pub(crate) fn start(
        journal: &Arc<Journal>,
        indexer: Arc<Indexer>,
        published: Arc<SharedState>,
        bell: Arc<Bell>,
    ) -> Result<Self> {
        let work = Work { journal: Arc::downgrade(journal), indexer, published };
        let heard = Arc::clone(&bell);
        #[cfg_attr(not(shuttle), expect(clippy::disallowed_methods, reason = "this is where threads start"))]
        let thread = thread::Builder::new()
            .name("tidegate".to_owned())
            .spawn(move || run(&work, &heard))
            .map_err(|cause| Error::new(ErrorKind::Io, "the store's thread cannot start").because(cause))?;
        Ok(Self { bell, thread: Some(thread) })
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.bell.stop();
        // A waker may let go of the store on this very thread, which ends when that returns.
        if let Some(thread) = self.thread.take().filter(|one| one.thread().id() != thread::current().id()) {
            // A panic there has ended the writer already.
            let _ = thread.join();
        }
    }
}

/// What the thread works on.
struct Work {
    journal: Weak<Journal>,
    indexer: Arc<Indexer>,
    published: Arc<SharedState>,
}

/// Says at the end of the thread that nobody listens any more, and ends the writer if that was a panic.
struct Leaving<'a> {
    work: &'a Work,
    bell: &'a Bell,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.bell.wanted.lock().ear = Ear::Nobody;
        if std::thread::panicking() {
            self.work.published.end(panicked());
            if let Some(journal) = self.work.journal.upgrade() {
                journal.work();
            }
        }
    }
}

fn run(work: &Work, bell: &Bell) {
    let _leaving = Leaving { work, bell };
    loop {
        let task = bell.wait();
        let Some(journal) = work.journal.upgrade() else { return };
        match task {
            Task::Lead => journal.lead_asked(),
            Task::Settle => journal.sync_if_wanted(None),
            Task::Sync(interval) => {
                // A batch on its way may be answered after this sync began, and wants one of its own.
                let busy = journal.is_busy();
                let began = journal.deadline(Duration::ZERO);
                if let Err(error) = journal.flush() {
                    tracing::error!(%error, "the sync at the interval failed; the writer has ended");
                } else if busy {
                    bell.sync_by(journal.deadline(interval), interval);
                }
                bell.wanted.lock().sync_took = Some(began.since());
            }
            Task::Index => {
                if let Err(error) = work.indexer.run(&work.published) {
                    tracing::error!(%error, "a sealed segment could not be indexed");
                }
            }
            Task::Stop => return,
        }
    }
}
