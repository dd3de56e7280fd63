//! A system without files, such as WebAssembly in a browser: disks in memory work, and every call for a file is refused.

use std::error::Error as StdError;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use super::{Access, Permissions};

/// An error by the name and number that it has on Unix. No system is asked here; the disks in memory return it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(i32, io::ErrorKind);

#[expect(missing_docs, reason = "they have the names and the meaning that they have on Unix")]
impl Errno {
    pub const ACCESS: Self = Self(13, io::ErrorKind::PermissionDenied);
    pub const AGAIN: Self = Self::WOULDBLOCK;
    pub const BADF: Self = Self(9, io::ErrorKind::Other);
    pub const DQUOT: Self = Self(122, io::ErrorKind::QuotaExceeded);
    pub const EXIST: Self = Self(17, io::ErrorKind::AlreadyExists);
    pub const FBIG: Self = Self(27, io::ErrorKind::FileTooLarge);
    pub const IO: Self = Self(5, io::ErrorKind::Other);
    pub const ISDIR: Self = Self(21, io::ErrorKind::IsADirectory);
    pub const MFILE: Self = Self(24, io::ErrorKind::Other);
    pub const NFILE: Self = Self(23, io::ErrorKind::Other);
    pub const NOENT: Self = Self(2, io::ErrorKind::NotFound);
    pub const NOMEM: Self = Self(12, io::ErrorKind::OutOfMemory);
    pub const NOSPC: Self = Self(28, io::ErrorKind::StorageFull);
    pub const ROFS: Self = Self(30, io::ErrorKind::ReadOnlyFilesystem);
    pub const WOULDBLOCK: Self = Self(11, io::ErrorKind::WouldBlock);
    pub const XDEV: Self = Self(18, io::ErrorKind::CrossesDevices);

    /// Returns the number.
    pub fn raw_os_error(self) -> i32 {
        self.0
    }

    /// Returns the error in this one, if it is one of these.
    pub fn from_io_error(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (os error {})", self.1, self.0)
    }
}

impl StdError for Errno {}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> Self {
        Self::new(errno.1, errno)
    }
}

fn no_files<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no files: use a disk in memory"))
}

/// Refuses.
pub(crate) fn open(_: &Path, _: &str, _: Access, _: Permissions) -> io::Result<fs::File> {
    no_files()
}

/// Refuses.
pub(crate) fn open_directory(_: &Path) -> io::Result<fs::File> {
    no_files()
}

/// Refuses.
pub(crate) fn create_folder(_: &Path, _: Permissions) -> io::Result<()> {
    no_files()
}

/// Refuses.
pub(crate) fn read_at(_: &fs::File, _: &mut [u8], _: u64) -> io::Result<usize> {
    no_files()
}

/// Refuses.
pub(crate) fn write_at(_: &fs::File, _: &[u8], _: u64) -> io::Result<usize> {
    no_files()
}

/// Refuses.
pub(crate) fn sync_data(_: &fs::File) -> io::Result<()> {
    no_files()
}

/// Refuses.
pub(crate) fn sync_directory(_: &fs::File) -> io::Result<()> {
    no_files()
}

/// Refuses.
pub(crate) fn rename(_: &Path, _: &Path) -> io::Result<()> {
    no_files()
}

/// Refuses.
pub(crate) fn lock(_: &fs::File) -> io::Result<()> {
    no_files()
}

/// Refuses.
pub(crate) fn unlock(_: &fs::File) -> io::Result<()> {
    no_files()
}

/// Refuses.
pub(crate) fn identity(_: &fs::File) -> io::Result<(u64, u64)> {
    no_files()
}

/// Refuses.
pub(crate) fn identity_at(_: &Path) -> io::Result<(u64, u64)> {
    no_files()
}

/// Refuses.
pub(crate) fn links(_: &fs::File) -> io::Result<u64> {
    no_files()
}

/// Returns how many files may be open: none.
pub(crate) fn files_max() -> usize {
    0
}

/// Refuses: there is no source of randomness that holds on every such system.
pub(crate) fn fill_random(_: &mut [u8]) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no random bytes"))
}

/// Returns the one process that there is.
pub fn process_id() -> u32 {
    1
}
