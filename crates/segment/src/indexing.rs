//! Index files: built from a sealed segment, put in place, and believed only when they belong to it.
//!
//! Invariants:
//!
//! N1. An index file is durable before it has its name, and before anything is looked up in it.
//! N2. A file that is missing, damaged, foreign or of another version is never guessed from: it is built
//!     anew from the segment.

use std::sync::Arc;

use tidegate_disk::{Block, Disk, File, Mode};
use tidegate_format::{Error, ErrorKind, Position, Result, parse_segment_name};

use crate::active::LEFTOVER;
use crate::index::{self, FileIndex};
use crate::lookup::Lookup;
use crate::records::Records;
use crate::segment::Segment;
use crate::walk::read_full;

/// The folder of the index files.
pub const INDEX: &str = "index";

/// The name within the store of the index of the segment that starts at `first`.
pub fn index_path(first: Position) -> String {
    format!("{INDEX}/{:020}.idx", first.0)
}

/// The first position in the name of an index file; nothing for any other name.
pub fn parse_index_name(name: &str) -> Option<Position> {
    parse_segment_name(&format!("{}.seg", name.strip_suffix(".idx")?))
}

impl Segment {
    /// Whether its index file stands in for what was kept in memory.
    pub fn is_indexed(&self) -> bool {
        matches!(*self.lookup(), Lookup::File(_))
    }

    /// Takes its index file into use, if that is there, can be read and belongs to it. The segment is sealed.
    pub fn load_index(&self, disk: &dyn Disk, map: bool) -> Result<()> {
        self.set_lookup(Lookup::File(Arc::new(self.open_index(disk, map)?)));
        Ok(())
    }

    fn open_index(&self, disk: &dyn Disk, map: bool) -> Result<FileIndex> {
        let name = index_path(self.first());
        let at = |cause| {
            Error::new(ErrorKind::Io, "the index file cannot be read").in_file(&name, None).because(cause)
        };
        let file = disk.open(&name, Mode::Read).map_err(at)?;
        let length = file.length().map_err(at)?;
        let block = if map { file.map(length).map_err(at)? } else { read_whole(&*file, length)? };
        let index = FileIndex::open(block, self.head(), self.tail().0, self.seed());
        let index = index.map_err(|error| error.in_file(&name, None))?;
        self.check_end(u64::from(index.count()))?;
        Ok(index)
    }

    /// Builds its index from its records. `level_of` gives the levels of events of earlier segments. The
    /// segment is sealed.
    pub fn build_index(&self, level_of: impl Fn(Position) -> Result<u32>) -> Result<Vec<u8>> {
        let bytes = self.bytes()?;
        let mut count = 0;
        let records = Records::new(&bytes, self.head().salt, self.first()).inspect(|_| count += 1);
        let built = index::build(self.head(), self.tail().0, records, self.seed(), level_of);
        let built = built.map_err(|error| error.in_file(self.name(), None))?;
        self.check_end(count)?;
        Ok(built)
    }

    /// Keeps a built index as its file and takes it into use.
    pub fn keep_index(&self, disk: &dyn Disk, built: &[u8], map: bool) -> Result<()> {
        let name = index_path(self.first());
        let beside = format!("{name}{LEFTOVER}");
        let at = |cause| failed(&beside, cause);
        disk.create_folder(INDEX).map_err(at)?;
        match disk.remove(&beside) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(at(cause)),
            _ => {}
        }
        let placed = (|| {
            let file = disk.open(&beside, Mode::CreateNew).map_err(at)?;
            file.write_all_at(built, 0).map_err(at)?;
            file.sync().map_err(at)?;
            disk.rename(&beside, &name).map_err(at)?;
            disk.sync_folder(INDEX).map_err(at)
        })();
        if placed.is_err() {
            // Best effort: whoever opens the store next removes leftovers.
            let _ = disk.remove(&beside);
        }
        placed?;
        self.load_index(disk, map)
    }

    /// Takes a built index into use without keeping it: where it cannot be written.
    pub fn use_index(&self, built: Vec<u8>) -> Result<()> {
        let index = FileIndex::open(Block::from(built), self.head(), self.tail().0, self.seed())?;
        self.set_lookup(Lookup::File(Arc::new(index)));
        Ok(())
    }
}

/// The file's bytes on the heap, where there is room for them.
fn read_whole(file: &dyn File, length: u64) -> Result<Block> {
    let mut bytes = Vec::new();
    let room = bytes.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX));
    room.map_err(|cause| Error::new(ErrorKind::Io, "the index file does not fit memory").because(cause))?;
    bytes.resize(length as usize, 0);
    let filled = read_full(file, &mut bytes, 0)?;
    bytes.truncate(filled);
    Ok(bytes.into())
}

fn failed(name: &str, cause: std::io::Error) -> Error {
    let full = matches!(cause.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
    let kind = if full { ErrorKind::Full } else { ErrorKind::Io };
    Error::new(kind, "the index file cannot be kept").in_file(name, None).because(cause)
}
