//! The folder of the index files: what its files are called, and how one is put there and read.
//!
//! Invariants:
//!
//! X1. A file is durable before it has its name, and has a durable name before one that it replaces is removed.
//! X2. A file that another handle may have mapped is not replaced under its name: the newer one gets the next
//!     generation. Every whole one says what its segments say, so any of them may be used.

use tidegate_disk::replace::Replacement;
use tidegate_disk::{Block, Disk, Mode};
use tidegate_format::{Error, ErrorKind, Position, Result, SegmentName};

use crate::cache::{FileCache, Takes, lacks_any};
use crate::frame_reader::{read_full, write_error};

/// The folder of the index files.
pub const INDEX: &str = "index";

/// A kind of file in the folder, each of which is named after the first segment that it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// The index file of a segment.
    Index,
    /// The filter group of several segments.
    FilterGroup,
}

impl FileKind {
    fn suffix(self) -> &'static str {
        match self {
            Self::Index => ".idx",
            Self::FilterGroup => ".filters",
        }
    }

    /// Returns the name within the store.
    pub(crate) fn path(self, name: SegmentName) -> String {
        format!("{INDEX}/{name}{}", self.suffix())
    }

    /// Returns what a file's name says, or `None` for any other name.
    pub(crate) fn parse(self, name: &str) -> Option<SegmentName> {
        SegmentName::parse(name.strip_suffix(self.suffix())?)
    }

    /// Returns the names that are there in order, all generations of each; none if they cannot be listed.
    pub(crate) fn list(self, disk: &dyn Disk) -> Vec<SegmentName> {
        let names = disk.list(INDEX).unwrap_or_default();
        let mut names: Vec<_> = names.iter().filter_map(|name| self.parse(name)).collect();
        names.sort_unstable();
        names
    }

    /// Has `put` put a file in its place, as the next generation, and removes those before. Keeps X2.
    pub(crate) fn replace(
        self,
        disk: &dyn Disk,
        first: Position,
        put: impl FnOnce(&str) -> Result<()>,
    ) -> Result<SegmentName> {
        let names = self.list(disk);
        let there = generations(&names, first);
        let name = there.last().map_or(SegmentName::new(first), |newest| newest.next_generation());
        put(&self.path(name))?;
        for replaced in there.iter().filter(|replaced| **replaced != name) {
            // Some systems keep a file that a reader has mapped. The next opening tries again.
            let _ = disk.remove(&self.path(*replaced));
        }
        Ok(name)
    }
}

/// Returns those of `names`, which are in order, that belong to the segment that starts at `first`.
pub fn generations(names: &[SegmentName], first: Position) -> &[SegmentName] {
    let rest = &names[names.partition_point(|name| name.first < first)..];
    &rest[..rest.partition_point(|name| name.first == first)]
}

/// Removes the files of which a later generation is there, which a writer left that died. Returns their names.
pub fn remove_replaced(disk: &dyn Disk) -> Vec<String> {
    let mut removed = Vec::new();
    for kind in [FileKind::Index, FileKind::FilterGroup] {
        let names = kind.list(disk);
        let replaced = names.windows(2).filter(|pair| pair[0].first == pair[1].first);
        let replaced: Vec<_> = replaced.map(|pair| kind.path(pair[0])).collect();
        // keeps X1: the writer may have died before the later one's name was durable.
        if !replaced.is_empty() && disk.sync_folder(INDEX).is_ok() {
            removed.extend(replaced.into_iter().filter(|name| disk.remove(name).is_ok()));
        }
    }
    removed
}

/// Returns the bytes of a file in the folder of the index files, on the heap if they are not to be mapped or cannot be;
/// `None` if there is no file.
pub(crate) fn read_whole(cache: &FileCache, name: &str) -> Result<Option<(Block, Takes)>> {
    let at =
        |cause| Error::new(ErrorKind::Io, "the index file cannot be read").in_file(name, None).because(cause);
    let file = match cache.disk().open(name, Mode::Read) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(at)?,
    };
    let length = file.length().map_err(at)?;
    if cache.maps_files() {
        match file.map(length) {
            Ok(block) => return Ok(Some((block, Takes::Map))),
            // The cache closes others and asks again, as long as there are others.
            Err(cause) if lacks_any(&cause) && cache.holds_any() => return Err(at(cause)),
            Err(_) => {}
        }
    }
    let mut bytes = Vec::new();
    let room = bytes.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX));
    room.map_err(|cause| Error::new(ErrorKind::Io, "the index file does not fit memory").because(cause))?;
    bytes.resize(length as usize, 0);
    let filled = read_full(&*file, &mut bytes, 0)?;
    bytes.truncate(filled);
    Ok(Some((bytes.into(), Takes::Descriptor)))
}

/// Puts bytes at a byte of a file.
pub(crate) type Write<'a> = dyn FnMut(&[u8], u64) -> Result<()> + 'a;

/// Puts a file into the folder of the index files, durable, name and all, once `fill` has filled it. Keeps X1.
pub(crate) fn put_in_place(
    disk: &dyn Disk,
    name: &str,
    fill: impl FnOnce(&mut Write<'_>) -> Result<()>,
) -> Result<()> {
    let at = |cause| write_error("the index file cannot be kept", name, cause);
    disk.create_folder(INDEX).map_err(at)?;
    let new = Replacement::begin(disk, name).map_err(at)?;
    fill(&mut |bytes, offset| new.file().write_all_at(bytes, offset).map_err(at))?;
    new.finish().map(drop).map_err(|unplaced| at(unplaced.into_cause()))
}
