//! Workers: threads that deliver a cursor's events to a handler, and are started again after errors.
//!
//! ```
//! use std::sync::mpsc::channel;
//! use tidegate::{Draft, Query, Store};
//!
//! let store = Store::in_memory()?;
//! let (sender, letters) = channel();
//! let worker = store.cursor("mailer", Query::ALL)?.spawn(move |event| {
//!     sender.send(event.entity().to_owned())?; // an error or a panic is a failure of this event
//!     Ok(())
//! })?;
//! store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
//! assert_eq!(letters.recv().expect("the worker runs"), "order-7");
//! worker.stop();
//! worker.join()?;
//! # Ok::<(), tidegate::Error>(())
//! ```
//!
//! * **Failures of an event** are errors and panics of the handler. They are tried again and parked as the cursor's
//!   [options](super::cursor::CursorOptions) say, and the worker goes on.
//! * **Errors of the store**, of reading or of committing the cursor, end a run. The worker starts another one after a
//!   delay that doubles with each run that ended before it handled an event. It gives up after
//!   [`max_restarts`](WorkerOptions::max_restarts) of these, and at once if another run cannot help.
//! * **It ends** when it is stopped, when its handle is dropped, and when the store is closed, after the event that it
//!   handles just then. A cursor in the store cannot commit any more after that, so this event may be delivered again:
//!   stop and join workers before closing.

use std::error::Error as StdError;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tidegate_disk::Clock;
use tidegate_format::{Error, ErrorKind, Result};
use tidegate_segment::RecordedEvent;

use super::cursor::{Cursor, Delivery};
use crate::journal::threads;
use crate::published::Deadline;
use crate::sync::Mutex;
use crate::sync::thread::JoinHandle;

/// Options of a worker: how it is started again after an error.
///
/// ```
/// use std::time::Duration;
/// use tidegate::subscription::worker::WorkerOptions;
///
/// let stubborn = WorkerOptions::new().max_restarts(u32::MAX).max_backoff(Duration::from_secs(5));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WorkerOptions {
    /// How many runs in a row may end with an error before they handled an event. Default: 10. Zero never starts again.
    pub max_restarts: u32,
    /// How long it waits before the first restart. Default: 100 milliseconds. It doubles with each further one.
    pub backoff: Duration,
    /// The longest wait before a restart. Default: 30 seconds.
    pub max_backoff: Duration,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        let (backoff, max_backoff) = (Duration::from_millis(100), Duration::from_secs(30));
        Self { max_restarts: 10, backoff, max_backoff }
    }
}

impl WorkerOptions {
    /// Returns the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`max_restarts`](Self::max_restarts).
    #[must_use]
    pub fn max_restarts(self, max_restarts: u32) -> Self {
        Self { max_restarts, ..self }
    }

    /// Sets [`backoff`](Self::backoff).
    #[must_use]
    pub fn backoff(self, backoff: Duration) -> Self {
        Self { backoff, ..self }
    }

    /// Sets [`max_backoff`](Self::max_backoff).
    #[must_use]
    pub fn max_backoff(self, max_backoff: Duration) -> Self {
        Self { max_backoff, ..self }
    }

    /// Returns the wait before a restart, the first one being 0.
    fn delay(&self, restart: u32) -> Duration {
        let factor = 1_u32.checked_shl(restart).unwrap_or(u32::MAX);
        self.backoff.saturating_mul(factor).min(self.max_backoff)
    }
}

/// The phase that a worker is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerPhase {
    /// It handles events, or waits for some.
    Running,
    /// A run ended with an error; it waits to start another one.
    BackingOff,
    /// It was stopped, or the store was closed.
    Stopped,
    /// It gave up; [`last_error`](WorkerStatus::last_error) says why.
    Failed,
}

/// State of a worker.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WorkerStatus {
    /// What it does now.
    pub phase: WorkerPhase,
    /// How many events were handled with success.
    pub handled: u64,
    /// How many times the handler failed, by an error or a panic.
    pub failures: u64,
    /// How many times it was started again.
    pub restarts: u64,
    /// The error that ended the last run that did not end in good order.
    pub last_error: Option<Error>,
    /// Position, attempt and reason of the handler's last failure, as text.
    pub last_failure: Option<String>,
}

