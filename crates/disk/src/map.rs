//! Mapping a file into memory: the only unsafe code of the workspace.
//!
//! M1: a map is never longer than its file was when it was made.
//! M2: no handle of this process writes to a file, cuts or grows it while it is mapped (U1 in `uses`).
//!
//! A map shows what its file holds now, so Rust's rules for shared bytes hold only as long as no process changes the
//! file. Inside this process M2 sees to that, for everything that goes through this crate. Nothing can see to it for
//! what goes around it: another process, or `std::fs` on the store's directory. The store's own processes never do
//! it: a newer sealed segment, index file or filter group gets a name of its own, and the old file is left to those who
//! have it mapped. What others can do by writing over a file in place, or cutting it:
//!
//! * A file that is cut ends the process (`SIGBUS`) at the next look at a part that is gone. The data of the log is not
//!   touched by that.
//! * A byte that changes shows in events that are held already. Their checksums were compared when they were read, and
//!   are not compared again. Lengths and text are, each time: what makes no sense is a panic.
//! * A byte that changes while a text of a held event is looked at, after it was found to be UTF-8, breaks what the
//!   language says of `str`: an impossible `char`, and then anything.
//!
//! A program that must not depend on what others do to the files opens with `Options { map: false, .. }`: then an event
//! is a copy, compared with its checksum when it was made, which nothing changes.
#![expect(unsafe_code, reason = "a memory map cannot be made in safe code")]

use std::fs;
use std::io;

use memmap2::{Mmap, MmapOptions};

use crate::block::Block;
use crate::os;
use crate::room;
use crate::uses::Mapping;

/// Returns the first `length` bytes of `file`, which was opened for reading only, mapped.
///
/// `UnexpectedEof` if the file is shorter; any other error means that the file cannot be mapped and may still be
/// readable: `ResourceBusy` while a handle of this process writes to it, `OutOfMemory` if the process has too many
/// maps.
pub(crate) fn map(file: &fs::File, length: u64) -> io::Result<Block> {
    let metadata = file.metadata()?;
    if length > metadata.len() {
        return Err(shorter_than(length));
    }
    if length == 0 {
        // A map of no bytes is an error to the system, and a block of none needs no map.
        return Ok(Block::from(Vec::new()));
    }
    let length = usize::try_from(length).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    if room::maps() >= room::MAPS_MAX {
        return Err(io::Error::from(io::ErrorKind::OutOfMemory));
    }
    let mapping = Mapping::begin(os::identity(file)?)?;
    Ok(Block::mapped(map_within(file, length)?, mapping))
}

/// Returns the error for a file that ends before `length`.
pub(crate) fn shorter_than(length: u64) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("the file ends before {length} bytes"))
}

fn map_within(file: &fs::File, length: usize) -> io::Result<Mmap> {
    // SAFETY: the mapped bytes must not change, and the file must not get shorter, while the map lives. That the file
    // is long enough now was checked by `map`, the only caller (M1). No handle of this crate changes it: `map` holds
    // a `Mapping` from before this call until after the unmapping (M2). The process that changes the file around this crate
    // breaks the promise that opening a store with maps makes for the store's directory; what comes of it stands
    // above.
    let map = unsafe { MmapOptions::new().len(length).map(file)? };
    // Most looks at a file are at single records and single blocks, and the system would read up to 16 MB around each. What
    // reads on says so: see `Block::read_ahead`. A system that takes no advice reads more than it must.
    #[cfg(unix)]
    let _ = map.advise(memmap2::Advice::Random);
    Ok(map)
}
