//! Unix: files, locks and syncs are Unix calls.
#![expect(clippy::disallowed_methods, reason = "this is where files come in")]

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::retry_on_intr;
use rustix::process::{Resource, getrlimit};

use super::{Access, Permissions};
use crate::name;
use crate::plain::NotPlain;

pub use rustix::io::Errno;

impl Permissions {
    fn of_files(self) -> Mode {
        Mode::from_raw_mode(match self {
            Self::Umask => 0o666,
            Self::Group => 0o640,
            Self::Owner => 0o600,
        })
    }

    fn of_folders(self) -> u32 {
        match self {
            Self::Umask => 0o777,
            Self::Group => 0o750,
            Self::Owner => 0o700,
        }
    }
}

/// Opens a plain file without following a link (O2), closed on exec so that a started program never inherits the
/// lock.
pub(crate) fn open(
    path: &Path,
    name: &str,
    access: Access,
    permissions: Permissions,
) -> io::Result<fs::File> {
    let flags = match access {
        Access::Read => OFlags::RDONLY,
        Access::Write => OFlags::RDWR,
        Access::CreateNew => OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
        Access::Create => OFlags::RDWR | OFlags::CREATE,
    };
    // Without waiting: the open of a pipe returns only once a process has its other end. Plain files do not care.
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let opened = retry_on_intr(|| rustix::fs::open(path, flags, permissions.of_files()));
    let kind = match &opened {
        Ok(descriptor) => rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(descriptor)?.st_mode),
        // A link, or what cannot be opened as a file at all: a socket, a folder, a pipe that no process reads.
        Err(Errno::LOOP | Errno::NXIO | Errno::NODEV | Errno::OPNOTSUPP | Errno::ISDIR) => {
            rustix::fs::FileType::from_raw_mode(rustix::fs::lstat(path)?.st_mode)
        }
        Err(Errno::NOTDIR) if name.contains('/') => {
            return Err(NotPlain::no_folder(name::folder_of(name), "not a folder"));
        }
        Err(error) => return Err((*error).into()),
    };
    match plain(kind) {
        Ok(()) => Ok(fs::File::from(opened?)),
        Err(what) => Err(NotPlain::no_file(name, what)),
    }
}

/// Returns whether this is what a file of a store may be, or what it is instead.
fn plain(kind: rustix::fs::FileType) -> Result<(), &'static str> {
    use rustix::fs::FileType as Kind;
    match kind {
        Kind::Symlink => Err("a symbolic link"),
        Kind::Directory => Err("a folder"),
        Kind::Fifo => Err("a pipe"),
        Kind::Socket => Err("a socket"),
        Kind::CharacterDevice | Kind::BlockDevice => Err("a device"),
        _ => Ok(()),
    }
}

/// Opens a directory to make its names durable.
pub(crate) fn open_directory(path: &Path) -> io::Result<fs::File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(fs::File::from(retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?))
}

/// Creates one folder.
pub(crate) fn create_folder(path: &Path, permissions: Permissions) -> io::Result<()> {
    fs::DirBuilder::new().mode(permissions.of_folders()).create(path)
}

/// Reads at an offset and returns how many bytes came (O1).
pub(crate) fn read_at(file: &fs::File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    Ok(retry_on_intr(|| rustix::io::pread(file, &mut *buffer, offset))?)
}

/// Writes at an offset and returns how many bytes went (O1).
pub(crate) fn write_at(file: &fs::File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    Ok(retry_on_intr(|| rustix::io::pwrite(file, bytes, offset))?)
}

/// Contents and length onto the medium, once (O1).
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn sync_data(file: &fs::File) -> io::Result<()> {
    Ok(rustix::fs::fdatasync(file)?)
}

/// Contents and length onto the medium, once (O1). Plain `fsync` would stop at the drive's cache; only a
/// file system that has no full sync at all (a network share) gets it instead.
#[cfg(target_vendor = "apple")]
pub(crate) fn sync_data(file: &fs::File) -> io::Result<()> {
    match rustix::fs::fcntl_fullfsync(file) {
        Err(Errno::NOTSUP | Errno::NOTTY | Errno::INVAL) => Ok(rustix::fs::fsync(file)?),
        result => Ok(result?),
    }
}

/// Contents and length onto the medium, once (O1).
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(crate) fn sync_data(file: &fs::File) -> io::Result<()> {
    Ok(rustix::fs::fsync(file)?)
}

/// The names of a directory onto the medium, once (O1).
#[cfg(target_vendor = "apple")]
pub(crate) fn sync_directory(directory: &fs::File) -> io::Result<()> {
    sync_data(directory)
}

/// The names of a directory onto the medium, once (O1).
#[cfg(not(target_vendor = "apple"))]
pub(crate) fn sync_directory(directory: &fs::File) -> io::Result<()> {
    Ok(rustix::fs::fsync(directory)?)
}

/// Renames a file over what stands there.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Takes the lock on a file, or fails with `WouldBlock` if another holder has it.
pub(crate) fn lock(file: &fs::File) -> io::Result<()> {
    Ok(retry_on_intr(|| rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive))?)
}

/// Lets the lock on a file go.
pub(crate) fn unlock(file: &fs::File) -> io::Result<()> {
    Ok(rustix::fs::flock(file, FlockOperation::Unlock)?)
}

/// Returns the device and the number of a file.
pub(crate) fn identity(file: &fs::File) -> io::Result<(u64, u64)> {
    let metadata = file.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Returns the same of what stands under a path; a link is not followed.
pub(crate) fn identity_at(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Returns how many names a file has. Not every file system counts them.
pub(crate) fn links(file: &fs::File) -> io::Result<u64> {
    Ok(file.metadata()?.nlink())
}

/// Returns how many descriptors the process may have (`RLIMIT_NOFILE`).
pub(crate) fn files_max() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Fills the buffer with random bytes: from `getrandom` on Linux, from `/dev/urandom` elsewhere and if a sandbox
/// forbids the call.
pub(crate) fn fill_random(buffer: &mut [u8]) -> io::Result<()> {
    let done = fill_by_call(buffer);
    match &mut buffer[done..] {
        [] => Ok(()),
        rest => fill_by_device(DEVICE, rest),
    }
}

/// The device that gives random bytes.
const DEVICE: &str = "/dev/urandom";

/// Fills as much as the system call gives and returns how much that was.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn fill_by_call(buffer: &mut [u8]) -> usize {
    use rustix::rand::{GetRandomFlags, getrandom};

    let mut done = 0;
    while done < buffer.len() {
        match getrandom(&mut buffer[done..], GetRandomFlags::empty()) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(Errno::INTR) => {}
            Err(_) => break,
        }
    }
    done
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn fill_by_call(_buffer: &mut [u8]) -> usize {
    0
}

/// Fills the buffer from a device, or fails.
fn fill_by_device(device: &str, buffer: &mut [u8]) -> io::Result<()> {
    use std::io::Read;

    fs::File::open(device)
        .and_then(|mut device| device.read_exact(buffer))
        .map_err(|cause| io::Error::new(cause.kind(), format!("no random bytes from {device}: {cause}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_fills_the_whole_buffer_anew() {
        let (mut first, mut second) = ([0; 37], [0; 37]);
        fill_by_device(DEVICE, &mut first).unwrap();
        fill_by_device(DEVICE, &mut second).unwrap();
        assert!(first != second && first[32..] != [0; 5]);
    }
}
