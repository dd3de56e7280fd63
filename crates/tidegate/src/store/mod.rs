//! The store: everything a caller does begins here.
mod deciding;
mod appending;
mod waiting;
#[cfg(test)]
mod filter_group_tests;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tidegate_disk::{Env, FileLock, NativeDisk};
use tidegate_format::{Error, ErrorKind, Position, Result, StoreId};
use tidegate_segment::{HashKey, RecordedEvent};

use crate::backend::{self, EventSource, Follower, Indexer, OpenReport, OwnerProcess, StateFiles};
use crate::decide::Guard;
use crate::journal::{Committer, Ids, Journal, Leader, LogTime, Turns, panicked};
use crate::published::Deadline;
use crate::published::Frontier;
use crate::published::SharedState;
use crate::read::{Events, Query, ReadOptions, VerifyReport, View, verify};
use crate::settings::{Access, Durability, StoreOptions};
use crate::sync::Mutex;
use crate::threads::{BackgroundThread, WorkerHandle, WorkerSignal};
use crate::typed::check_claims;

/// One log of events in one directory. A handle that many threads share by reference or in an [`Arc`].
///
/// ```
/// use tidegate::{Draft, Query, Store};
///
/// let store = Store::in_memory()?;
/// let receipt = store.append(Draft::new(("bank", "alice"), "account.opened").json(r#"{"limit":100}"#))?;
/// for event in store.read(&Query::stream(("bank", "alice")))? {
///     let event = event?;
///     assert_eq!((event.position(), event.kind()), (receipt.first(), "account.opened"));
/// }
/// store.close()?;
/// # Ok::<(), tidegate::Error>(())
/// ```
pub struct Store {
    id: StoreId,
    pub(crate) published: Arc<SharedState>,
    report: OpenReport,
    pub(crate) world: Env,
    pub(crate) durability: Durability,
    role: Role,
}

#[derive(Debug)]
enum Role {
    Writer(Box<Writer>),
    Reader(Arc<Follower>),
}

#[derive(Debug)]
pub(crate) struct Writer {
    // Dropped in this order: the thread ends, then the lock is let go.
    thread: Mutex<Option<BackgroundThread>>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) worker: Arc<WorkerSignal>,
    indexer: Arc<Indexer>,
    pub(crate) ids: Ids,
    pub(crate) turns: Arc<Turns>,
    pub(crate) guards: ArcSwap<Vec<Arc<Guard>>>,
    pub(crate) state_files: Arc<StateFiles>,
    process: OwnerProcess,
    pub(crate) seed: HashKey,
    lock: Mutex<Hold>,
}

impl StoreOptions {
    /// Opens the store in a directory.
    ///
    /// ```
    /// use tidegate::StoreOptions;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let directory = folder.path().join("shop");
    /// let store = StoreOptions::new().segment_bytes(16 << 20).open(directory)?;
    /// # store.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Store::open`]; [`Invalid`](ErrorKind::Invalid) for an option that is out of its limits.
    pub fn open(self, directory: impl AsRef<Path>) -> Result<Store> {
        let directory = directory.as_ref();
        let disk = Arc::new(NativeDisk::new(directory).with_permissions(self.permissions));
        self.open_in(Env { disk, ..Env::native(directory) })
    }

    /// Opens a new store that lives in memory and ends with its handle: for tests and examples.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub fn in_memory(self) -> Result<Store> {
        self.open_in(Env::memory())
    }

    /// Opens the store of an environment: a disk, a clock and randomness that the caller brings.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub fn open_in(self, env: Env) -> Result<Store> {
        let disk = Arc::clone(&env.disk);
        Store::open_env(env, self).map_err(|error| match error.kind() {
            // Here it may be the path that is wrong, and in a program with several stores it tells which one it is.
            ErrorKind::Missing | ErrorKind::Locked | ErrorKind::Full | ErrorKind::Io => {
                error.in_directory(&disk.place())
            }
            _ => error,
        })
    }
}

