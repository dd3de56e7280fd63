//! The store's own thread: the only place that starts one.
//!
//! It sleeps until it is called: to lead the commit of what was submitted without waiting, or to sync what
//! was acknowledged before its sync, at the time that was promised. It never polls.

use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};
use tidegate_format::{Error, ErrorKind, Result};

use crate::edge::Indexer;
use crate::journal::{Caller, Journal, Leads};
use crate::published::{Deadline, Published};

/// What the thread is asked for.
#[derive(Debug, Default)]
struct Wanted {
    lead: bool,
    index: bool,
    sync_at: Option<Deadline>,
    stop: bool,
}

/// The other end of the thread's ear.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    wanted: Mutex<Wanted>,
    rung: Condvar,
    /// Whether anybody listens.
    listened_to: bool,
}

impl Bell {
    pub(crate) fn new(listened_to: bool) -> Self {
        Self { listened_to, ..Self::default() }
    }

    /// Asks for a sync by this time.
    pub(crate) fn sync_at(&self, at: Deadline) {
        let mut wanted = self.wanted.lock();
        let sooner = wanted.sync_at.as_ref().is_none_or(|planned| at.is_before(planned));
        if sooner {
            wanted.sync_at = Some(at);
            drop(wanted);
            self.rung.notify_one();
        }
    }

    fn stop(&self) {
        self.wanted.lock().stop = true;
        self.rung.notify_one();
    }

    fn wait(&self) -> Task {
        let mut wanted = self.wanted.lock();
        loop {
            if wanted.lead {
                wanted.lead = false;
                return Task::Lead;
            }
            if wanted.stop {
                return Task::Stop;
            }
            if wanted.index {
                wanted.index = false;
                return Task::Index;
            }
            match wanted.sync_at.take() {
                None => self.rung.wait(&mut wanted),
                Some(at) if at.is_over() => return Task::Sync,
                Some(at) => {
                    let left = at.left();
                    wanted.sync_at = Some(at);
                    self.rung.wait_for(&mut wanted, left);
                }
            }
        }
    }
}

enum Task {
    Lead,
    Index,
    Sync,
    Stop,
}

/// A bell that several owners ring.
#[derive(Clone, Debug)]
pub(crate) struct Ring(pub(crate) Arc<Bell>);

impl Caller for Ring {
    fn call(&self) -> bool {
        if self.0.listened_to {
            self.0.wanted.lock().lead = true;
            self.0.rung.notify_one();
        }
        self.0.listened_to
    }

    fn index(&self) {
        if self.0.listened_to {
            self.0.wanted.lock().index = true;
            self.0.rung.notify_one();
        }
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
        published: Arc<Published>,
        bell: Arc<Bell>,
    ) -> Result<Self> {
        let work = Work { journal: Arc::downgrade(journal), indexer, published };
        let heard = Arc::clone(&bell);
        #[expect(clippy::disallowed_methods, reason = "this is the place where threads start")]
        let thread = std::thread::Builder::new()
            .name("tidegate".to_owned())
            .spawn(move || run(&work, &heard))
            .map_err(|cause| Error::new(ErrorKind::Io, "the store's thread cannot start").because(cause))?;
        Ok(Self { bell, thread: Some(thread) })
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.bell.stop();
        if let Some(thread) = self.thread.take() {
            // A panic there has ended the writer already.
            let _ = thread.join();
        }
    }
}

/// What the thread works on.
struct Work {
    journal: Weak<Journal>,
    indexer: Arc<Indexer>,
    published: Arc<Published>,
}

fn run(work: &Work, bell: &Bell) {
    loop {
        let task = bell.wait();
        let Some(journal) = work.journal.upgrade() else { return };
        match task {
            Task::Lead => journal.lead(),
            Task::Sync => {
                if let Err(error) = journal.flush() {
                    tracing::error!(%error, "the sync at the interval failed; the writer has ended");
                }
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
