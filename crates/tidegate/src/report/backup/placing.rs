//! Putting files of one directory into another: as links if the two share files, otherwise as copies.

use std::sync::Arc;

use tidegate_disk::replace::{LEFTOVER, Replacement, remove_if_there};
use tidegate_disk::{Disk, File, Mode};
use tidegate_format::hash::Hasher;
use tidegate_format::{Error, Hash, Offset, Result};
use tidegate_segment::{read_error, write_error};

/// Bytes read at once.
const PIECE_BYTES: usize = 1 << 20;

/// How far a backup, an examination or a restore is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopyProgress {
    /// Bytes that were gone through.
    pub done: u64,
    /// Bytes that there are to go through.
    pub total: u64,
}

/// A progress that a caller is told of.
pub(super) struct Meter<'a> {
    progress: CopyProgress,
    tell: &'a mut dyn FnMut(CopyProgress),
}

impl<'a> Meter<'a> {
    pub(super) fn new(total: u64, tell: &'a mut dyn FnMut(CopyProgress)) -> Self {
        let progress = CopyProgress { done: 0, total };
        tell(progress);
        Self { progress, tell }
    }

    pub(super) fn add(&mut self, bytes: u64) {
        self.progress.done += bytes;
        (self.tell)(self.progress);
    }

    /// Adds what has to be gone through too.
    pub(super) fn expect(&mut self, bytes: u64) {
        self.progress.total += bytes;
    }
}

/// A file that was put in its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) digest: Hash,
    pub(super) is_link: bool,
}

/// A file to be put in its place: the first bytes of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) name: &'a str,
    pub(super) length: u64,
}

impl Part<'_> {
    fn open(&self) -> Result<Arc<dyn File>> {
        open(self.disk, self.name)
    }

    /// Links it as `name`, or copies it if that is not possible, or if the file has more bytes than these, as one behind which a
    /// crash left some. The name of a link is durable once its folder is synced, a copy is durable.
    pub(super) fn link_or_copy(&self, to: &dyn Disk, name: &str, meter: &mut Meter<'_>) -> Result<Placed> {
        let beside = format!("{name}{LEFTOVER}");
        remove_if_there(to, &beside).map_err(|cause| unplaced(name, cause))?;
        let length = self.open()?.length().map_err(|cause| unread(self.name, cause))?;
        if length > self.length || to.link(&beside, self.disk, self.name).is_err() {
            return self.copy(to, name, meter);
        }
        let digest = digest(to, &beside, self.length, meter)?;
        to.rename(&beside, name).map_err(|cause| unplaced(name, cause))?;
        Ok(Placed { digest, is_link: true })
    }

    /// Copies it to `name`, durable.
    pub(super) fn copy(&self, to: &dyn Disk, name: &str, meter: &mut Meter<'_>) -> Result<Placed> {
        let source = self.open()?;
        let copy = Replacement::begin(to, name).map_err(|cause| unplaced(name, cause))?;
        let digest = pieces(&*source, self.name, self.length, |at, bytes| {
            meter.add(bytes.len() as u64);
            copy.file().write_all_at(bytes, at).map_err(|cause| unplaced(name, cause))
        })?;
        copy.finish().map_err(|cause| unplaced(name, cause.into_cause()))?;
        Ok(Placed { digest, is_link: false })
    }

    /// Returns whether another file has the same bytes at its beginning and at its end, as far as it is this long.
    pub(super) fn looks_like(&self, other: &dyn Disk, name: &str) -> Result<bool> {
        const LOOK_BYTES: u64 = 4096;
        let file = match other.open(name, Mode::Read) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            file => file.map_err(|cause| unread(name, cause))?,
        };
        let own = self.open()?;
        for at in [0, self.length.saturating_sub(LOOK_BYTES)] {
            let count = LOOK_BYTES.min(self.length - at) as usize;
            let (mut one, mut two) = (vec![0; count], vec![0; count]);
            let own = own.read_full_at(&mut one, at).map_err(|cause| unread(self.name, cause))?;
            let there = file.read_full_at(&mut two, at).map_err(|cause| unread(name, cause))?;
            if (own, there) != (count, count) || one != two {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Returns the digest of the first bytes of a file.
pub(super) fn digest(disk: &dyn Disk, name: &str, length: u64, meter: &mut Meter<'_>) -> Result<Hash> {
    let file = open(disk, name)?;
    pieces(&*file, name, length, |_, bytes| {
        meter.add(bytes.len() as u64);
        Ok(())
    })
}

fn open(disk: &dyn Disk, name: &str) -> Result<Arc<dyn File>> {
    disk.open(name, Mode::Read).map_err(|cause| unread(name, cause))
}

/// Hands out the first bytes of a file, and returns their digest.
fn pieces(
    file: &dyn File,
    name: &str,
    length: u64,
    mut take: impl FnMut(u64, &[u8]) -> Result<()>,
) -> Result<Hash> {
    let (mut hasher, mut at) = (Hasher::new(), 0);
    let mut buffer = vec![0; PIECE_BYTES.min(length as usize)];
    while at < length {
        let count = (length - at).min(PIECE_BYTES as u64) as usize;
        let filled = file.read_full_at(&mut buffer[..count], at).map_err(|cause| unread(name, cause))?;
        if filled < count {
            let (expected, found) = (format!("{length} bytes"), format!("{} bytes", at + filled as u64));
            let error = Error::damaged("the file is cut short", expected, found);
            return Err(error.in_file(name, Some(Offset(at + filled as u64))));
        }
        hasher.update(&buffer[..count]);
        take(at, &buffer[..count])?;
        at += count as u64;
    }
    Ok(hasher.finish())
}

pub(super) fn unread(name: &str, cause: std::io::Error) -> Error {
    read_error("it cannot be read", name, cause)
}

pub(super) fn unplaced(name: &str, cause: std::io::Error) -> Error {
    write_error("it cannot be put in its place", name, cause)
}