impl Store {
    /// Opens the store in a directory with the default options, and creates it if there is none. [`StoreOptions`] opens
    /// with others.
    ///
    /// ```
    /// use tidegate::Store;
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let directory = folder.path().join("shop");
    /// let store = Store::open(directory)?;
    /// # store.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Locked`](ErrorKind::Locked) if another handle writes to it (the message names the process, on systems that tell),
    /// [`Damaged`](ErrorKind::Damaged) and [`Newer`](ErrorKind::Newer) for its files, [`Io`](ErrorKind::Io) if the system
    /// refuses, [`Missing`](ErrorKind::Missing) if there is no store and none may be created. Errors that the path may be
    /// the reason for name it.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self> {
        StoreOptions::new().open(directory)
    }

    /// Opens a new store that lives in memory and ends with its last handle: for tests and examples.
    ///
    /// # Errors
    ///
    /// [`Io`](ErrorKind::Io) if the system gives no randomness.
    pub fn in_memory() -> Result<Self> {
        StoreOptions::new().in_memory()
    }

    fn open_env(world: Env, options: StoreOptions) -> Result<Self> {
        options.check()?;
        check_claims()?;
        if options.access == Access::Read {
            return Self::open_reader(world, &options);
        }
        // Comes before anything is written: ids that an outsider can predict are never made.
        let ids = Ids::new(&*world.random)?;
        let opened = backend::open(&world, &options)?;
        let (store, published) = (opened.store, opened.published);
        let clock = Arc::clone(&world.clock);
        let backend = Box::new(opened.backend);
        let time = LogTime::new(opened.time, options.time_step_max);
        let committer = Committer::new(store.id, backend, Arc::clone(&published), clock, time);
        let worker = Arc::new(WorkerSignal::new(options.thread));
        let notifier = Box::new(WorkerHandle(Arc::clone(&worker)));
        let journal = Arc::new(Journal::new(
            committer,
            Arc::clone(&published),
            options.queue_bytes,
            notifier,
            Arc::clone(&world.clock),
        ));
        let indexer = opened.indexer;
        let start = || {
            BackgroundThread::start(
                &journal,
                Arc::clone(&indexer),
                Arc::clone(&published),
                Arc::clone(&worker),
            )
        };
        let thread = options.thread.then(start).transpose()?;
        tracing::debug!(id = %store.id, report = %opened.report, "opened a store");
        let writer = Writer {
            thread: Mutex::new(thread),
            journal,
            worker,
            indexer,
            ids,
            turns: Arc::new(Turns::new(Arc::clone(&world.clock))),
            state_files: Arc::new(StateFiles::new(&opened.cache, &opened.lock)),
            process: OwnerProcess::current(),
            guards: ArcSwap::default(),
            seed: backend::seed(store.seed),
            lock: Mutex::new(Hold::Open(opened.lock)),
        };
        Ok(Self {
            id: store.id,
            published,
            report: opened.report,
            world,
            durability: options.durability,
            role: Role::Writer(Box::new(writer)),
        })
    }

    fn open_reader(world: Env, options: &StoreOptions) -> Result<Self> {
        let (follower, report) = Follower::open(&world, options)?;
        Ok(Self {
            id: follower.store().id,
            published: Arc::clone(follower.published()),
            report,
            world,
            durability: options.durability,
            role: Role::Reader(Arc::new(follower)),
        })
    }

    /// The store's id.
    pub fn id(&self) -> StoreId {
        self.id
    }

    /// What opening found and did.
    pub fn report(&self) -> &OpenReport {
        &self.report
    }

    /// Returns the event at a position that a reader does not show because nothing says that it is durable, or `None`.
    pub(crate) fn unconfirmed(&self, position: Position) -> Result<Option<RecordedEvent>> {
        match &self.role {
            Role::Reader(follower) => follower.unconfirmed(position),
            Role::Writer(_) => Ok(None),
        }
    }

    /// The log as it is now. A store opened for reading only first takes in what the writer has made
    /// durable since.
    ///
    /// # Errors
    ///
    /// [`Locked`](ErrorKind::Locked) in a process forked from the writer's: the log goes on without this handle.
    /// Views that were taken before the fork stay what they were.
    pub fn view(&self) -> Result<View> {
        match &self.role {
            Role::Reader(follower) => follower.refresh()?,
            Role::Writer(writer) => writer.process.check()?,
        }
        Ok(View::of(&self.published))
    }

    /// Returns the events that a query selects as the log is now, from the first to the last: [`View::read`] of a new
    /// [`view`](Self::view).
    pub fn read(&self, query: &Query) -> Result<Events> {
        self.read_with(query, ReadOptions::new())
    }

    /// Returns the part of the events that a query selects, in the direction, that `options` name: [`View::read_with`] of
    /// a new [`view`](Self::view).
    pub fn read_with(&self, query: &Query, options: ReadOptions) -> Result<Events> {
        Ok(self.view()?.read_with(query, options))
    }

    /// Returns how many events a query selects as the log is now: [`View::count`] of a new [`view`](Self::view).
    pub fn count(&self, query: &Query) -> Result<u64> {
        self.view()?.count(query)
    }

    /// How far the log got.
    pub fn frontier(&self) -> Frontier {
        self.published.frontier()
    }

    /// Waits until the event at this position is visible, but no longer than `timeout`, and returns the last
    /// visible position, which is this one or a later one. A store opened for reading only looks for what
    /// another process wrote every 5 milliseconds.
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
        self.reached(position, self.published.visible())
    }

    /// Returns how far the log got, or what ended it before it got to `position`: the writer's end, or damage.
    fn reached(&self, position: Position, last: Position) -> Result<Position> {
        match self.published.ended().or_else(|| self.published.damage()) {
            Some(error) if last < position => Err(error),
            _ => Ok(last),
        }
    }

    /// Makes everything up to this position durable, with a sync of its own where none is under way for it,
    /// and returns the last durable position. A position that is not written yet is waited for. The time is
    /// that of the wait: a write or sync that this call itself leads takes as long as the disk does.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) when `timeout` is over, [`Ended`](ErrorKind::Ended) when the writer
    /// ended first.
    pub fn wait_durable(&self, position: Position, timeout: Duration) -> Result<Position> {
        let writer = self.writer()?;
        let written =
            |published: &SharedState| published.written() >= position || published.ended().is_some();
        if !writer.journal.is_settled(position, true) {
            let deadline = self.deadline(timeout);
            let late = |what: &str| {
                Error::new(ErrorKind::TimedOut, format!("position {position} was not {what} in time"))
            };
            writer.journal.work();
            if !self.published.wait_before_sync(Some(&deadline), written) {
                return Err(late("written"));
            }
            if !writer.journal.settle_until(position, true, Some(&deadline))? {
                return Err(late("synced"));
            }
        }
        self.reached(position, self.published.durable())
    }

    /// Reads everything that is visible from its files and checks every checksum, link, leaf and cause.
    /// `progress` is called now and then with how much was verified so far.
    ///
    /// # Errors
    ///
    /// [`Damaged`](ErrorKind::Damaged) with the place of the first fault.
    pub fn verify(&self, progress: impl FnMut(VerifyReport)) -> Result<VerifyReport> {
        verify(&self.view()?, progress)
    }

    /// Does what the store's own thread would do, for a store opened without one
    /// ([`StoreOptions::thread`]): commits what was submitted, syncs what waits for its interval, and indexes sealed
    /// segments.
    pub fn step(&self) -> Result<()> {
        let writer = self.writer()?;
        writer.journal.work();
        writer.journal.flush()?;
        if let Some(error) = self.published.ended() {
            return Err(error);
        }
        writer.indexer.run(&self.published).map(|_| ())
    }

    /// Builds the index file of every sealed segment anew, and says how many that were.
    pub fn reindex(&self) -> Result<usize> {
        self.writer()?.indexer.rebuild(&self.published)
    }

    /// Ends the writer in good order: commits what is queued, syncs it, and lets the lock go. Reads go on as
    /// long as the handle lives. Closing once more gives the same answer. Dropping the last handle closes too,
    /// but cannot say what went wrong.
    pub fn close(&self) -> Result<()> {
        match &self.role {
            Role::Reader(_) => Ok(()),
            Role::Writer(writer) => writer.close(&self.published),
        }
    }

    /// What reads on from the store without its handle.
    pub(crate) fn source(&self) -> EventSource {
        let (follower, writer) = match &self.role {
            Role::Reader(follower) => (Some(Arc::clone(follower)), None),
            Role::Writer(writer) => (None, Some(writer.process)),
        };
        EventSource::new(Arc::clone(&self.published), follower, writer, Arc::clone(&self.world.clock))
    }

    pub(crate) fn deadline(&self, time: Duration) -> Deadline {
        Deadline::after(&self.world.clock, time)
    }

    /// Returns what writes, in the process that opened the store.
    pub(crate) fn writer(&self) -> Result<&Writer> {
        let writer = self.queuing_writer()?;
        writer.process.check()?;
        Ok(writer)
    }

    /// Returns what writes, for a caller that comes to the queue, which checks the process itself: a system call is
    /// a tenth of a buffered append.
    pub(crate) fn queuing_writer(&self) -> Result<&Writer> {
        match &self.role {
            Role::Reader(_) => {
                Err(Error::invalid("the store is open for reading only; open it for writing to do this"))
            }
            Role::Writer(writer) => Ok(writer),
        }
    }
}

