//! The reading handle: everything that is asked of a store.
mod from_files;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tidegate_disk::Env;
use tidegate_format::{ForkPoint, Position, Result, StoreFile, StoreId};

use super::opening::Opening;
use crate::backend::OpenReport;
use crate::batch::{Receipt, ReceiptEvent, ReceiptStatus, gates_of};
use crate::graph::Graph;
use crate::published::{Deadline, Frontier};
#[cfg(feature = "proofs")]
use crate::read::LevelCheck;
use crate::read::{Events, Query, ReadOptions, VerifyReport, View, verify};
use crate::settings::StoreOptions;
use crate::sync::atomic::{AtomicU64, Ordering};

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
    /// What the store file says.
    file: StoreFile,
    env: Env,
    /// The newest opening, which [`Store::reopen`](crate::Store::reopen) replaces.
    opening: ArcSwap<Opening>,
    /// Its generation, for those who look at every event whether they stand in it still.
    generation: AtomicU64,
}

impl StoreReader {
    pub(super) fn new(file: StoreFile, env: Env, opening: Opening) -> Self {
        let generation = AtomicU64::new(opening.generation());
        Self(Arc::new(Inner { file, env, opening: ArcSwap::from_pointee(opening), generation }))
    }

    /// Returns the newest opening.
    pub(crate) fn opening(&self) -> Arc<Opening> {
        self.0.opening.load_full()
    }

    /// Returns whether an opening is the newest one. It is cheap.
    pub(crate) fn is_in(&self, opening: &Opening) -> bool {
        // SeqCst, as what a thread does after a reopening of its own must find it.
        self.0.generation.load(Ordering::SeqCst) == opening.generation()
    }

    /// Returns whether another handle is a clone of this one, and so has the same openings.
    pub(crate) fn is_clone_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Puts the next opening in the place of the newest one.
    pub(super) fn put_opening(&self, opening: Arc<Opening>) {
        let generation = opening.generation();
        // In this order: a thread that sees the new number finds the new opening.
        self.0.opening.store(opening);
        self.0.generation.store(generation, Ordering::SeqCst);
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
    /// [`Missing`](crate::ErrorKind::Missing) if there is no store, [`Damaged`](crate::ErrorKind::Damaged) and
    /// [`Newer`](crate::ErrorKind::Newer) for its files, [`Io`](crate::ErrorKind::Io) if the system refuses. Errors
    /// that the path may be the reason for name it.
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
        self.0.file.id
    }

    /// Returns what opening found and did, the last time that the store was opened by this handle.
    ///
    /// ```
    /// use tidegate::Store;
    ///
    /// let store = Store::in_memory()?;
    /// assert!(store.report().created);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn report(&self) -> OpenReport {
        self.0.opening.load().report.clone()
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
    /// [`Locked`](crate::ErrorKind::Locked) in a process forked from the writer's: the log goes on without this handle.
    /// Views that were taken before the fork stay what they were.
    pub fn view(&self) -> Result<View> {
        self.0.opening.load().view()
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
        self.0.opening.load().frontier()
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
    /// [`TimedOut`](crate::ErrorKind::TimedOut) when `timeout` is over, [`Ended`](crate::ErrorKind::Ended) when the
    /// writer ended first, and those of reading.
    pub fn wait_visible(&self, position: Position, timeout: Duration) -> Result<Position> {
        self.opening().wait_visible(position, timeout)
    }

    /// Makes everything up to this position durable, with a sync of its own if none is under way for it,
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
    /// [`TimedOut`](crate::ErrorKind::TimedOut) when `timeout` is over, [`Ended`](crate::ErrorKind::Ended) when the
    /// writer ended first.
    pub fn wait_durable(&self, position: Position, timeout: Duration) -> Result<Position> {
        self.opening().wait_durable(position, timeout)
    }

    /// Reads everything that is visible from its files and checks every checksum, link, leaf and cause. The hashes of the
    /// tree that are kept beside the log are compared and counted; wrong ones are not used any more, and not an error.
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
    /// [`Damaged`](crate::ErrorKind::Damaged) with the place of the first fault.
    pub fn verify(&self, progress: impl FnMut(VerifyReport)) -> Result<VerifyReport> {
        let opening = self.opening();
        let view = opening.view()?;
        let now = || opening.view();
        #[cfg(feature = "proofs")]
        {
            let mut check = LevelCheck::new(opening.tree());
            let found = verify(&view, now, |position, leaf| check.take(position, leaf), progress)?;
            check.finish();
            Ok(VerifyReport { tree_hashes: check.right, tree_hashes_wrong: check.wrong, ..found })
        }
        #[cfg(not(feature = "proofs"))]
        verify(&view, now, |_, _| (), progress)
    }

    /// Returns what the store file says.
    pub(crate) fn file(&self) -> &StoreFile {
        &self.0.file
    }

    /// Returns whether the log has the events of a receipt's store up to the receipt's last one: it is that store, or a fork
    /// of it behind them.
    fn shares(&self, receipt: &Receipt) -> bool {
        let is_parent = |fork: &ForkPoint| fork.store == receipt.store && receipt.last() <= fork.until;
        receipt.store == self.id() || self.0.file.forks.iter().any(is_parent)
    }

    /// Says whether the log still agrees with a receipt. A receipt of a store that this one was forked from is as good as its
    /// own, up to the fork. A store that is open for reading only shows what is known to be
    /// durable; an event that it only finds written is [`Unconfirmed`](ReceiptStatus::Unconfirmed).
    ///
    /// ```
    /// use tidegate::batch::ReceiptStatus;
    /// use tidegate::{Draft, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let receipt = store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// assert_eq!(store.check_receipt(&receipt)?, ReceiptStatus::Agrees);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of reading; [`Damaged`](crate::ErrorKind::Damaged) if damage hides what the receipt is about.
    pub fn check_receipt(&self, receipt: &Receipt) -> Result<ReceiptStatus> {
        if !self.shares(receipt) {
            return Ok(ReceiptStatus::OtherStore);
        }
        let opening = self.opening();
        let view = opening.view()?;
        let mut agrees = ReceiptStatus::Agrees;
        for (index, expected) in receipt.events.iter().enumerate() {
            let event = match view.at(expected.position)? {
                Some(event) => event,
                None => match opening.unconfirmed(expected.position)? {
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

    pub(crate) fn deadline(&self, time: Duration) -> Deadline {
        Deadline::after(&self.0.env.clock, time)
    }

    pub(crate) fn env(&self) -> &Env {
        &self.0.env
    }

    /// Whether this process writes to the store.
    pub(crate) fn has_writer(&self) -> bool {
        self.0.opening.load().has_writer()
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
