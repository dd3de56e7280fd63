//! Threads: the only place that starts one.
//!
//! The store's own thread sleeps until it is called: to lead the commit of what was submitted without waiting, or to sync what
//! was acknowledged before its sync, at the time that was promised. It never polls.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tidegate_format::{Error, ErrorKind, Result};

use super::completion::panicked;
use super::queue::{Journal, Notifier};
use super::ticket::Leader;
use crate::backend::Indexer;
use crate::published::{Deadline, SharedState};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex};

/// What the thread is asked for.
#[derive(Debug, Default)]
struct Requests {
    lead: bool,
    settle: bool,
    index: bool,
    /// By when a sync has to be over, and how long after that another one if batches are on their way then.
    sync_by: Option<(Deadline, Duration)>,
    /// How long the last of these syncs took.
    sync_took: Option<Duration>,
    state: WorkerState,
}

/// Whether the background thread takes requests.
#[derive(Debug, Default, PartialEq, Eq)]
enum WorkerState {
    #[default]
    Absent,
    Running,
    /// It takes them until what was asked for before is done.
    Stopping,
}

/// Wakes the background thread, and keeps what it is asked for.
#[derive(Debug, Default)]
pub(crate) struct WorkerSignal {
    requests: Mutex<Requests>,
    changed: Condvar,
}

impl WorkerSignal {
    /// Returns a signal that a thread takes requests from, or one that no thread ever does.
    pub(crate) fn new(heard: bool) -> Self {
        let state = if heard { WorkerState::Running } else { WorkerState::Absent };
        Self { requests: Mutex::new(Requests { state, ..Requests::default() }), changed: Condvar::new() }
    }

    /// Has the thread do what `ask` notes; returns false if there is no thread.
    fn request(&self, ask: impl FnOnce(&mut Requests)) -> bool {
        let mut requests = self.requests.lock();
        if requests.state == WorkerState::Absent {
            return false;
        }
        ask(&mut requests);
        self.changed.notify_one();
        true
    }

    /// Asks for a sync that is over by this time, which is `interval` from now.
    pub(crate) fn sync_by(&self, by: Deadline, interval: Duration) {
        let mut requests = self.requests.lock();
        let sooner = requests.sync_by.as_ref().is_none_or(|(planned, _)| by.is_before(planned));
        if sooner {
            requests.sync_by = Some((by, interval));
            drop(requests);
            self.changed.notify_one();
        }
    }

    fn stop(&self) {
        self.request(|requests| requests.state = WorkerState::Stopping);
    }

    fn wait(&self) -> Task {
        let mut requests = self.requests.lock();
        loop {
            if requests.lead {
                requests.lead = false;
                return Task::Lead;
            }
            if requests.settle {
                requests.settle = false;
                return Task::Settle;
            }
            if requests.state == WorkerState::Stopping {
                // From here on requests are refused, and their callers do the work themselves.
                requests.state = WorkerState::Absent;
                return Task::Stop;
            }
            if requests.index {
                requests.index = false;
                return Task::Index;
            }
            let Some((by, interval)) = requests.sync_by.take() else {
                self.changed.wait(&mut requests);
                continue;
            };
            let left = by.left().saturating_sub(head_start(interval, requests.sync_took));
            if left.is_zero() {
                return Task::Sync(interval);
            }
            requests.sync_by = Some((by, interval));
            self.changed.wait_for(&mut requests, left);
        }
    }
}

/// Returns how long before its time a sync begins, so that it is over by then: twice what the last one took, and half the
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

/// Asks the background thread to lead, to sync or to index, for the journal.
#[derive(Clone, Debug)]
pub(crate) struct WorkerHandle(pub(crate) Arc<WorkerSignal>);

impl Notifier for WorkerHandle {
    fn call(&self) -> bool {
        self.0.request(|requests| requests.lead = true)
    }

    fn call_to_sync(&self) -> bool {
        self.0.request(|requests| requests.settle = true)
    }

    fn index(&self) {
        self.0.request(|requests| requests.index = true);
    }
}

/// The running thread; dropping it ends it.
#[derive(Debug)]
pub(crate) struct BackgroundThread {
    signal: Arc<WorkerSignal>,
    thread: Option<JoinHandle<()>>,
}

impl BackgroundThread {
    /// Starts the thread.
    pub(crate) fn start(
        journal: &Arc<Journal>,
        indexer: Arc<Indexer>,
        published: Arc<SharedState>,
        signal: Arc<WorkerSignal>,
    ) -> Result<Self> {
        let worker = Worker { journal: Arc::downgrade(journal), indexer, published };
        let shared = Arc::clone(&signal);
        let thread = spawn("tidegate".to_owned(), move || run(&worker, &shared))?;
        Ok(Self { signal, thread: Some(thread) })
    }
}

/// Starts a thread of this name.
pub(crate) fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let cannot = format!("the thread {name} cannot start");
    #[cfg_attr(not(shuttle), expect(clippy::disallowed_methods, reason = "this is where threads start"))]
    thread::Builder::new()
        .name(name)
        .spawn(body)
        .map_err(|cause| Error::new(ErrorKind::Io, cannot).because(cause))
}

/// Waits for the end of a thread, unless this is that thread: what it runs may let go of the last handle of itself. A
/// panic in it was dealt with by the thread.
pub(crate) fn join(thread: JoinHandle<()>) {
    if thread.thread().id() != thread::current().id() {
        let _ = thread.join();
    }
}

impl Drop for BackgroundThread {
    fn drop(&mut self) {
        self.signal.stop();
        // A waker may let go of the store on this very thread.
        if let Some(thread) = self.thread.take() {
            join(thread);
        }
    }
}

/// What the thread works on.
struct Worker {
    journal: Weak<Journal>,
    indexer: Arc<Indexer>,
    published: Arc<SharedState>,
}

/// Says at the end of the thread that no caller listens any more, and ends the writer if that was a panic.
struct ExitGuard<'a> {
    worker: &'a Worker,
    signal: &'a WorkerSignal,
}

impl Drop for ExitGuard<'_> {
    fn drop(&mut self) {
        self.signal.requests.lock().state = WorkerState::Absent;
        if std::thread::panicking() {
            self.worker.published.end(panicked());
            if let Some(journal) = self.worker.journal.upgrade() {
                journal.work();
            }
        }
    }
}

fn run(worker: &Worker, signal: &WorkerSignal) {
    let _exit_guard = ExitGuard { worker, signal };
    loop {
        let task = signal.wait();
        let Some(journal) = worker.journal.upgrade() else { return };
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
                    signal.sync_by(journal.deadline(interval), interval);
                }
                signal.requests.lock().sync_took = Some(began.since());
            }
            Task::Index => {
                if let Err(error) = worker.indexer.run(&worker.published) {
                    tracing::error!(%error, "a sealed segment could not be indexed");
                }
            }
            Task::Stop => return,
        }
    }
}
