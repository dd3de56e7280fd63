//! Small state files (cursor positions), replaced atomically.
//!
//! Invariants:
//!
//! R1. A crash at any call leaves the contents from before or the new ones, under one name, never neither.
//! R2. One handle holds a name at a time, and nothing is written once the store was closed or its lock lost, or by a
//!     fork. A holder keeps its name when the store is opened again.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};

use tidegate_disk::replace::{self, LEFTOVER};
use tidegate_disk::{Disk, FileLock, Mode};
use tidegate_format::{Error, ErrorKind, Result};
use tidegate_segment::cache::FileCache;
use tidegate_segment::write_error;

use super::identity::{PROJECTIONS, check_lock, io};
use super::process::OwnerProcess;
use crate::sync::Mutex;

/// The largest file that a handle reads.
pub(crate) const BYTES_MAX: u64 = 64 << 20;

/// State that is written when the store is closed.
pub(crate) trait Flush: Send + Sync + fmt::Debug {
    /// Writes what is not written yet.
    fn flush(&self) -> Result<()>;
}

/// The state files of a store and their holders.
#[derive(Debug)]
pub(crate) struct StateFiles {
    /// That of the newest opening.
    cache: Mutex<Arc<FileCache>>,
    holders: Mutex<BTreeMap<String, Option<Weak<dyn Flush>>>>,
    /// The lock of the store, or `None` while it is not open. It is held while a file is written, so that `close` returns
    /// after the last write.
    lock: Mutex<Option<Weak<dyn FileLock>>>,
    process: OwnerProcess,
}

/// The right to read and write one state file, until it is dropped.
#[derive(Debug)]
pub(crate) struct StateFile {
    state_files: Arc<StateFiles>,
    folder: &'static str,
    name: String,
}

impl StateFiles {
    /// Returns the files of a store that is about to be open.
    pub(crate) fn new(cache: &Arc<FileCache>) -> Self {
        let (holders, lock, process) = (Mutex::default(), Mutex::default(), OwnerProcess::current());
        Self { cache: Mutex::new(Arc::clone(cache)), holders, lock, process }
    }

    /// Allows writing while this lock is held.
    pub(crate) fn open(&self, cache: &Arc<FileCache>, lock: &Arc<dyn FileLock>) {
        *self.cache.lock() = Arc::clone(cache);
        *self.lock.lock() = Some(Arc::downgrade(lock));
    }

    fn cache(&self) -> Arc<FileCache> {
        Arc::clone(&self.cache.lock())
    }

    /// Claims a file, whether it exists or not.
    pub(crate) fn claim(self: &Arc<Self>, folder: &'static str, name: &str) -> Result<StateFile> {
        let name = format!("{folder}/{name}");
        let mut holders = self.holders.lock();
        if holders.contains_key(&name) {
            let message = "another handle of this process has it; share that one by cloning it";
            return Err(Error::new(ErrorKind::Locked, message).in_file(&name, None));
        }
        holders.insert(name.clone(), None);
        drop(holders);
        Ok(StateFile { state_files: Arc::clone(self), folder, name })
    }

    /// Has all holders write what is not written yet, before the store is closed.
    pub(crate) fn flush_all(&self) {
        let holders: Vec<_> = self.holders.lock().values().flatten().filter_map(Weak::upgrade).collect();
        for holder in holders {
            if let Err(error) = holder.flush() {
                // The reader does it again: only what was written counts as done.
                tracing::warn!(%error, "a reader's state was not written before closing");
            }
        }
    }

    /// Refuses all further writing, until the store is open again.
    pub(crate) fn close(&self) {
        *self.lock.lock() = None;
    }
}

impl StateFile {
    /// Returns its name within the store.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Registers what is flushed when the store is closed.
    pub(crate) fn attach(&self, progress: Weak<dyn Flush>) {
        self.state_files.holders.lock().insert(self.name.clone(), Some(progress));
    }

