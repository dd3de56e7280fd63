//! Keeping: small files that readers of the log have their progress in, each replaced as a whole.
//!
//! Invariants:
//!
//! R1. A crash at any call leaves the contents from before or the new ones, under one name, never neither.
//! R2. One handle holds a name at a time, and nothing is written once the store was closed or its lock lost, or by a
//!     fork.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Weak};

use tidegate_disk::replace::{self, LEFTOVER};
use tidegate_disk::{Disk, Lock, Mode};
use tidegate_format::{Error, ErrorKind, Result};
use tidegate_segment::cache::FileCache;
use tidegate_segment::write_error;

use super::identity::{check_lock, io};
use super::process::OwnerProcess;
use crate::sync::Mutex;

/// The largest file that a handle reads.
pub(crate) const BYTES_MAX: u64 = 64 << 20;

/// What has progress to keep when the store is closed.
pub(crate) trait Progress: Send + Sync + fmt::Debug {
    /// Keeps what is not kept yet.
    fn keep(&self) -> Result<()>;
}

/// Who keeps what in a store.
#[derive(Debug)]
pub(crate) struct Keeping {
    cache: Arc<FileCache>,
    holders: Mutex<BTreeMap<String, Option<Weak<dyn Progress>>>>,
    /// Whether the store was closed. Held while a file is written.
    closed: Mutex<bool>,
    process: OwnerProcess,
    lock: Weak<dyn Lock>,
}

/// A file of this name, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Kept {
    keeping: Arc<Keeping>,
    folder: &'static str,
    name: String,
}

impl Keeping {
    pub(crate) fn new(cache: &Arc<FileCache>, lock: &Arc<dyn Lock>) -> Self {
        let (holders, closed) = (Mutex::default(), Mutex::new(false));
        let (cache, process) = (Arc::clone(cache), OwnerProcess::current());
        Self { cache, holders, closed, process, lock: Arc::downgrade(lock) }
    }

    /// Takes hold of a file, whether it exists or not.
    pub(crate) fn hold(self: &Arc<Self>, folder: &'static str, name: &str) -> Result<Kept> {
        let name = format!("{folder}/{name}");
        let mut holders = self.holders.lock();
        if holders.contains_key(&name) {
            let message = "another handle of this process has it; share that one by cloning it";
            return Err(Error::new(ErrorKind::Locked, message).in_file(&name, None));
        }
        holders.insert(name.clone(), None);
        drop(holders);
        Ok(Kept { keeping: Arc::clone(self), folder, name })
    }

    /// Has everybody keep what is not kept yet, before the store is closed.
    pub(crate) fn keep_all(&self) {
        let holders: Vec<_> = self.holders.lock().values().flatten().filter_map(Weak::upgrade).collect();
        for holder in holders {
            if let Err(error) = holder.keep() {
                // It will be done again: nothing counts as done that was not kept.
                tracing::warn!(%error, "progress was not kept before closing");
            }
        }
    }

    /// Ends all writing.
    pub(crate) fn close(&self) {
        *self.closed.lock() = true;
    }
}

impl Kept {
    /// Its name within the store.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whom to ask when the store is closed.
    pub(crate) fn attach(&self, progress: Weak<dyn Progress>) {
        self.keeping.holders.lock().insert(self.name.clone(), Some(progress));
    }

    /// What is in it; nothing where there is no such file.
    pub(crate) fn read(&self) -> Result<Option<Vec<u8>>> {
        let cache = &self.keeping.cache;
        cache.retry(|| read(cache.disk(), &self.name, BYTES_MAX))
    }

    /// Refuses a process forked from the one that opened the store.
    pub(crate) fn check_process(&self) -> Result<()> {
        self.keeping.process.check().map_err(|error| error.in_file(&self.name, None))
    }

    /// Gives it these contents, durable with their name before this returns.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<()> {
        // keeps R2
        self.check_process()?;
        let closed = self.keeping.closed.lock();
        if *closed {
            let message = "the store was closed; what was not kept before will be done again";
            return Err(Error::new(ErrorKind::Ended, message).in_file(&self.name, None));
        }
        check_lock(&self.keeping.lock)?;
        let cache = &self.keeping.cache;
        cache.retry(|| replace(cache.disk(), self.folder, &self.name, bytes))
    }
}

/// Gives a file in a folder these contents, durable with their name before this returns.
pub(crate) fn replace(disk: &dyn Disk, folder: &str, name: &str, bytes: &[u8]) -> Result<()> {
    let at = |cause| write_error("it cannot be written", name, cause);
    disk.create_folder(folder).map_err(at)?;
    // keeps R1
    replace::replace(disk, name, bytes).map_err(at)
}

impl Drop for Kept {
    fn drop(&mut self) {
        if !self.keeping.process.is_current() {
            // A thread of the first process may have held this lock at the fork, and is not here to release it.
            return;
        }
        self.keeping.holders.lock().remove(&self.name);
    }
}

/// The names of the files in a folder, in order.
pub(crate) fn list(disk: &dyn Disk, folder: &str) -> Result<Vec<String>> {
    let mut names = match disk.list(folder) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        other => other.map_err(|cause| io("the directory cannot be listed", folder, cause))?,
    };
    names.retain(|name| !name.ends_with(LEFTOVER));
    names.sort_unstable();
    Ok(names)
}

/// The contents of a file of at most so many bytes; nothing where there is none.
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
