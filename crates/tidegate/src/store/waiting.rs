//! Waiting for what is accepted or written: for a caller that wants to know before a sync.

use std::cell::Cell;
use std::time::Duration;

use tidegate_format::{Error, ErrorKind, Position, Result};

#[cfg(feature = "cluster")]
use super::node::{NodeHandle, NodeStatus};
use super::opening::reached;
use crate::journal::Leader;
use crate::published::SharedState;
use crate::store::Store;

impl Store {
    /// Waits until the event at this position is accepted, but no longer than `timeout`, and returns the last accepted
    /// position, which is this one or a later one. An accepted event has its position and is on its way to the operating
    /// system; a write that fails, because the disk is full, takes the position back.
    ///
    /// Without a thread of the store's own ([`StoreOptions::thread`](crate::StoreOptions::thread)) this call commits
    /// what was submitted.
    ///
    /// ```
    /// # use tidegate::{Draft, Position, Store};
    /// use std::time::Duration;
    ///
    /// # let store = Store::in_memory()?;
    /// let ticket = store.submit(Draft::new(("bank", "alice"), "account.opened"))?;
    /// assert_eq!(store.wait_accepted(Position(1), Duration::from_secs(5))?, Position(1));
    /// # ticket.wait()?;
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) when `timeout` is over, [`Ended`](ErrorKind::Ended) when the writer ended first.
    pub fn wait_accepted(&self, position: Position, timeout: Duration) -> Result<Position> {
        self.wait_before_sync(position, timeout, "accepted", SharedState::accepted)
    }

    /// Waits until the event at this position is written, but no longer than `timeout`, and returns the last written
    /// position, which is this one or a later one. What is written outlives this process, and decisions see it; it is
    /// visible and durable once a sync covers it.
    ///
    /// ```
    /// # use tidegate::{Draft, Position, Store};
    /// use std::time::Duration;
    ///
    /// # let store = Store::in_memory()?;
    /// let ticket = store.submit(Draft::new(("bank", "alice"), "account.opened"))?;
    /// assert_eq!(store.wait_written(Position(1), Duration::from_secs(5))?, Position(1));
    /// # ticket.wait()?;
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`wait_accepted`](Self::wait_accepted).
    pub fn wait_written(&self, position: Position, timeout: Duration) -> Result<Position> {
        self.wait_before_sync(position, timeout, "written", SharedState::written)
    }

    fn wait_before_sync(
        &self,
        position: Position,
        timeout: Duration,
        what: &str,
        last: fn(&SharedState) -> Position,
    ) -> Result<Position> {
        let writer = self.writer()?;
        // What was seen counts: a write that fails after the look takes back what was accepted.
        let seen = Cell::new(last(&writer.published));
        if seen.get() < position {
            let deadline = self.deadline(timeout);
            writer.journal.work();
            let is_there = |now: &SharedState| {
                seen.set(last(now));
                seen.get() >= position || now.ended().is_some()
            };
            if !writer.published.wait_before_sync(Some(&deadline), is_there) {
                return Err(Error::new(
                    ErrorKind::TimedOut,
                    format!("position {position} was not {what} in time"),
                ));
            }
        }
        reached(&writer.published, position, seen.get())
    }
}

#[cfg(feature = "cluster")]
impl Store {
    /// Waits until this node has applied everything that was acknowledged by any node before this call, and returns the last
    /// position that is visible then. Reads after it see all of that. A store that is not a node always has.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](ErrorKind::Unavailable) if the shared log did not answer in time; what was applied meanwhile stays.
    /// [`Ended`](ErrorKind::Ended) if the writer has ended, and what ended it.
    pub fn catch_up(&self, wait: Duration) -> Result<Position> {
        let writer = self.writer()?;
        writer.journal.catch_up(Some(wait))?;
        let written = writer.published.written();
        // A batch of this node's own that asked for a sync may stand before the rest.
        if !writer.journal.settle_until(written, false, Some(&self.deadline(wait)))? {
            let message = format!("position {written} did not become visible in time");
            return Err(Error::new(ErrorKind::TimedOut, message));
        }
        Ok(writer.published.visible())
    }

    /// Applies what is in the shared log and at hand, without waiting. A node with a thread of its own does so by itself; one
    /// without ([`StoreOptions::thread`](crate::StoreOptions::thread)) does so here and with each append.
    ///
    /// # Errors
    ///
    /// Those of [`catch_up`](Self::catch_up).
    pub fn apply_available(&self) -> Result<Position> {
        let writer = self.writer()?;
        writer.journal.catch_up(None)?;
        Ok(writer.published.visible())
    }

    /// Returns how far this node is, or `None` for a store that is not a node.
    pub fn node(&self) -> Option<NodeStatus> {
        self.writer.get().node.as_ref().map(NodeHandle::status)
    }
}