/// A thread that handles a cursor's events; see [the module](self). Dropping the handle stops it and waits for the event
/// that it handles just now.
#[derive(Debug)]
#[must_use = "a worker stops when its handle is dropped"]
pub struct WorkerThread {
    supervisor: Arc<Supervisor>,
    cursor: Cursor,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and its handle share.
#[derive(Debug)]
struct Supervisor {
    options: WorkerOptions,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    status: WorkerStatus,
    stopped: bool,
    /// Restarts in a row without an event that was handled.
    in_a_row: u32,
}

impl Cursor {
    /// Starts a worker with the default options: a thread that gives this cursor's events to `handler`, acknowledges those
    /// that it returns `Ok` for, and fails the others. Several workers may share a cursor; see [the module](self) for an
    /// example.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for the cursor of a reactor, [`Io`](ErrorKind::Io) if no thread can be started.
    pub fn spawn<H>(&self, handler: H) -> Result<WorkerThread>
    where
        H: FnMut(&RecordedEvent) -> std::result::Result<(), Box<dyn StdError + Send + Sync>> + Send + 'static,
    {
        self.spawn_with(WorkerOptions::default(), handler)
    }

    /// Starts a worker, as [`spawn`](Self::spawn) does, with options.
    ///
    /// ```
    /// use tidegate::subscription::worker::WorkerOptions;
    /// use tidegate::{Draft, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let worker = store.cursor("mailer", Query::ALL)?.spawn_with(WorkerOptions::new().max_restarts(3), |_| Ok(()))?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// store.close()?;
    /// worker.join()?;
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`spawn`](Self::spawn).
    pub fn spawn_with<H>(&self, options: WorkerOptions, mut handler: H) -> Result<WorkerThread>
    where
        H: FnMut(&RecordedEvent) -> std::result::Result<(), Box<dyn StdError + Send + Sync>> + Send + 'static,
    {
        self.check_role()?;
        let status = WorkerStatus {
            phase: WorkerPhase::Running,
            handled: 0,
            failures: 0,
            restarts: 0,
            last_error: None,
            last_failure: None,
        };
        let supervisor = Arc::new(Supervisor {
            options,
            clock: self.clock(),
            state: Mutex::new(State { status, stopped: false, in_a_row: 0 }),
        });
        let (cursor, shared) = (self.clone(), Arc::clone(&supervisor));
        let name = format!("tidegate {}", self.name());
        let thread = threads::spawn(name, move || shared.supervise(&cursor, &mut handler))?;
        Ok(WorkerThread { supervisor, cursor: self.clone(), thread: Some(thread) })
    }
}

impl WorkerThread {
    /// Returns what it does and what it did.
    ///
    /// ```
    /// use tidegate::subscription::worker::WorkerPhase;
    /// use tidegate::{Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let worker = store.cursor("mailer", Query::ALL)?.spawn(|_| Ok(()))?;
    /// let status = worker.status();
    /// assert_eq!((status.phase, status.handled, status.restarts), (WorkerPhase::Running, 0, 0));
    /// assert!(status.last_error.is_none());
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn status(&self) -> WorkerStatus {
        self.supervisor.state.lock().status.clone()
    }

    /// Asks it to stop after the event that it handles just now, and does not wait for that. The cursor and other workers
    /// on it go on.
    pub fn stop(&self) {
        self.supervisor.state.lock().stopped = true;
        self.cursor.wake_workers();
    }

    /// Waits for its end: after [`stop`](Self::stop), when the store is closed, or when it gives up.
    ///
    /// # Errors
    ///
    /// The error that it gave up for.
    pub fn join(mut self) -> Result<()> {
        if let Some(thread) = self.thread.take() {
            threads::join(thread);
        }
        let status = self.status();
        match (status.phase, status.last_error) {
            (WorkerPhase::Failed, Some(error)) => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for WorkerThread {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.stop();
            threads::join(thread);
        }
    }
}

type Handler<'a> =
    &'a mut dyn FnMut(&RecordedEvent) -> std::result::Result<(), Box<dyn StdError + Send + Sync>>;

impl Supervisor {
    /// Runs until the end, and starts again after errors.
    fn supervise(&self, cursor: &Cursor, handler: Handler<'_>) {
        loop {
            let ended = self.run(cursor, handler);
            let mut state = self.state.lock();
            let Err(error) = ended else {
                state.status.phase = WorkerPhase::Stopped;
                return;
            };
            state.status.last_error = Some(error.clone());
            if error.kind() == ErrorKind::Ended && cursor.is_closed() {
                state.status.phase = WorkerPhase::Stopped;
                drop(state);
                tracing::warn!(%error, cursor = cursor.name(), "what a worker handled last is delivered again");
                return;
            }
            if is_final(&error) || state.in_a_row >= self.options.max_restarts {
                state.status.phase = WorkerPhase::Failed;
                drop(state);
                tracing::error!(%error, cursor = cursor.name(), "a worker gave up");
                return;
            }
            let delay = self.options.delay(state.in_a_row);
            state.in_a_row += 1;
            state.status.phase = WorkerPhase::BackingOff;
            drop(state);
            tracing::warn!(%error, cursor = cursor.name(), ?delay, "a worker starts again");
            if !self.back_off(cursor, delay) {
                return;
            }
        }
    }

