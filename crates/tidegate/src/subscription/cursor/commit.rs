//! Ends deliveries, logs their failures, and makes the cursor's state durable.

use std::sync::Arc;

use tidegate_format::{Error, ErrorKind, Micros, Result};

use super::open::resumed;
use super::queue::{DeliveryQueue, FailureNote, FailureOutcome, Now};
use super::{Cursor, Inner, Shared};
use crate::backend::Flush;
use crate::subscription::Subscription;
use crate::sync::MutexGuard;
use crate::sync::atomic::Ordering;

impl Cursor {
    /// Ends a delivery; returns whether that parked its event.
    pub(super) fn finish(
        &self,
        end: impl FnOnce(&mut DeliveryQueue, Now) -> Result<Option<FailureOutcome>>,
    ) -> Result<bool> {
        let shared = &*self.0;
        let now = shared.now();
        let mut inner = shared.lock()?;
        let failure = end(&mut inner.queue, now)?;
        let unlogged = inner.queue.take_unlogged();
        // What the worker appended because of the event must be durable before the acknowledgement is.
        inner.needed = inner.needed.max(inner.subscription.opening().frontier().visible);
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
        // Those who look meanwhile in an earlier opening, which has ended, do not wait.
        self.store.opening().nudge();
    }

    /// Writes the state to the cursor's file, unless nothing changed since the last time.
    pub(super) fn commit(&self) -> Result<()> {
        let _one = self.committing.lock();
        let (mut state, changes, needed, opening) = {
            let inner = self.lock()?;
            if inner.committed == inner.queue.changes {
                return Ok(());
            }
            let state = inner.queue.state.clone();
            let needed = inner.needed.max(state.position);
            (state, inner.queue.changes, needed, Arc::clone(inner.subscription.opening()))
        };
        self.file.check_process()?;
        // The file must not be ahead of what a crash leaves of the log. What is durable in an opening is in all later ones.
        opening.make_durable(needed)?;
        let leaf = match opening.view()?.leaf(state.position)? {
            // A reader may be opened before it sees how far the cursor got.
            None if state.position == self.opened_at.0 => Some(self.opened_at.1),
            leaf => leaf,
        };
        state.leaf = leaf.ok_or_else(|| Error::new(ErrorKind::Missing, "the event is not in the log"))?;
        self.file.write(state.encode().as_bytes())?;
        let mut inner = self.inner.lock();
        (inner.committed, inner.committed_at) = (changes, self.clock.steady_micros());
        inner.saved = state;
        Ok(())
    }

    /// Locks what the cursor has in memory, in the newest opening of the store.
    pub(super) fn lock(&self) -> Result<MutexGuard<'_, Inner>> {
        let mut inner = self.inner.lock();
        if !self.store.is_in(inner.subscription.opening()) {
            inner.move_on(self)?;
        }
        Ok(inner)
    }
}

impl Inner {
    /// Moves to the newest opening of the store. If it lacks anything that was visible in the earlier one, the cursor goes
    /// back to what was committed last, as another process would: what is lost may be an event that was seen, or what a
    /// worker appended because of one.
    fn move_on(&mut self, shared: &Shared) -> Result<()> {
        let (earlier, opening) = (self.subscription.opening().generation(), shared.store.opening());
        let mut to = self.subscription.reached();
        if opening.has_lost_since(earlier) {
            let view = opening.view()?;
            let saved = self.saved.clone();
            saved.check(shared.store.id(), &view).map_err(|error| error.in_file(shared.file.name(), None))?;
            let cursor = &*shared.name;
            tracing::warn!(cursor, from = %to, to = %saved.position, "events were lost, a cursor goes back");
            to = saved.position;
            self.queue.go_on_as(resumed(saved, &view)?);
            self.needed = to;
        }
        self.subscription = Subscription::new(&shared.store, opening, shared.query.clone(), to);
        Ok(())
    }
}

impl Flush for Shared {
    fn flush(&self) -> Result<()> {
        self.commit()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let is_open = !self.file.ends_with_store() || self.store.opening().published().ended().is_none();
        if is_open && let Err(error) = self.commit() {
            tracing::warn!(%error, cursor = self.name, "what was acknowledged last will be delivered again");
        }
    }
}
