//! Ends deliveries, logs their failures, and makes the cursor's state durable.

use tidegate_format::{Error, ErrorKind, Micros, Position, Result};

use super::queue::{DeliveryQueue, FailureNote, FailureOutcome, Now};
use super::state::leaf_at;
use super::{Cursor, Shared};
use crate::backend::Flush;
use crate::read::View;
use crate::sync::atomic::Ordering;

impl Cursor {
    /// Ends a delivery; returns whether that parked its event.
    pub(super) fn finish(
        &self,
        end: impl FnOnce(&mut DeliveryQueue, Now) -> Result<Option<FailureOutcome>>,
    ) -> Result<bool> {
        let shared = &*self.0;
        let now = shared.now();
        let mut inner = shared.inner.lock();
        let failure = end(&mut inner.queue, now)?;
        let unlogged = inner.queue.take_unlogged();
        // What the worker appended because of the event must be durable before the acknowledgement is.
        inner.needed = inner.needed.max(shared.published.visible());
        let every = u64::try_from(shared.options.commit_interval.as_micros()).unwrap_or(u64::MAX);
        let due = now.steady >= inner.committed_at.saturating_add(every);
        drop(inner);
        shared.warn(unlogged);
        shared.wake_waiting();
        match failure {
            Some(FailureOutcome::NoRoom) => {
                let message = format!(
                    "the cursor {} has {} parked events and no room for more; it tries this one again until \
                     others are retried or discarded",
                    shared.name, shared.options.max_parked
                );
                Err(Error::new(ErrorKind::Full, message))
            }
            Some(FailureOutcome::Parked) => shared.commit().map(|()| true),
            None if due => shared.commit().map(|()| false),
            Some(FailureOutcome::Retried) | None => Ok(false),
        }
    }
}

impl Shared {
    pub(super) fn now(&self) -> Now {
        Now { steady: self.clock.steady_micros(), time: Micros(self.clock.now_micros()) }
    }

    /// Logs failures. Called without a lock, since a subscriber of the program's log is the caller's code.
    pub(super) fn warn(&self, unlogged: Vec<FailureNote>) {
        let cursor = &*self.name;
        for FailureNote { position, attempt, reason, came } in unlogged {
            match came {
                FailureOutcome::Retried => {
                    tracing::warn!(cursor, %position, attempt, reason, "an event failed and is tried again");
                }
                FailureOutcome::Parked => {
                    tracing::warn!(cursor, %position, attempt, reason, "an event was parked: retry or discard it");
                }
                FailureOutcome::NoRoom => tracing::warn!(
                    cursor, %position, attempt, reason,
                    "an event failed and cannot be parked, because too many are: retry or discard some"
                ),
            }
        }
    }

    /// Makes waiting workers look again.
    pub(super) fn wake_waiting(&self) {
        // The count grows before waiters are woken, so that a woken one sees it. SeqCst, as in `Cursor::stop`.
        self.wakes.fetch_add(1, Ordering::SeqCst);
        self.source.nudge();
    }

    /// Writes the state to the cursor's file, unless nothing changed since the last time.
    pub(super) fn commit(&self) -> Result<()> {
        let _one = self.committing.lock();
        let (mut state, changes, needed) = {
            let inner = self.inner.lock();
            if inner.committed == inner.queue.changes {
                return Ok(());
            }
            let state = inner.queue.state.clone();
            let needed = inner.needed.max(state.position);
            (state, inner.queue.changes, needed)
        };
        self.file.check_process()?;
        self.make_durable(needed)?;
        let leaf = match leaf_at(&View::of(&self.published), state.position)? {
            // A reader may be opened before it sees how far the cursor got.
            None if state.position == self.opened_at.0 => Some(self.opened_at.1),
            leaf => leaf,
        };
        state.leaf = leaf.ok_or_else(|| Error::new(ErrorKind::Missing, "the event is not in the log"))?;
        self.file.write(state.encode().as_bytes())?;
        let mut inner = self.inner.lock();
        (inner.committed, inner.committed_at) = (changes, self.clock.steady_micros());
        Ok(())
    }

    /// Makes the log durable up to a position: the cursor's file must not be ahead of what a crash leaves of the log.
    fn make_durable(&self, position: Position) -> Result<()> {
        let Some(journal) = &self.journal else { return Ok(()) };
        if self.published.durable() < position {
            journal.flush()?;
        }
        match self.published.ended() {
            Some(error) if self.published.durable() < position => Err(error),
            _ => Ok(()),
        }
    }
}

impl Flush for Shared {
    fn flush(&self) -> Result<()> {
        self.commit()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let is_open = !self.file.ends_with_store() || self.published.ended().is_none();
        if is_open && let Err(error) = self.commit() {
            tracing::warn!(%error, cursor = self.name, "what was acknowledged last will be delivered again");
        }
    }
}
