//! The calls that differ from system to system, one file for each kind of system, with the same functions.
//!
//! O1: a read, write or open interrupted by a signal is tried again; a sync never is.
//! O2: no link is followed to a file, and only a plain file is opened. Opening a pipe or a device would wait for its
//!     other end, or do something.

#[cfg(not(any(unix, windows)))]
mod absent;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(not(any(unix, windows)))]
pub(crate) use absent::*;
#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(windows)]
pub(crate) use windows::*;

#[cfg(not(any(unix, windows)))]
pub use absent::{Errno, process_id};
#[cfg(any(unix, windows))]
pub use std::process::id as process_id;
#[cfg(unix)]
pub use unix::Errno;
#[cfg(windows)]
pub use windows::Errno;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// For reading; it must exist.
    Read,
    /// For reading and writing; it must exist.
    Write,
    /// For reading and writing; it must not exist.
    CreateNew,
    /// For reading and writing; it is created if it does not exist.
    Create,
}

/// Permissions of the files and folders that are created. The process's umask takes away from each of them, and what is
/// there already keeps the permissions it has. On Windows this says nothing: what is created has the access list that its
/// folder hands on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Permissions {
    /// Those whom the umask leaves, as with most programs: 0666 for files, 0777 for folders.
    #[default]
    Umask,
    /// The owner, and the group may read: 0640 and 0750.
    Group,
    /// The owner alone: 0600 and 0700.
    Owner,
}
