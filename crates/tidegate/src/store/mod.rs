//! The store: everything a caller does begins here.
mod opening;
mod reader;
#[cfg(feature = "cluster")]
pub mod node;
mod writer;
mod deciding;
mod appending;
mod waiting;
mod upkeep;
mod erase;
mod merging;
mod reopening;
mod stage;
#[cfg(feature = "encryption")]
pub mod keyring;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(test)]
mod filter_group_tests;

use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use arc_swap::Guard;
use tidegate_disk::{Disk, Env, NativeDisk};
use tidegate_format::{ErrorKind, Result};

pub use erase::{Erase, ErasePlan, Erasure};
pub use merging::{ImportOptions, ImportReport};
pub(crate) use opening::Opening;
pub use reader::StoreReader;
pub use stage::Stage;
pub(crate) use stage::{STAGES, read_stage};
pub use upkeep::Upkeep;

use crate::backend::{Follower, as_store};
use crate::journal::Metrics;
use crate::settings::StoreOptions;
#[cfg(feature = "derive")]
use crate::typed::check_claims;
use opening::Origin;
use reopening::NewestWriter;
use writer::{OpenAs, Writer};

/// One log of events in one directory, open for writing. A handle: it is cheap to clone, many threads share it or have
/// clones of their own, and the writer ends with the last one. Everything that is asked of a store is a method of
/// [`StoreReader`], which it dereferences to.
///
/// ```
/// use tidegate::{Draft, Query, Store};
///
/// let store = Store::in_memory()?;
/// let receipt = store.append(Draft::new(("bank", "alice"), "account.opened").json_text(r#"{"limit":100}"#))?;
/// for event in store.read(&Query::stream(("bank", "alice")))? {
///     let event = event?;
///     assert_eq!((event.position(), event.kind()), (receipt.first(), "account.opened"));
/// }
/// store.close()?;
/// # Ok::<(), tidegate::Error>(())
/// ```
#[derive(Clone)]
pub struct Store {
    reader: StoreReader,
    writer: Arc<NewestWriter>,
}

impl Deref for Store {
    type Target = StoreReader;

    fn deref(&self) -> &StoreReader {
        &self.reader
    }
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

    /// Opens the store of an environment: a disk, a clock and randomness that the caller brings. The feature `testing`
    /// gives simulated ones, in `tidegate::testing`.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub fn open_in(self, env: Env) -> Result<Store> {
        OpenAs::alone(self).open_in(env)
    }

    #[cfg(feature = "cluster")]
    /// Opens a directory as a node of a shared log: the same store as any other node of that log. An empty directory becomes
    /// a node that applies the log from its beginning.
    ///
    /// # Errors
    ///
    /// Those of [`Store::open`]; [`Unavailable`](crate::ErrorKind::Unavailable) for a new node whose shared log does not answer;
    /// [`Refused`](crate::ErrorKind::Refused) for a store that is not a node of this log, [`Diverged`](crate::ErrorKind::Diverged) for one of
    /// another store, and [`Retired`](crate::ErrorKind::Retired) for an empty directory once the log's beginning was trimmed.
    pub fn open_node(self, directory: impl AsRef<Path>, node: node::NodeOptions) -> Result<Store> {
        let directory = directory.as_ref();
        let disk = Arc::new(NativeDisk::new(directory).with_permissions(self.permissions));
        self.open_node_in(Env { disk, ..Env::native(directory) }, node)
    }

    #[cfg(feature = "cluster")]
    /// Opens a node in an environment: a disk, a clock and randomness that the caller brings.
    ///
    /// # Errors
    ///
    /// Those of [`open_node`](Self::open_node).
    pub fn open_node_in(self, env: Env, node: node::NodeOptions) -> Result<Store> {
        OpenAs { options: self, node: Some(node) }.open_in(env)
    }

    /// Opens the store in a directory for reading only, beside a writer in another process or on media that cannot be
    /// written. It takes no lock and writes nothing. Of the options it heeds [`map`](Self::map),
    /// [`open_files`](Self::open_files), [`expected_head`](Self::expected_head) and [`verify`](Self::verify).
    ///
    /// ```
    /// use tidegate::{Store, StoreOptions};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let directory = folder.path().join("shop");
    /// # Store::open(&directory)?.close()?;
    /// let reader = StoreOptions::new().map(false).open_reader(directory)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`StoreReader::open`].
    pub fn open_reader(self, directory: impl AsRef<Path>) -> Result<StoreReader> {
        self.open_reader_in(Env::native(directory.as_ref()))
    }

    /// Opens the store of an environment for reading only: a disk, a clock and randomness that the caller brings.
    ///
    /// # Errors
    ///
    /// Those of [`StoreReader::open`].
    pub fn open_reader_in(self, env: Env) -> Result<StoreReader> {
        let disk = Arc::clone(&env.disk);
        in_directory(&*disk, || {
            self.check()?;
            #[cfg(feature = "derive")]
            check_claims()?;
            let env = as_store(env)?;
            let (follower, report) = Follower::open(&env, &self)?;
            let (file, published) = (follower.store().clone(), Arc::clone(follower.published()));
            let origin = Origin::Follower(Arc::new(follower));
            let opening = Opening::first(published, report, origin, &env.clock);
            let reader = StoreReader::new(file, env, opening);
            verified(&self, &reader)?;
            Ok(reader)
        })
    }
}

