//! Directories for the state of readers: cursors and saved states outside the store.
//!
//! Invariants:
//!
//! D1. A crash at any call leaves the contents of a file from before or the new ones, never neither.
//! D2. One handle, of all processes, holds a cursor's file at a time: it holds the lock of that name.

use std::path::Path;
use std::sync::Arc;

use tidegate_disk::{Disk, Env, FileLock, Mode, NativeDisk};
use tidegate_format::{Error, ErrorKind, Result};

use crate::backend::{BYTES_MAX, OwnerProcess, STORE, io, read, replace};

/// What the name of a lock file ends with. Names of cursors have no dot, so no cursor is called so.
pub(crate) const LOCK_SUFFIX: &str = ".lock";

/// A directory outside the store that keeps cursors and saved states. A process that opens a store for reading only
/// cannot write to the store's files; with a `StateDir` it has durable cursors and saved states all the same. Clones are
/// the same directory.
///
/// ```
/// use tidegate::project::ProjectorOptions;
/// use tidegate::subscription::StateDir;
/// use tidegate::subscription::cursor::CursorOptions;
/// # use tidegate::{Draft, Query, Store, StoreOptions};
/// # let root = tempfile::tempdir()?;
/// # let (shop, readers) = (root.path().join("shop"), root.path().join("readers"));
/// # let store = Store::open(&shop)?;
/// # store.append(Draft::new(("shop", "order-1"), "order.placed"))?;
/// # let reader = StoreOptions::new().open_reader(&shop)?;
///
/// let state = StateDir::open(readers)?;
/// let options = CursorOptions::new().state_dir(&state);
/// let mailer = reader.cursor_with("mailer", Query::ALL, options)?;
/// mailer.next_now()?.expect("an order").ack()?;
/// mailer.commit()?; // the next process goes on behind this event
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// * **The same guarantees** as in the store: files are replaced atomically, bound to the store's id and to the leaf of
///   the event at their position, and an acknowledged event is delivered again only if it was not committed.
/// * **Several processes.** A cursor has one handle of all processes; a second one is refused with
///   [`Locked`](ErrorKind::Locked). A projection may be opened by several: the last one that saves its state wins, and
///   of two that save at one moment one is refused.
/// * **No evidence.** A cursor in the store shows how far its log was durable. One out here does not: a log that lost
///   its end opens without complaint, and then the cursor is refused as ahead of the log.
/// * **Not examined.** The doctor, salvage, export and the command line look into the store alone.
#[derive(Clone, Debug)]
pub struct StateDir {
    disk: Arc<dyn Disk>,
    process: OwnerProcess,
}

/// The right to read and write one file of a directory, until it is dropped.
#[derive(Debug)]
pub(crate) struct DirFile {
    dir: StateDir,
    folder: &'static str,
    name: String,
    lock: Box<dyn FileLock>,
}

impl StateDir {
    /// Opens a directory, which is created when something is first written to it.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a directory of a store and one inside it, by a link too;
    /// [`Io`](ErrorKind::Io) if the system refuses.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self> {
        let directory = directory.as_ref();
        let at = |cause| io("the directory has no absolute path", &directory.display().to_string(), cause);
        for folder in NativeDisk::new(directory).resolved().map_err(at)?.ancestors() {
            check_no_store(&NativeDisk::new(folder))?;
        }
        Self::open_in(Env { disk: Arc::new(NativeDisk::new(directory)), ..Env::native(directory) })
    }

    /// Opens the directory of an environment: a disk that the caller brings, in memory or simulated. It must not be that
    /// of the store.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open).
    pub fn open_in(env: Env) -> Result<Self> {
        check_no_store(&*env.disk)?;
        Ok(Self { disk: env.disk, process: OwnerProcess::current() })
    }

    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Claims a file, whether it exists or not.
    pub(crate) fn claim(&self, folder: &'static str, name: &str) -> Result<DirFile> {
        let name = format!("{folder}/{name}");
        let lock = self.lock(folder, &name)?;
        Ok(DirFile { dir: self.clone(), folder, name, lock })
    }

    /// Takes the lock of a file, in a folder that is created if it is missing.
    pub(crate) fn lock(&self, folder: &str, name: &str) -> Result<Box<dyn FileLock>> {
        self.check_process(name)?;
        let lock = format!("{name}{LOCK_SUFFIX}");
        let locked = self.disk.create_folder(folder).and_then(|()| self.disk.lock(&lock));
        locked.map_err(|cause| {
            let error = if cause.kind() == std::io::ErrorKind::WouldBlock {
                let holders = self.disk.lock_holders(&lock);
                let process = holders.first().map(|id| format!(" (process {id})")).unwrap_or_default();
                let message =
                    format!("another handle has it{process}; share that one by cloning it, or end it");
                Error::new(ErrorKind::Locked, message).in_file(name, None)
            } else {
                io("it cannot be locked", name, cause)
            };
            error.in_directory(&self.disk.place())
        })
    }

    fn check_process(&self, name: &str) -> Result<()> {
        self.process.check().map_err(|error| error.in_file(name, None))
    }
}

impl DirFile {
    /// Returns its name within the directory.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns its contents, or `None` if there is no such file.
    pub(crate) fn read(&self) -> Result<Option<Vec<u8>>> {
        read(&*self.dir.disk, &self.name, BYTES_MAX)
    }

    /// Refuses a process forked from the one that opened the directory.
    pub(crate) fn check_process(&self) -> Result<()> {
        self.dir.check_process(&self.name)
    }

    /// Replaces its contents. They and the name are durable before this returns.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<()> {
        self.check_process()?;
        // keeps D2
        if !self.lock.is_held() {
            let message = "the lock is lost: its file or the directory was deleted or replaced, and another process may \
                           write by now; open the cursor again";
            return Err(Error::new(ErrorKind::Locked, message).in_file(&self.name, None));
        }
        // keeps D1
        replace(&*self.dir.disk, self.folder, &self.name, bytes)
    }
}

/// Refuses the directory of a store: nothing but the store's writer may change what is in it.
fn check_no_store(disk: &dyn Disk) -> Result<()> {
    if disk.open(STORE, Mode::Read).is_err() {
        return Ok(());
    }
    let message = format!("{} is the directory of a store: name one outside it", disk.place());
    Err(Error::invalid(message))
}
