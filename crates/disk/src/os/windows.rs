//! Windows.
//!
//! O3: what Windows promises of a name. A new or changed name is durable once a handle of its folder, opened for
//!     writing, was flushed. `FlushFileBuffers` is documented for files and volumes and not for folders; on NTFS it
//!     writes the folder's changes, as the stores that rely on it report (etcd's `fileutil` flushes folders so). A
//!     file system that cannot do it answers with an error, and that is an error here too: nothing is taken for durable
//!     that was not flushed.
//! O4: a file is opened so that others may rename and remove it meanwhile. Even so, Windows before 10 and Wine refuse to
//!     rename over a file that is open, and all of them over one that is mapped. So a file that stays open or mapped is
//!     never replaced under its name, and for one that is read in a moment the rename waits.
#![expect(clippy::disallowed_methods, reason = "this is where files come in")]

use std::fmt;
use std::fs;
use std::io;
use std::os::windows::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use winapi_util::Handle;
use winapi_util::file::information;

use super::{Access, Permissions};
use crate::name;
use crate::plain::NotPlain;

/// Opens a link itself and not what it leads to.
const OPEN_REPARSE_POINT: u32 = 0x0020_0000;
/// Opens folders too.
const BACKUP_SEMANTICS: u32 = 0x0200_0000;

/// An error of the operating system, by the name it has on Unix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(i32);

/// The codes of `winerror.h` that mean the same.
#[expect(missing_docs, reason = "they have the names and the meaning that they have on Unix")]
impl Errno {
    pub const ACCESS: Self = Self(5);
    pub const AGAIN: Self = Self::WOULDBLOCK;
    pub const BADF: Self = Self(6);
    pub const DQUOT: Self = Self(1295);
    pub const EXIST: Self = Self(80);
    pub const FBIG: Self = Self(223);
    pub const IO: Self = Self(1117);
    pub const ISDIR: Self = Self(336);
    pub const MFILE: Self = Self(4);
    pub const NFILE: Self = Self(1816);
    pub const NOENT: Self = Self(2);
    pub const NOMEM: Self = Self(8);
    pub const NOSPC: Self = Self(112);
    pub const ROFS: Self = Self(19);
    pub const WOULDBLOCK: Self = Self(10035);
    pub const XDEV: Self = Self(17);

    /// Returns the code.
    pub fn raw_os_error(self) -> i32 {
        self.0
    }

    /// Returns the code in an error, if the system returned it.
    pub fn from_io_error(error: &io::Error) -> Option<Self> {
        error.raw_os_error().map(Self)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from(*self).fmt(f)
    }
}

impl From<Errno> for io::Error {
    fn from(errno: Errno) -> Self {
        Self::from_raw_os_error(errno.0)
    }
}

/// Opens a plain file without following a link (O2). The handle is not inherited by programs that are started.
pub(crate) fn open(
    path: &Path,
    name: &str,
    access: Access,
    _permissions: Permissions,
) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.read(true).custom_flags(OPEN_REPARSE_POINT);
    options.write(access != Access::Read);
    options.create_new(access == Access::CreateNew).create(access == Access::Create);
    match options.open(path) {
        Ok(file) => match what_else(&file.metadata()?) {
            Some(what) => Err(NotPlain::no_file(name, what)),
            None => Ok(file),
        },
        // A folder is not opened as a file.
        Err(error) => match fs::symlink_metadata(path).ok().as_ref().and_then(what_else) {
            Some(_) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
            Some(what) => Err(NotPlain::no_file(name, what)),
            None => Err(no_folder(path, name).unwrap_or(error)),
        },
    }
}

/// Returns what this is if it is no plain file.
fn what_else(metadata: &fs::Metadata) -> Option<&'static str> {
    match metadata.file_type() {
        kind if kind.is_symlink() => Some("a symbolic link"),
        kind if kind.is_dir() => Some("a folder"),
        kind if kind.is_file() => None,
        _ => Some("a device"),
    }
}

/// Returns the error for a file in the place of the folder that `name` lies in.
fn no_folder(path: &Path, name: &str) -> Option<io::Error> {
    let folder = fs::metadata(path.parent()?).ok()?;
    (name.contains('/') && !folder.is_dir())
        .then(|| NotPlain::no_folder(name::folder_of(name), "not a folder"))
}

/// Opens a directory to make its names durable (O3).
pub(crate) fn open_directory(path: &Path) -> io::Result<fs::File> {
    let opened = fs::OpenOptions::new().read(true).write(true).custom_flags(BACKUP_SEMANTICS).open(path)?;
    if opened.metadata()?.is_dir() { Ok(opened) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

/// Creates one folder.
pub(crate) fn create_folder(path: &Path, _permissions: Permissions) -> io::Result<()> {
    fs::create_dir(path)
}

/// Reads at an offset and returns how many bytes came.
pub(crate) fn read_at(file: &fs::File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buffer, offset)
}

/// Writes at an offset and returns how many bytes went.
pub(crate) fn write_at(file: &fs::File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    file.seek_write(bytes, offset)
}

/// Contents and length onto the medium, once (O1).
pub(crate) fn sync_data(file: &fs::File) -> io::Result<()> {
    file.sync_data()
}

/// The names of a directory onto the medium, once (O1, O3).
pub(crate) fn sync_directory(directory: &fs::File) -> io::Result<()> {
    directory.sync_all()
}

/// Renames a file over what stands there. Another process may have that open for a moment: a reader of the store, or a
/// scanner of files. Then it is tried again, for half a second (O4).
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let mut pause = Duration::from_millis(1);
    loop {
        match fs::rename(from, to) {
            Err(error) if is_in_use(&error) && pause < PAUSE_MAX => {
                std::thread::sleep(pause);
                pause *= 2;
            }
            renamed => return renamed,
        }
    }
}

/// The pauses double up to this: all of them together take half a second.
const PAUSE_MAX: Duration = Duration::from_millis(512);

/// Whether another handle is in the way: access denied, or a sharing violation.
fn is_in_use(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(5 | 32))
}

/// Takes the lock on a file, or fails with `WouldBlock` if another holder has it.
pub(crate) fn lock(file: &fs::File) -> io::Result<()> {
    file.try_lock().map_err(io::Error::from)
}

/// Lets the lock on a file go.
pub(crate) fn unlock(file: &fs::File) -> io::Result<()> {
    file.unlock()
}

/// Returns the volume and the number of a file.
pub(crate) fn identity(file: &fs::File) -> io::Result<(u64, u64)> {
    let found = information(file)?;
    Ok((found.volume_serial_number(), found.file_index()))
}

/// Returns the same of what stands under a path.
pub(crate) fn identity_at(path: &Path) -> io::Result<(u64, u64)> {
    let found = information(Handle::from_path_any(path)?)?;
    Ok((found.volume_serial_number(), found.file_index()))
}

/// Returns how many names a file has.
pub(crate) fn links(file: &fs::File) -> io::Result<u64> {
    Ok(information(file)?.number_of_links())
}

/// Returns how many handles a process may have: Windows sets no limit below some sixteen million.
pub(crate) fn files_max() -> usize {
    1 << 24
}

/// Fills the buffer with random bytes of the system.
pub(crate) fn fill_random(buffer: &mut [u8]) -> io::Result<()> {
    getrandom::fill(buffer).map_err(|cause| io::Error::other(format!("no random bytes: {cause}")))
}
