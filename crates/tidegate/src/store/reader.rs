//! The reading handle: everything that is asked of a store.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidegate_disk::Env;
use tidegate_format::{Error, ErrorKind, Position, Result, StoreId};
use tidegate_segment::RecordedEvent;

use crate::backend::{EventSource, Follower, OpenReport, OwnerProcess, StateFiles};
use crate::batch::{Receipt, ReceiptEvent, ReceiptStatus, gates_of};
use crate::graph::Graph;
use crate::journal::{Journal, Leader};
use crate::published::{Deadline, Frontier, SharedState};
#[cfg(feature = "proofs")]
use crate::read::LogTree;
use crate::read::{Events, Query, ReadOptions, VerifyReport, View, verify};
use crate::settings::StoreOptions;

/// A store to read from: a [`Store`](crate::Store) without the methods that write. A handle, cheap to clone.
///
/// [`open`](Self::open) opens one beside a writer in another process, and it shows what that writer has made durable.
/// [`Store::reader`](crate::Store::reader) gives one of this process's writer; it does not keep that writer open.
///
/// ```
/// use tidegate::{Draft, Query, Store, StoreReader};
///
/// # let folder = tempfile::tempdir()?;
/// # let directory = folder.path().join("shop");
/// let store = Store::open(&directory)?;
/// let reader = StoreReader::open(&directory)?; // in this process or any other
/// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
/// assert_eq!(reader.count(&Query::ALL)?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct StoreReader(Arc<Inner>);

struct Inner {
    id: StoreId,
    published: Arc<SharedState>,
    report: OpenReport,
    env: Env,
    origin: Origin,
    #[cfg(feature = "proofs")]
    tree: Arc<LogTree>,
}

/// Where the events come from.
pub(super) enum Origin {
    /// A writer in this process.
    Writer { journal: Arc<Journal>, state_files: Arc<StateFiles>, process: OwnerProcess },
    /// The files, which another process may write to.
    Follower(Arc<Follower>),
}

impl StoreReader {
    pub(super) fn new(
        id: StoreId,
        published: Arc<SharedState>,
        report: OpenReport,
        env: Env,
        origin: Origin,
    ) -> Self {
        Self(Arc::new(Inner {
            id,
            published,
            report,
            env,
            origin,
            #[cfg(feature = "proofs")]
            tree: Arc::default(),
        }))
    }

