//! Reading files that may be damaged: what can be read of them, and what cannot.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_disk::{Disk, File, Mode, NotPlain};
use tidegate_format::{Error, ErrorKind, Offset, Result};

use crate::backend::io;

/// Bytes read at once.
const PIECE_BYTES: usize = 1 << 20;
/// Bytes read at once around a place that cannot be read.
const BLOCK_BYTES: usize = 4096;

/// The bytes of a file, as far as they can be read, with zeros for those that cannot.
#[derive(Debug, Default)]
pub(crate) struct FileContents {
    pub(crate) bytes: Vec<u8>,
    /// Why the rest is not here: it could not be read, or the file is longer than it may be.
    pub(crate) faults: Vec<Error>,
    /// Whether something else is in the place of the file; the only fault says what.
    pub(crate) is_other: bool,
}

/// Reads a file of at most this many bytes, or `None` if there is none.
pub(crate) fn read(disk: &dyn Disk, name: &str, bytes_max: u64) -> Result<Option<FileContents>> {
    let file = match disk.open(name, Mode::Read) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(cause) if NotPlain::in_error(&cause).is_some() => {
            let faults = vec![io("it cannot be opened", name, cause)];
            return Ok(Some(FileContents { faults, is_other: true, ..FileContents::default() }));
        }
        other => other.map_err(|cause| io("it cannot be opened", name, cause))?,
    };
    let length = file.length().map_err(|cause| io("its length is unknown", name, cause))?;
    let mut contents = FileContents::default();
    let taken = length.min(bytes_max);
    if taken < length {
        let error = Error::damaged("the file is too long", format!("at most {bytes_max} bytes"), length);
        contents.faults.push(error.in_file(name, Some(Offset(bytes_max))));
    }
    let room = contents.bytes.try_reserve_exact(taken as usize);
    room.map_err(|cause| Error::new(ErrorKind::Io, "the file does not fit memory").because(cause))?;
    contents.bytes.resize(taken as usize, 0);
    let mut at = 0;
    while at < contents.bytes.len() {
        let end = contents.bytes.len().min(at + PIECE_BYTES);
        at = match file.read_full_at(&mut contents.bytes[at..end], at as u64) {
            Ok(0) => {
                // It became shorter while it was read.
                contents.bytes.truncate(at);
                break;
            }
            Ok(count) => at + count,
            Err(_) => {
                blocks(&*file, name, &mut contents, at..end);
                end
            }
        };
    }
    Ok(Some(contents))
}

/// Reads what can be read of a piece, block by block.
fn blocks(file: &dyn File, name: &str, contents: &mut FileContents, piece: std::ops::Range<usize>) {
    let mut failed = false;
    for at in piece.clone().step_by(BLOCK_BYTES) {
        let end = piece.end.min(at + BLOCK_BYTES);
        let block = &mut contents.bytes[at..end];
        match file.read_full_at(block, at as u64) {
            Ok(_) => failed = false,
            Err(cause) => {
                block.fill(0);
                // Blocks that follow each other are one fault.
                if !std::mem::replace(&mut failed, true) {
                    let error =
                        Error::new(ErrorKind::Io, "it cannot be read from this byte on").because(cause);
                    contents.faults.push(error.in_file(name, Some(Offset(at as u64))));
                }
            }
        }
    }
}

/// A file that is read through a window, so that a large one takes no more memory than the largest part asked for. What
/// cannot be read is zeros.
#[derive(Debug)]
pub(crate) struct ReadWindow {
    file: Arc<dyn File>,
    name: String,
    length: u64,
    at: u64,
    bytes: Vec<u8>,
    /// Where the blocks start that cannot be read.
    unreadable: BTreeSet<u64>,
    /// Why they cannot, once for blocks that follow each other.
    faults: Vec<Error>,
}