impl OpenAs {
    fn open_in(self, env: Env) -> Result<Store> {
        let (disk, options) = (Arc::clone(&env.disk), self.options);
        in_directory(&*disk, || {
            options.check()?;
            #[cfg(feature = "derive")]
            check_claims()?;
            let (writer, file, report) = Writer::open(&env, &self, None)?;
            erase::resume(&writer, &env, file.id)?;
            let published = Arc::clone(&writer.published);
            let opening = Opening::first(published, report, writer.origin(), &env.clock);
            let reader = StoreReader::new(file, env, opening);
            writer.begin();
            let store = Store { reader, writer: Arc::new(NewestWriter::new(writer, self)) };
            verified(&options, &store)?;
            Ok(store)
        })
    }
}

/// Verifies every event, if the options ask for it.
fn verified(options: &StoreOptions, store: &StoreReader) -> Result<()> {
    if options.verify { store.verify(|_| ()).map(drop) } else { Ok(()) }
}

/// Names the directory in an error that its path may be the reason for: in a program with several stores it also tells
/// which one it is.
fn in_directory<T>(disk: &dyn Disk, open: impl FnOnce() -> Result<T>) -> Result<T> {
    open().map_err(|error| match error.kind() {
        ErrorKind::Missing | ErrorKind::Locked | ErrorKind::Full | ErrorKind::Io => {
            error.in_directory(&disk.place())
        }
        _ => error,
    })
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
    /// ```
    /// use tidegate::{Query, Store};
    ///
    /// assert_eq!(Store::in_memory()?.count(&Query::ALL)?, 0);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Io`](ErrorKind::Io) if the system gives no randomness.
    pub fn in_memory() -> Result<Self> {
        StoreOptions::new().in_memory()
    }

    /// Returns a handle that only reads. It does not keep the writer open.
    ///
    /// ```
    /// use tidegate::{Draft, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let reader = store.reader();
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// assert_eq!(reader.count(&Query::ALL)?, 1);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn reader(&self) -> StoreReader {
        self.reader.clone()
    }

    /// Ends the writer in good order: commits what is queued, syncs it, and lets the lock go. Reads go on as
    /// long as the handle lives, and [`reopen`](Self::reopen) opens it again. Closing once more gives the same answer. Dropping the last handle closes too,
    /// but cannot say what went wrong.
    ///
    /// ```
    /// use tidegate::{Draft, ErrorKind, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.close()?;
    /// let refused = store.append(Draft::new(("shop", "order-7"), "order.placed")).unwrap_err();
    /// assert_eq!(refused.kind(), ErrorKind::Ended);
    /// assert_eq!(store.count(&Query::ALL)?, 0);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Ended`](ErrorKind::Ended) if the writer ended before, with the reason, and those of writing and syncing.
    pub fn close(&self) -> Result<()> {
        self.writer.get().close()
    }

    /// Returns what the writer has done since it was opened: groups, events, syncs and their times, and what is queued now. A
    /// snapshot of plain counters, cheap enough to be taken each second; a writer that is opened again counts from 0, and one that
    /// has ended keeps its last numbers.
    ///
    /// ```
    /// use tidegate::{AppendOptions, Draft, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let before = store.metrics();
    /// store.append_with(Draft::new(("shop", "order-7"), "order.placed"), AppendOptions::new().synced())?;
    /// let after = store.metrics();
    /// assert_eq!((after.groups - before.groups, after.events - before.events), (1, 1));
    /// assert_eq!(after.syncs - before.syncs, 1);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn metrics(&self) -> Metrics {
        self.writer.get().journal.metrics()
    }

    /// Returns what writes now, in the process that opened the store. A call keeps to one writer: what it prepared for an
    /// earlier one is refused by that one (keeps G2 of `opening`).
    pub(crate) fn writer(&self) -> Result<Guard<Arc<Writer>>> {
        let writer = self.writer.get();
        writer.process.check()?;
        Ok(writer)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("id", &self.id())
            .field("frontier", &self.frontier())
            .finish_non_exhaustive()
    }
}