    /// Waits before a restart; returns `false` if it was stopped or the store was closed meanwhile.
    fn back_off(&self, cursor: &Cursor, delay: Duration) -> bool {
        let is_stopped = || self.is_stopped(cursor);
        cursor.pause(&Deadline::after(&self.clock, delay), &is_stopped);
        let is_stopped = is_stopped();
        let mut state = self.state.lock();
        if is_stopped {
            state.status.phase = WorkerPhase::Stopped;
            return false;
        }
        state.status.phase = WorkerPhase::Running;
        state.status.restarts += 1;
        true
    }

    fn is_stopped(&self, cursor: &Cursor) -> bool {
        self.state.lock().stopped || cursor.is_closed()
    }

    /// Handles events until it is stopped or the log ends.
    fn run(&self, cursor: &Cursor, handler: Handler<'_>) -> Result<()> {
        let is_stopped = || self.is_stopped(cursor);
        while let Some(delivery) = cursor.next_unless(&is_stopped)? {
            self.handle(cursor, delivery, handler)?;
        }
        cursor.commit()
    }

    fn handle(&self, cursor: &Cursor, delivery: Delivery, handler: Handler<'_>) -> Result<()> {
        // Printing its error is the handler's own code too.
        let answer =
            catch_unwind(AssertUnwindSafe(|| handler(delivery.event()).map_err(|error| error.to_string())));
        let reason = match answer {
            Ok(Ok(())) => {
                let settled = forgive(cursor, delivery.ack());
                let mut state = self.state.lock();
                state.status.handled += 1;
                // Only an acknowledgement that could be committed shows that a restart helped.
                if settled.is_ok() {
                    state.in_a_row = 0;
                }
                return settled;
            }
            Ok(Err(reason)) => reason,
            Err(panic) => {
                let reason = format!("the handler panicked: {}", panic_message(&*panic));
                // To drop it is to run the handler's code once more.
                std::mem::forget(panic);
                reason
            }
        };
        let (position, attempt) = (delivery.event().position(), delivery.attempt());
        let failed = delivery.fail(&reason).map(drop);
        let mut state = self.state.lock();
        state.status.failures += 1;
        state.status.last_failure = Some(format!("position {position}, attempt {attempt}: {reason}"));
        drop(state);
        forgive(cursor, failed)
    }
}

/// Returns whether another run would end in the same way.
fn is_final(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Ended | ErrorKind::Invalid | ErrorKind::Locked | ErrorKind::Newer | ErrorKind::Damaged
    )
}

/// Passes over an answer that came too late, and over a failure that should be parked if no more may be: in both cases
/// the event is delivered again, and the cursor has logged why.
fn forgive(cursor: &Cursor, settled: Result<()>) -> Result<()> {
    match settled {
        Err(error) if error.kind() == ErrorKind::Refused => Ok(()),
        Err(error) if error.kind() == ErrorKind::Full && cursor.is_parking_full() => Ok(()),
        other => other,
    }
}

/// Returns the message of a panic.
pub(super) fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

impl fmt::Display for WorkerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, handled, failures, restarts, .. } = self;
        write!(f, "{phase:?}, {handled} handled, {failures} failed, {restarts} restarts")?;
        if let Some(error) = &self.last_error {
            write!(f, ", last error: {error}")?;
        }
        if let Some(failure) = &self.last_failure {
            write!(f, ", last failure: {failure}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest() {
        let options =
            WorkerOptions::new().backoff(Duration::from_secs(1)).max_backoff(Duration::from_secs(10));
        let delays: Vec<u64> =
            [0, 1, 2, 3, 4, 31, 32, u32::MAX].map(|restart| options.delay(restart).as_secs()).into();
        assert_eq!(delays, [1, 2, 4, 8, 10, 10, 10, 10]);
        assert_eq!(options.backoff(Duration::ZERO).delay(40), Duration::ZERO);
    }
}