impl ReadWindow {
    /// Opens a file; `None` if there is none.
    pub(crate) fn open(disk: &dyn Disk, name: &str) -> Result<Option<Self>> {
        let file = match disk.open(name, Mode::Read) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|cause| io("it cannot be opened", name, cause))?,
        };
        let length = file.length().map_err(|cause| io("its length is unknown", name, cause))?;
        let (unreadable, faults, name) = (BTreeSet::new(), Vec::new(), name.to_owned());
        Ok(Some(Self { file, name, length, at: 0, bytes: Vec::new(), unreadable, faults }))
    }

    /// Returns how many bytes of the file count.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Leaves out what stands behind this byte.
    pub(crate) fn cut(&mut self, length: u64) {
        self.length = self.length.min(length);
    }

    /// Returns the errors of reading so far, each told once.
    pub(crate) fn take_faults(&mut self) -> Vec<Error> {
        std::mem::take(&mut self.faults)
    }

    /// Returns the `count` bytes from `at` on, or as many as there are.
    pub(crate) fn bytes(&mut self, at: u64, count: usize) -> &[u8] {
        let count = self.length.saturating_sub(at).min(count as u64) as usize;
        let held = at >= self.at && at + count as u64 <= self.at + self.bytes.len() as u64;
        if !held {
            // With a piece beyond what is asked for, what follows close behind is not read all over again.
            self.fill(at, count + PIECE_BYTES);
        }
        let start = (at - self.at) as usize;
        &self.bytes[self.bytes.len().min(start)..self.bytes.len().min(start + count)]
    }

    /// Returns whether all bytes from this one on are zeros. There may be none. What cannot be read is not.
    pub(crate) fn is_unused(&mut self, from: u64) -> bool {
        let mut at = from;
        while at < self.length {
            let bytes = self.bytes(at, BLOCK_BYTES);
            if bytes.is_empty() || bytes.iter().any(|byte| *byte != 0) {
                return false;
            }
            at += bytes.len() as u64;
        }
        // Bytes that cannot be read are reported as such, and here they are zeros.
        self.unreadable.range(from / BLOCK_BYTES as u64 * BLOCK_BYTES as u64..).next().is_none()
    }

    /// Leaves out the zeros that the file ends with, down to the byte `from`. What cannot be read is none.
    pub(crate) fn cut_unused(&mut self, from: u64) {
        let mut end = self.length;
        while end > from {
            let start = end.saturating_sub(BLOCK_BYTES as u64).max(from);
            let bytes = self.bytes(start, (end - start) as usize);
            let last = bytes.iter().rposition(|byte| *byte != 0);
            let used = last.map(|last| start + last as u64 + 1);
            if self.unreadable.range(start / BLOCK_BYTES as u64 * BLOCK_BYTES as u64..end).next().is_some() {
                return;
            }
            if let Some(used) = used {
                self.cut(used);
                return;
            }
            end = start;
        }
    }

    fn fill(&mut self, at: u64, count: usize) {
        let count = self.length.saturating_sub(at).min(count as u64) as usize;
        self.at = at;
        self.bytes.resize(count, 0);
        match self.file.read_full_at(&mut self.bytes, at) {
            // It became shorter while it was read.
            Ok(filled) => self.bytes.truncate(filled),
            Err(_) => self.fill_by_blocks(),
        }
    }

    /// Reads what can be read, block by block.
    fn fill_by_blocks(&mut self) {
        let block_bytes = BLOCK_BYTES as u64;
        let (mut at, end) = (self.at, self.at + self.bytes.len() as u64);
        while at < end {
            let block = at / block_bytes * block_bytes;
            let next = end.min(block + block_bytes);
            let part = &mut self.bytes[(at - self.at) as usize..(next - self.at) as usize];
            if let Err(cause) = self.file.read_full_at(part, at) {
                part.fill(0);
                let goes_on = block >= block_bytes && self.unreadable.contains(&(block - block_bytes));
                if self.unreadable.insert(block) && !goes_on {
                    let error =
                        Error::new(ErrorKind::Io, "it cannot be read from this byte on").because(cause);
                    self.faults.push(error.in_file(&self.name, Some(Offset(at))));
                }
            }
            at = next;
        }
    }
}

/// Returns the names of the files in a folder, in order; none if there is no such folder.
pub(crate) fn list(disk: &dyn Disk, folder: &str) -> Result<Vec<String>> {
    sorted(disk.list(folder), folder)
}

/// Returns the names of what is not a plain file in a folder, in order, folders too; none if something else is in its place.
pub(crate) fn strangers(disk: &dyn Disk, folder: &str) -> Result<Vec<String>> {
    let mut names = folders(disk, folder)?;
    names.extend(sorted(disk.others(folder), folder)?);
    Ok(names)
}

/// Returns the names of the folders in a folder, in order; none if there is no such folder, or if it cannot be listed.
pub(crate) fn folders(disk: &dyn Disk, folder: &str) -> Result<Vec<String>> {
    match disk.folders(folder) {
        Err(cause) if cause.kind() == std::io::ErrorKind::Unsupported => Ok(Vec::new()),
        other => sorted(other, folder),
    }
}

fn sorted(names: std::io::Result<Vec<String>>, folder: &str) -> Result<Vec<String>> {
    let mut names = match names {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        // It is told of by its own name, which is that of a folder.
        Err(cause) if NotPlain::in_error(&cause).is_some() => Vec::new(),
        other => other.map_err(|cause| io("the directory cannot be listed", folder, cause))?,
    };
    names.sort_unstable();
    Ok(names)
}