    /// Returns its contents, or `None` if there is no such file.
    pub(crate) fn read(&self) -> Result<Option<Vec<u8>>> {
        let cache = self.state_files.cache();
        cache.retry(|| read(cache.disk(), &self.name, BYTES_MAX))
    }

    /// Refuses a process forked from the one that opened the store.
    pub(crate) fn check_process(&self) -> Result<()> {
        self.state_files.process.check().map_err(|error| error.in_file(&self.name, None))
    }

    /// Replaces its contents. They and the name are durable before this returns.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<()> {
        // keeps R2
        self.check_process()?;
        let cache = self.state_files.cache();
        let lock = self.state_files.lock.lock();
        let Some(lock) = &*lock else {
            let message = "the store was closed; what was not written before is done again";
            return Err(Error::new(ErrorKind::Ended, message).in_file(&self.name, None));
        };
        check_lock(lock)?;
        cache.retry(|| replace(cache.disk(), self.folder, &self.name, bytes))
    }
}

/// Replaces the contents of a file in a folder. They and the name are durable before this returns.
pub(crate) fn replace(disk: &dyn Disk, folder: &str, name: &str, bytes: &[u8]) -> Result<()> {
    let at = |cause| write_error("it cannot be written", name, cause);
    disk.create_folder(folder).map_err(at)?;
    // keeps R1
    replace::replace(disk, name, bytes).map_err(at)
}

impl Drop for StateFile {
    fn drop(&mut self) {
        if !self.state_files.process.is_current() {
            // In a fork: a thread of the first process may have held this lock, and is not here to release it.
            return;
        }
        self.state_files.holders.lock().remove(&self.name);
    }
}

/// Returns the folders in which projections save their states.
pub(crate) fn state_folders(disk: &dyn Disk) -> Result<Vec<String>> {
    use std::io::ErrorKind::{NotFound, Unsupported};
    let names = match disk.folders(PROJECTIONS) {
        Err(cause) if matches!(cause.kind(), NotFound | Unsupported) => Vec::new(),
        other => other.map_err(|cause| io("the saved states cannot be listed", PROJECTIONS, cause))?,
    };
    Ok(names.into_iter().map(|name| format!("{PROJECTIONS}/{name}")).collect())
}

/// Returns the names of the files in a folder, in order.
pub(crate) fn list(disk: &dyn Disk, folder: &str) -> Result<Vec<String>> {
    let mut names = match disk.list(folder) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        other => other.map_err(|cause| io("the directory cannot be listed", folder, cause))?,
    };
    names.retain(|name| !name.ends_with(LEFTOVER));
    names.sort_unstable();
    Ok(names)
}

/// Returns the names of what is in a folder and is not a plain file.
pub(crate) fn list_others(disk: &dyn Disk, folder: &str) -> Result<Vec<String>> {
    use std::io::ErrorKind::{NotFound, Unsupported};
    let mut names = Vec::new();
    for listed in [disk.folders(folder), disk.others(folder)] {
        names.extend(match listed {
            Err(cause) if matches!(cause.kind(), NotFound | Unsupported) => Vec::new(),
            other => other.map_err(|cause| io("the directory cannot be listed", folder, cause))?,
        });
    }
    Ok(names)
}

/// Returns the contents of a file of at most `bytes_max` bytes, or `None` if there is none.
pub(crate) fn read(disk: &dyn Disk, name: &str, bytes_max: u64) -> Result<Option<Vec<u8>>> {
    let at = |cause| io("it cannot be read", name, cause);
    let file = match disk.open(name, Mode::Read) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(at)?,
    };
    let length = file.length().map_err(at)?;
    if length > bytes_max {
        return Err(Error::damaged("the file is too long", bytes_max, length).in_file(name, None));
    }
    let mut bytes = vec![0; length as usize];
    let filled = file.read_full_at(&mut bytes, 0).map_err(at)?;
    bytes.truncate(filled);
    Ok(Some(bytes))
}