    /// Opens the store in a directory for reading only, beside a writer in another process or on media that cannot be
    /// written. It takes no lock and writes nothing.
    ///
    /// ```
    /// use tidegate::{Draft, Query, Store, StoreReader};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let directory = folder.path().join("shop");
    /// let store = Store::open(&directory)?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// let reader = StoreReader::open(&directory)?;
    /// assert_eq!(reader.count(&Query::ALL)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Missing`](ErrorKind::Missing) if there is no store, [`Damaged`](ErrorKind::Damaged) and
    /// [`Newer`](ErrorKind::Newer) for its files, [`Io`](ErrorKind::Io) if the system refuses. Errors that the path may be
    /// the reason for name it.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self> {
        StoreOptions::new().open_reader(directory)
    }

    /// Returns the store's id, which every receipt and every foreign cause names.
    ///
    /// ```
    /// use tidegate::{Draft, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let receipt = store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// assert_eq!(receipt.store, store.id());
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn id(&self) -> StoreId {
        self.0.id
    }

    /// Returns what opening found and did.
    ///
    /// ```
    /// use tidegate::Store;
    ///
    /// let store = Store::in_memory()?;
    /// assert!(store.report().created);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn report(&self) -> &OpenReport {
        &self.0.report
    }

    /// Returns the event at a position that a reader does not show because nothing says that it is durable, or `None`.
    pub(crate) fn unconfirmed(&self, position: Position) -> Result<Option<RecordedEvent>> {
        match &self.0.origin {
            Origin::Follower(follower) => follower.unconfirmed(position),
            Origin::Writer { .. } => Ok(None),
        }
    }

    /// Returns the log as it is now, a moment that stays what it is. A store opened for reading only first takes in what
    /// the writer has made durable since.
    ///
    /// ```
    /// use tidegate::{Draft, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let before = store.view()?;
    /// let placed = store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// assert!(before.at(placed.first())?.is_none());
    /// assert!(store.view()?.at(placed.first())?.is_some());
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Locked`](ErrorKind::Locked) in a process forked from the writer's: the log goes on without this handle.
    /// Views that were taken before the fork stay what they were.
    pub fn view(&self) -> Result<View> {
        match &self.0.origin {
            Origin::Follower(follower) => follower.refresh()?,
            Origin::Writer { process, .. } => process.check()?,
        }
        Ok(View::of(&self.0.published))
    }

    /// Returns the events that a query selects as the log is now, from the first to the last: [`View::read`] of a new
    /// [`view`](Self::view).
    ///
    /// ```
    /// use tidegate::{Draft, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed").tag("customer:c1"))?;
    /// for event in store.read(&Query::tag("customer:c1"))? {
    ///     assert_eq!(event?.kind(), "order.placed");
    /// }
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn read(&self, query: &Query) -> Result<Events> {
        self.read_with(query, ReadOptions::new())
    }

    /// Returns the part of the events that a query selects, in the direction, that `options` name: [`View::read_with`] of
    /// a new [`view`](Self::view).
    ///
    /// ```
    /// use tidegate::{Draft, Query, ReadOptions, Store};
    ///
    /// let store = Store::in_memory()?;
    /// for kind in ["order.placed", "order.paid"] {
    ///     store.append(Draft::new(("shop", "order-7"), kind))?;
    /// }
    /// let last = ReadOptions::new().backwards(true).limit(1);
    /// let event = store.read_with(&Query::ALL, last)?.next().transpose()?;
    /// assert_eq!(event.unwrap().kind(), "order.paid");
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn read_with(&self, query: &Query, options: ReadOptions) -> Result<Events> {
        Ok(self.view()?.read_with(query, options))
    }

    /// Returns how many events a query selects as the log is now: [`View::count`] of a new [`view`](Self::view).
    ///
    /// ```
    /// use tidegate::{Draft, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// assert_eq!(store.count(&Query::kind("order.*"))?, 1);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn count(&self, query: &Query) -> Result<u64> {
        self.view()?.count(query)
    }

    /// Returns how far the log got.
    ///
    /// ```
    /// use tidegate::{Draft, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let receipt = store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// assert_eq!(store.frontier().visible, receipt.last());
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn frontier(&self) -> Frontier {
        self.0.published.frontier()
    }

    /// Waits until the event at this position is visible, but no longer than `timeout`, and returns the last
    /// visible position, which is this one or a later one. A store opened for reading only looks for what
    /// another process wrote every 5 milliseconds.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate::{Draft, Position, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let ticket = store.submit(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// store.wait_visible(Position(1), Duration::from_secs(10))?;
    /// assert_eq!(ticket.wait()?.first(), Position(1));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) when `timeout` is over, [`Ended`](ErrorKind::Ended) when the writer
    /// ended first, and those of reading.
    pub fn wait_visible(&self, position: Position, timeout: Duration) -> Result<Position> {
        if position > Position::START
            && !self.source().wait(position.before(), Some(&self.deadline(timeout)))?
        {
            let message = format!("position {position} did not become visible in time");
            return Err(Error::new(ErrorKind::TimedOut, message));
        }
        self.reached(position, self.0.published.visible())
    }

    /// Returns how far the log got, or what ended it before it got to `position`: the writer's end, or damage.
    pub(super) fn reached(&self, position: Position, last: Position) -> Result<Position> {
        match self.0.published.ended().or_else(|| self.0.published.damage()) {
            Some(error) if last < position => Err(error),
            _ => Ok(last),
        }
    }

    /// Makes everything up to this position durable, with a sync of its own where none is under way for it,
    /// and returns the last durable position. A position that is not written yet is waited for. The time is
    /// that of the wait: a write or sync that this call itself leads takes as long as the disk does. A store that was
    /// opened for reading only shows nothing else than what is durable, and waits for that.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate::{AppendOptions, Draft, Durability, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let options = AppendOptions::new().durability(Durability::Buffered);
    /// let buffered = store.append_with(Draft::new(("shop", "order-7"), "order.placed"), options)?;
    /// let durable = store.wait_durable(buffered.last(), Duration::from_secs(10))?;
    /// assert_eq!(durable, buffered.last());
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) when `timeout` is over, [`Ended`](ErrorKind::Ended) when the writer
    /// ended first.
    pub fn wait_durable(&self, position: Position, timeout: Duration) -> Result<Position> {
        let Origin::Writer { journal, process, .. } = &self.0.origin else {
            return self.wait_visible(position, timeout);
        };
        process.check()?;
        let written =
            |published: &SharedState| published.written() >= position || published.ended().is_some();
        if !journal.is_settled(position, true) {
            let deadline = self.deadline(timeout);
            let late = |what: &str| {
                Error::new(ErrorKind::TimedOut, format!("position {position} was not {what} in time"))
            };
            journal.work();
            if !self.0.published.wait_before_sync(Some(&deadline), written) {
                return Err(late("written"));
            }
            if !journal.settle_until(position, true, Some(&deadline))? {
                return Err(late("synced"));
            }
        }
        self.reached(position, self.0.published.durable())
    }

    /// Reads everything that is visible from its files and checks every checksum, link, leaf and cause.
    /// `progress` is called now and then with how much was verified so far.
    ///
    /// ```
    /// use tidegate::{Draft, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// assert_eq!(store.verify(|_| ())?.events, 1);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Damaged`](ErrorKind::Damaged) with the place of the first fault.
    pub fn verify(&self, progress: impl FnMut(VerifyReport)) -> Result<VerifyReport> {
        verify(&self.view()?, progress)
    }

    /// Says whether the log still agrees with a receipt. A store that is open for reading only shows what is known to be
    /// durable; an event that it only finds written is [`Unconfirmed`](ReceiptStatus::Unconfirmed).
    ///
    /// ```
    /// use tidegate::batch::ReceiptStatus;
    /// use tidegate::{Draft, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let receipt = store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// assert_eq!(store.check(&receipt)?, ReceiptStatus::Agrees);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of reading; [`Damaged`](ErrorKind::Damaged) if damage hides what the receipt is about.
    pub fn check(&self, receipt: &Receipt) -> Result<ReceiptStatus> {
        if receipt.store != self.id() {
            return Ok(ReceiptStatus::OtherStore);
        }
        let view = self.view()?;
        let mut agrees = ReceiptStatus::Agrees;
        for (index, expected) in receipt.events.iter().enumerate() {
            let event = match view.at(expected.position)? {
                Some(event) => event,
                None => match self.unconfirmed(expected.position)? {
                    None => return Ok(ReceiptStatus::Missing(expected.position)),
                    Some(event) => {
                        agrees = ReceiptStatus::Unconfirmed(receipt.first().max(view.head().next()));
                        event
                    }
                },
            };
            let (gates, judged_at) = gates_of(&event);
            let said = index > 0 || (gates == receipt.gates && judged_at == receipt.judged_at);
            if !said || ReceiptEvent::of(&event) != *expected || event.time() != receipt.time {
                return Ok(ReceiptStatus::Differs(expected.position));
            }
        }
        Ok(agrees)
    }

    /// Returns what led to what, as the log is now: [`View::graph`] of a new [`view`](Self::view).
    ///
    /// ```
    /// use tidegate::{Draft, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let placed = store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// let paid = store.append(Draft::new(("shop", "order-7"), "order.paid").cause(placed.first()))?;
    /// assert!(store.graph()?.is_ancestor(placed.first(), paid.first())?);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`view`](Self::view).
    pub fn graph(&self) -> Result<Graph> {
        Ok(self.view()?.graph())
    }

    /// What reads on from the store without its handle.
    pub(crate) fn source(&self) -> EventSource {
        let (follower, writer) = match &self.0.origin {
            Origin::Follower(follower) => (Some(Arc::clone(follower)), None),
            Origin::Writer { process, .. } => (None, Some(*process)),
        };
        EventSource::new(Arc::clone(&self.0.published), follower, writer, Arc::clone(&self.0.env.clock))
    }

    pub(crate) fn deadline(&self, time: Duration) -> Deadline {
        Deadline::after(&self.0.env.clock, time)
    }

    pub(crate) fn published(&self) -> &Arc<SharedState> {
        &self.0.published
    }

    pub(crate) fn env(&self) -> &Env {
        &self.0.env
    }

    /// Returns the hashes of the tree over the log.
    #[cfg(feature = "proofs")]
    pub(crate) fn tree(&self) -> &Arc<LogTree> {
        &self.0.tree
    }

    /// Returns the journal of this process's writer, or `None` in a store that was opened for reading only.
    pub(crate) fn journal(&self) -> Option<&Arc<Journal>> {
        match &self.0.origin {
            Origin::Writer { journal, .. } => Some(journal),
            Origin::Follower(_) => None,
        }
    }

    /// Returns the files that cursors keep their places in, in the process that writes.
    pub(crate) fn state_files(&self) -> Result<&Arc<StateFiles>> {
        match &self.0.origin {
            Origin::Writer { state_files, process, .. } => process.check().map(|()| state_files),
            Origin::Follower(_) => {
                Err(Error::invalid("the store is open for reading only; open it for writing to do this"))
            }
        }
    }

    /// Whether this process writes to the store.
    pub(crate) fn has_writer(&self) -> bool {
        matches!(&self.0.origin, Origin::Writer { process, .. } if process.is_current())
    }
}

impl fmt::Debug for StoreReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreReader")
            .field("id", &self.id())
            .field("frontier", &self.frontier())
            .finish_non_exhaustive()
    }
}
