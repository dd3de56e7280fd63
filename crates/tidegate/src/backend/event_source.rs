//! Where subscribers get new events: from this process's published state, or from the files of another process.

use std::sync::Arc;
use std::time::Duration;

use tidegate_disk::Clock;
use tidegate_format::{Position, Result};

use super::process::OwnerProcess;
use super::reader::Follower;
#[cfg(feature = "futures")]
use crate::published::Registration;
use crate::published::{Deadline, SharedState};
use crate::read::View;

/// How many times a reader process looks for what another process wrote.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The log as it grows.
#[derive(Clone, Debug)]
pub(crate) struct EventSource {
    published: Arc<SharedState>,
    /// For a store opened for reading only.
    follower: Option<Arc<Follower>>,
    /// The process that writes, if this is a handle of it. A handle for reading only learns from files what
    /// another process wrote, in a fork as well.
    writer: Option<OwnerProcess>,
    clock: Arc<dyn Clock>,
}

impl EventSource {
    pub(crate) fn new(
        published: Arc<SharedState>,
        follower: Option<Arc<Follower>>,
        writer: Option<OwnerProcess>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { published, follower, writer, clock }
    }

    /// The time that is this long from now.
    pub(crate) fn deadline(&self, time: Duration) -> Deadline {
        Deadline::after(&self.clock, time)
    }

    /// Refuses a process forked from the one that writes: nothing is ever published there.
    pub(crate) fn check_process(&self) -> Result<()> {
        self.writer.map_or(Ok(()), OwnerProcess::check)
    }

    /// The log as it is now, and how the writer has ended, if it has: nothing follows what the view shows then.
    pub(crate) fn now(&self) -> Result<(View, Option<Result<()>>)> {
        self.check_process()?;
        if let Some(follower) = &self.follower {
            follower.refresh()?;
        }
        // Asked first: what became visible before the end is in the view.
        let ended = self.published.ending();
        Ok((View::of(&self.published), ended))
    }

    /// Waits until an event after this position is visible, the writer has ended or damage is met; says whether that
    /// came before the deadline.
    pub(crate) fn wait(&self, after: Position, deadline: Option<&Deadline>) -> Result<bool> {
        self.wait_or(after, deadline, || false)
    }

    /// Waits like [`wait`](Self::wait), or until something else is so, which the code that changes it has to
    /// [`nudge`](Self::nudge) for.
    pub(crate) fn wait_or(
        &self,
        after: Position,
        deadline: Option<&Deadline>,
        or: impl Fn() -> bool,
    ) -> Result<bool> {
        self.check_process()?;
        let seen = |published: &SharedState| {
            or() || published.visible() > after || published.ended().is_some() || published.is_damaged()
        };
        let Some(follower) = &self.follower else { return Ok(self.published.wait(deadline, seen)) };
        // Nothing tells a process of another one's writes, so it has to look.
        loop {
            follower.refresh()?;
            let left = deadline.map_or(LOOK_EVERY, |deadline| deadline.left().min(LOOK_EVERY));
            if self.published.wait(Some(&self.deadline(left)), seen) {
                return Ok(true);
            }
            if deadline.is_some_and(Deadline::is_over) {
                return Ok(false);
            }
        }
    }

    /// Has every waiting caller look again.
    pub(crate) fn nudge(&self) {
        self.published.announce();
    }

    #[cfg(feature = "futures")]
    /// Returns what a task registers with to be woken.
    pub(crate) fn registration(&self) -> Registration {
        Registration::new(&self.published)
    }

    #[cfg(feature = "futures")]
    /// Has a task woken when an event after this position is visible or the writer has ended; says whether
    /// that is so already.
    pub(crate) fn wake(
        &self,
        after: Position,
        registration: &Registration,
        waker: &std::task::Waker,
    ) -> Result<bool> {
        if self.follower.is_some() {
            let message = "a store opened for reading only cannot wake a task; wait for it on a thread";
            return Err(tidegate_format::Error::invalid(message));
        }
        self.check_process()?;
        registration.register(waker);
        Ok(self.published.visible() > after || self.published.ended().is_some())
    }
}
