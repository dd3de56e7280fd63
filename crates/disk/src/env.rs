//! The seam: what a store asks of the world around it.
//!
//! Names handed to a [`Disk`] are relative to the store's directory and use `/` between parts.
//! Errors are plain [`io::Error`]s; the floors above add the place and the meaning.

use std::any::Any;
use std::fmt;
use std::io;
use std::sync::Arc;

use crate::block::Block;

/// How [`Disk::open`] treats a file that is there, or is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Reading only; the file must exist.
    Read,
    /// Reading and writing; the file must exist.
    Write,
    /// Reading and writing; the file must not exist and is created empty.
    CreateNew,
}

/// What tells one file from another behind the same name, so that a reader notices a replaced file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity(pub u64, pub u64);

/// One open file. All offsets are bytes from its start.
pub trait File: Send + Sync + fmt::Debug {
    /// Reads into `buffer` from `offset` and returns how many bytes came; 0 only at the end of the file
    /// (or for an empty buffer). A read interrupted by a signal is tried again.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Reads from `offset` until the buffer is full or the file ends, and returns how many bytes came.
    fn read_full_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_at(&mut buffer[filled..], offset + filled as u64)? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(filled)
    }

    /// Writes all of `bytes` at `offset`, completing short writes. On an error any part of it may be there.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the file's contents and length durable. Never tried again after an error: a second try may
    /// succeed although the data is lost.
    fn sync(&self) -> io::Result<()>;

    /// Cuts the file to `length`, or grows it with zeros.
    fn set_len(&self, length: u64) -> io::Result<()>;

    /// Returns the file's length in bytes.
    fn length(&self) -> io::Result<u64>;

    /// Returns which file this is. It stays the same when the file is renamed.
    fn identity(&self) -> io::Result<Identity>;

    /// Returns the first `length` bytes, without a copy if the disk can map files. The file must be open for reading only.
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the file is shorter. Any other error says that it cannot be
    /// mapped now and may still be readable: [`ResourceBusy`](io::ErrorKind::ResourceBusy) if this handle, or any other
    /// handle of this process on the native disk, is open for writing. As long as a map of the native disk lives, its
    /// file cannot be opened for writing in this process.
    fn map(&self, length: u64) -> io::Result<Block>;
}

/// A held lock; dropping it (or the end of the process) lets it go.
pub trait FileLock: Send + Sync + fmt::Debug {
    /// Returns whether it still keeps others out: the file that is locked is the one of that name. A process may have deleted
    /// it, or the directory, and others may have put theirs in its place. A disk that does not tell says yes.
    fn is_held(&self) -> bool {
        true
    }
}

/// The directory of one store and every file in it.
pub trait Disk: Any + Send + Sync + fmt::Debug {
    /// Opens a plain file. Anything else under that name (a link, a pipe, a device) is an error at once.
    fn open(&self, name: &str, mode: Mode) -> io::Result<Arc<dyn File>>;

    /// Returns the names of the plain files right inside `folder` (`""` is the store's directory), in no order.
    /// Folders, links and names that are not UTF-8 are left out. A missing folder is `NotFound`.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;

    /// Returns the names of the folders right inside `folder`, in no order. A missing folder is `NotFound`. A disk that
    /// does not tell says `Unsupported`; only those who look through everything ask.
    fn folders(&self, folder: &str) -> io::Result<Vec<String>> {
        let message = format!("this disk does not list the folders in {folder:?}");
        Err(io::Error::new(io::ErrorKind::Unsupported, message))
    }

    /// Returns the names of what is right inside `folder` and is neither a plain file nor a folder, such as links, in no order. A
    /// missing folder is `NotFound`. A disk that has no such things finds none.
    fn others(&self, folder: &str) -> io::Result<Vec<String>> {
        self.list(folder).map(|_| Vec::new())
    }

    /// Creates a folder and those above it, the store's directory included, and makes each new one
    /// durable in its parent. A folder that is there already is fine.
    fn create_folder(&self, folder: &str) -> io::Result<()>;

    /// Renames a file, replacing what stands under the new name. Durable only after
    /// [`sync_folder`](Self::sync_folder).
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Gives a file of another disk, or of this one, one more name on this disk, without a copy: what is written to it under
    /// either name is seen under both. The name must not exist. Durable only after [`sync_folder`](Self::sync_folder); the
    /// bytes are as durable as they were.
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) if there is no such file or folder. Any other error but one of this disk's may
    /// mean that the two do not share files, as on two file systems: the caller copies the file then.
    fn link(&self, name: &str, source: &dyn Disk, source_name: &str) -> io::Result<()> {
        let message = format!("{} does not link {source_name} of {} as {name}", self.place(), source.place());
        Err(io::Error::new(io::ErrorKind::Unsupported, message))
    }

    /// Removes a file. Durable only after [`sync_folder`](Self::sync_folder).
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes the names inside `folder` durable.
    fn sync_folder(&self, folder: &str) -> io::Result<()>;

    /// Takes the writer's lock on the file `name`, creating it if needed, without waiting.
    /// `WouldBlock` if another holder has it, in this process or another.
    fn lock(&self, name: &str) -> io::Result<Box<dyn FileLock>>;

    /// Returns the processes that hold the lock on the file `name`, for messages
    /// and to know whether there is a writer: a process forked from the one that took it holds it too. Nothing is
    /// locked for it. Empty if the disk cannot tell.
    fn lock_holders(&self, name: &str) -> Vec<u32> {
        let _ = name;
        Vec::new()
    }

    /// Returns where the directory is, for messages.
    fn place(&self) -> String;
}

/// The time of day and a steady time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Microseconds since 1970-01-01 UTC; 0 for a clock set before that. May jump either way.
    fn now_micros(&self) -> u64;

    /// Microseconds since some fixed moment; never runs backwards.
    fn steady_micros(&self) -> u64;
}

/// Random bytes.
pub trait Random: Send + Sync + fmt::Debug {
    /// Fills `buffer` with bytes that an outsider cannot predict.
    ///
    /// An error means that there are none: no weaker bytes take their place, because store ids, event ids and
    /// checksum salts rest on them.
    fn fill(&self, buffer: &mut [u8]) -> io::Result<()>;
}

/// Everything outside a store: its disk, the clock and randomness.
#[derive(Clone, Debug)]
pub struct Env {
    /// The directory and its files.
    pub disk: Arc<dyn Disk>,
    /// Times.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub random: Arc<dyn Random>,
}
