//! Index files: built from a sealed segment, put in place, and believed only when they belong to it.
//!
//! Invariants:
//!
//! N1. An index file is durable before it has its name, and before anything is looked up in it.
//! N2. A file that is missing, damaged, foreign or of another version is never guessed from: it is built
//!     anew from the segment.

use std::sync::Arc;

use tidegate_disk::{Block, Disk, Mode};
use tidegate_format::{Error, ErrorKind, Position, Result, parse_segment_name};

use crate::active::LEFTOVER;
use crate::index::{self, FileIndex};
use crate::lookup::Lookup;
use crate::records::Records;
use crate::segment::Segment;

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

    /// Takes its index file into use, if that is there and belongs to it with `count` events; says whether.
    /// The segment is sealed.
    pub fn load_index(&self, disk: &dyn Disk, count: u64, map: bool) -> Result<bool> {
        match self.open_index(disk, map)?.filter(|index| u64::from(index.count()) == count) {
            Some(index) => {
                self.set_lookup(Lookup::File(Arc::new(index)));
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Its index file, if that is there and belongs to it.
    fn open_index(&self, disk: &dyn Disk, map: bool) -> Result<Option<FileIndex>> {
        let name = index_path(self.first());
        let file = match disk.open(&name, Mode::Read) {
            Ok(file) => file,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(failed(&name, cause)),
        };
        let length = file.length().map_err(|cause| failed(&name, cause))?;
        let block = if map {
            file.map(length).map_err(|cause| failed(&name, cause))?
        } else {
            let mut bytes = vec![0; length as usize];
            let filled = crate::walk::read_full(&*file, &mut bytes, 0)?;
            bytes.truncate(filled);
            bytes.into()
        };
        Ok(FileIndex::open(block, self.head(), self.tail().0, self.seed()).ok())
    }

    /// Builds its index from its records. `level_of` gives the levels of events of earlier segments.
    pub fn build_index(&self, level_of: impl Fn(Position) -> Result<u32>) -> Result<Vec<u8>> {
        let bytes = self.bytes()?;
        let records = Records::new(&bytes, self.head().salt, self.first());
        let built = index::build(self.head(), self.tail().0, records, self.seed(), level_of);
        built.map_err(|error| error.in_file(self.name(), None))
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
        if let Some(index) = self.open_index(disk, map)?.filter(|index| index.length() == built.len() as u64)
        {
            self.set_lookup(Lookup::File(Arc::new(index)));
            return Ok(());
        }
        Err(Error::damaged(
            "a new index file does not read back",
            "the index of its segment",
            "something else",
        )
        .in_file(&name, None))
    }

    /// Takes a built index into use without keeping it: on media that cannot be written.
    pub fn use_index(&self, built: Vec<u8>) -> Result<()> {
        let index = FileIndex::open(Block::from(built), self.head(), self.tail().0, self.seed())?;
        self.set_lookup(Lookup::File(Arc::new(index)));
        Ok(())
    }

    /// The level of an event in the causal graph, from its index file. Where that turns out to be missing or
    /// damaged it is not believed any more, and has to be built before this can be asked again.
    pub fn level(&self, event: u32) -> Result<u32> {
        match &*self.lookup() {
            Lookup::File(index) => index.level(event).or_else(|error| {
                self.index_in_memory()?;
                Err(error.in_file(&index_path(self.first()), None))
            }),
            Lookup::Live(_) => {
                let error = Error::damaged("the index file is missing", "an index", "none");
                Err(error.in_file(&index_path(self.first()), None))
            }
        }
    }
}

fn failed(name: &str, cause: std::io::Error) -> Error {
    let full = matches!(cause.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
    let kind = if full { ErrorKind::Full } else { ErrorKind::Io };
    Error::new(kind, "the index file cannot be kept").in_file(name, None).because(cause)
}
