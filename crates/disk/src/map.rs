//! Mapping a file into memory: the only unsafe code of the workspace.
//!
//! M1: a map is never longer than its file was when it was made.
#![expect(unsafe_code, reason = "a memory map cannot be made in safe code")]

use std::fs;
use std::io;

use memmap2::{Mmap, MmapOptions};

use crate::block::Block;

/// The first `length` bytes of `file`, mapped.
///
/// `UnexpectedEof` where the file is shorter; any other error means that the file cannot be mapped and may
/// still be readable.
pub(crate) fn map(file: &fs::File, length: u64) -> io::Result<Block> {
    if length > file.metadata()?.len() {
        return Err(shorter_than(length));
    }
    if length == 0 {
        // A map of no bytes is an error to the system, and a block of none needs no map.
        return Ok(Block::from(Vec::new()));
    }
    let length = usize::try_from(length).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    Ok(Block::mapped(map_within(file, length)?))
}

/// The error for a file that ends before `length`.
pub(crate) fn shorter_than(length: u64) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("the file ends before {length} bytes"))
}

fn map_within(file: &fs::File, length: usize) -> io::Result<Mmap> {
    // SAFETY: the mapped bytes must not change, and the file must not get shorter, while the map lives.
    // The caller of `File::map` promises it: only sealed and derived files are mapped, which no store
    // writes to again. That the file is long enough now was checked by `map`, the only caller (M1). Another
    // program that cuts or rewrites such a file misuses the store; it can end this process, and what it
    // can make of the bytes is caught by their checksums.
    unsafe { MmapOptions::new().len(length).map(file) }
}