/// The writer's lock, or how closing went.
#[derive(Debug)]
enum Hold {
    Open(Arc<dyn FileLock>),
    Closed(Option<Error>),
}

impl Writer {
    fn close(&self, published: &SharedState) -> Result<()> {
        // A process forked from this one must not end the store, and a thread that held a lock at the fork is not
        // there to release it.
        if !self.process.is_current() {
            return Ok(());
        }
        // Held all the time: who closes at the same time gets the same answer, and not before.
        let mut hold = self.lock.lock();
        let lock = match std::mem::replace(&mut *hold, Hold::Closed(Some(panicked()))) {
            Hold::Open(lock) => lock,
            Hold::Closed(failed) => {
                let again = failed.clone();
                *hold = Hold::Closed(failed);
                return again.map_or(Ok(()), Err);
            }
        };
        self.state_files.flush_all();
        drop(self.thread.lock().take());
        let closed = self.journal.close();
        self.state_files.close();
        if closed.is_ok()
            && let Err(error) = self.indexer.run(published)
        {
            // The next opening builds what is missing.
            tracing::warn!(%error, "a sealed segment was not indexed");
        }
        drop(lock);
        *hold = Hold::Closed(closed.as_ref().err().cloned());
        closed
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let Role::Writer(writer) = &mut self.role else { return };
        if !writer.process.is_current() {
            // The thread is not in this process, so there is nothing to wait for.
            std::mem::forget(writer.thread.get_mut().take());
            return;
        }
        let open = matches!(*writer.lock.get_mut(), Hold::Open(_));
        if open
            && let Err(error) = self.close()
            && error.kind() != ErrorKind::Ended
        {
            tracing::error!(%error, "the store was not closed in good order");
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("id", &self.id)
            .field("frontier", &self.frontier())
            .finish_non_exhaustive()
    }
}
