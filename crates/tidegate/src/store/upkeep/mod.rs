//! Upkeep: work on a store that no append and no read needs to wait for.

mod retire;

use std::fmt;

use tidegate_format::{Error, ErrorKind, Result};

use super::Store;
use crate::journal::Leader;

/// What keeps a store's files in order: the work of its thread, for a store without one, and index files anew.
#[derive(Clone)]
pub struct Upkeep(Store);

impl Store {
    /// Returns what keeps the store's files in order. A handle, cheap to clone; like any clone of the store, it keeps the
    /// writer open.
    ///
    /// ```
    /// use tidegate::{Draft, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// let upkeep = store.upkeep();
    /// upkeep.step()?;
    /// assert_eq!(upkeep.reindex()?, 0, "one segment, and it is not sealed");
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn upkeep(&self) -> Upkeep {
        Upkeep(self.clone())
    }
}

impl Upkeep {
    /// Returns the store that is kept in order.
    pub(crate) fn store(&self) -> &Store {
        &self.0
    }

    /// Refuses, on a node of a shared log, what would change this copy of the history alone: `what` says it in words.
    pub(crate) fn refuse_node(&self, what: &str) -> Result<()> {
        if self.0.file().log.is_none() {
            return Ok(());
        }
        let message = format!(
            "{what} on a node of a shared log yet: the other nodes and the log itself would keep them"
        );
        Err(Error::new(ErrorKind::Refused, message))
    }

    /// Does what the store's own thread would do, for a store opened without one
    /// ([`StoreOptions::thread`](crate::StoreOptions::thread)): commits what was submitted, syncs what waits for its
    /// interval, and indexes sealed segments.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate::{Draft, StoreOptions};
    ///
    /// let store = StoreOptions::new().thread(false).in_memory()?;
    /// let mut ticket = store.submit(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// store.upkeep().step()?;
    /// assert_eq!(ticket.wait_for(Duration::ZERO)?.events.len(), 1);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Ended`](crate::ErrorKind::Ended) if the writer has ended, and [`Io`](crate::ErrorKind::Io) if an index file cannot
    /// be written.
    pub fn step(&self) -> Result<()> {
        let writer = self.0.writer()?;
        writer.journal.work();
        writer.journal.flush()?;
        if let Some(error) = writer.published.ended() {
            return Err(error);
        }
        writer.indexer.run(&writer.published).map(|_| ())
    }

    /// Builds the index file of every sealed segment anew, and returns how many that were.
    ///
    /// ```
    /// use tidegate::Store;
    ///
    /// let store = Store::in_memory()?;
    /// assert_eq!(store.upkeep().reindex()?, 0);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Ended`](crate::ErrorKind::Ended) if the writer has ended, [`Damaged`](crate::ErrorKind::Damaged) for a segment that
    /// is not whole, and [`Io`](crate::ErrorKind::Io) if a file cannot be read or written.
    pub fn reindex(&self) -> Result<usize> {
        let writer = self.0.writer()?;
        writer.indexer.rebuild(&writer.published)
    }
}

impl fmt::Debug for Upkeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Upkeep").field(&self.0.id()).finish()
    }
}
