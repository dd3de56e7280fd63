//! Files that are there as a whole or not at all: written beside their place, made durable, then renamed.
//!
//! Invariants:
//!
//! W1. A name shows the old contents or the new ones, at any call that a crash comes at: the new ones are durable before
//!     they get the name.
//! W2. What was not put in place is removed again, as far as that can be done.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::env::{Disk, File, Mode};
use crate::name;

/// Ends the names of files that are not whole yet. A crash may leave one behind; the next opening for writing removes
/// it.
pub const LEFTOVER: &str = ".tmp";

/// A file that is being written beside its place. Dropped before [`finish`](Self::finish), it is removed.
///
/// ```
/// use tidegate_disk::{Env, replace::Replacement};
///
/// # fn main() -> std::io::Result<()> {
/// let disk = Env::memory().disk;
/// let new = Replacement::begin(&*disk, "STORE")?;
/// new.file().write_all_at(b"contents", 0)?;
/// assert_eq!(disk.list("")?, ["STORE.tmp"]);
/// new.finish()?;
/// assert_eq!(disk.list("")?, ["STORE"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Replacement<'a> {
    disk: &'a dyn Disk,
    name: &'a str,
    beside: String,
    file: Arc<dyn File>,
    is_placed: bool,
}

/// Why a [`Replacement`] is not known to be in its place.
#[derive(Debug)]
pub enum Unplaced {
    /// The old file, if there was one, still has the name.
    Before(io::Error),
    /// The new file has the name, and whether that is durable is unknown.
    After(io::Error),
}

impl<'a> Replacement<'a> {
    /// Creates the file beside the place `name`, instead of one that an earlier try left there. The folder must exist.
    pub fn begin(disk: &'a dyn Disk, name: &'a str) -> io::Result<Self> {
        let beside = format!("{name}{LEFTOVER}");
        remove_if_there(disk, &beside)?;
        let file = disk.open(&beside, Mode::CreateNew)?;
        Ok(Self { disk, name, beside, file, is_placed: false })
    }

    /// Returns the name that the file has until it is in its place.
    pub fn beside(&self) -> &str {
        &self.beside
    }

    /// Returns the file, to be filled.
    pub fn file(&self) -> &dyn File {
        &*self.file
    }

    /// Makes the file durable and gives it the name, durable too, and returns it, still open for writing.
    pub fn finish(mut self) -> Result<Arc<dyn File>, Unplaced> {
        let placed = self.file.sync().and_then(|()| self.disk.rename(&self.beside, self.name));
        placed.map_err(Unplaced::Before)?;
        self.is_placed = true;
        self.disk.sync_folder(name::folder_of(self.name)).map_err(Unplaced::After)?;
        Ok(Arc::clone(&self.file))
    }
}

impl Drop for Replacement<'_> {
    fn drop(&mut self) {
        if !self.is_placed {
            // What cannot be removed now, the next opening for writing removes (W2).
            let _ = self.disk.remove(&self.beside);
        }
    }
}

impl Unplaced {
    /// Returns the error of the call that failed.
    pub fn into_cause(self) -> io::Error {
        match self {
            Self::Before(cause) | Self::After(cause) => cause,
        }
    }
}

impl fmt::Display for Unplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before(cause) => write!(f, "the file was not put in its place: {cause}"),
            Self::After(cause) => write!(f, "whether the file's name is durable is unknown: {cause}"),
        }
    }
}

impl std::error::Error for Unplaced {}

impl From<Unplaced> for io::Error {
    fn from(unplaced: Unplaced) -> Self {
        unplaced.into_cause()
    }
}

/// Gives the file `name` these contents, durable with its name before this returns.
pub fn replace(disk: &dyn Disk, name: &str, contents: &[u8]) -> io::Result<()> {
    let new = Replacement::begin(disk, name)?;
    new.file().write_all_at(contents, 0)?;
    new.finish()?;
    Ok(())
}

/// Removes a file that may be missing.
pub fn remove_if_there(disk: &dyn Disk, name: &str) -> io::Result<()> {
    match disk.remove(name) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}
