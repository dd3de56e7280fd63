//! Index files: built from a sealed segment, put in place, and believed only when they belong to it.
//!
//! Invariants:
//!
//! N1. An index file is durable before it has its name, and before anything is looked up in it.
//! N2. A file that is missing, damaged, foreign or of another version is never guessed from: it is built
//!     anew from the segment.

use std::cell::Cell;
use std::sync::Arc;

use tidegate_disk::replace::Replacement;
use tidegate_disk::{Block, Disk, Mode};
use tidegate_format::{Error, ErrorKind, Position, Result, SegmentHeader, SegmentName};

use crate::cache::{FileCache, Takes, lacks_any};
use crate::frame_reader::read_full;
use crate::frame_reader::write_error;
use crate::index::{self, FileIndex};
use crate::lookup::{IndexState, Lookup};
use crate::records::Records;
use crate::segment::Segment;
use crate::term::HashKey;

/// The folder of the index files.
pub const INDEX: &str = "index";

/// Returns the name within the store of the index of the segment that starts at `first`.
pub fn index_path(first: Position) -> String {
    format!("{INDEX}/{:020}.idx", first.0)
}

/// Returns the first positions of the segments that have an index file, in order; none if they cannot be listed.
pub fn list_indexes(disk: &dyn Disk) -> Vec<Position> {
    let names = disk.list(INDEX).unwrap_or_default();
    let mut firsts: Vec<_> = names.iter().filter_map(|name| parse_index_name(name)).collect();
    firsts.sort_unstable();
    firsts
}

/// Returns the first position in the name of an index file, or `None` for any other name.
pub fn parse_index_name(name: &str) -> Option<Position> {
    Some(SegmentName::parse(name.strip_suffix(".idx")?)?.first)
}

impl Segment {
    /// Returns the head of the segment that the index file of this name says it was made of, and the position behind
    /// the segment's last event. Only a segment that another one follows has an index file, so both were there. `None`
    /// if the file is missing, cannot be read, does not hold, or is of a store with another seed.
    pub fn of_index(
        disk: &dyn Disk,
        first: Position,
        hash_key: HashKey,
    ) -> Option<(SegmentHeader, Position)> {
        let file = disk.open(&index_path(first), Mode::Read).ok()?;
        let mut bytes = [0; index::HEADER_BYTES];
        let filled = read_full(&*file, &mut bytes, 0).ok()?;
        index::made_of(&bytes[..filled], hash_key)
    }

    /// Takes its index file into use, if there is one. The segment is sealed.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is damaged, or is not of this segment.
    pub fn load_index(&self, cache: &FileCache) -> Result<IndexState> {
        let Some((index, takes)) = cache.retry(|| self.open_index(cache))? else {
            return Ok(IndexState::Missing);
        };
        self.hold_index(index, takes);
        Ok(IndexState::InUse)
    }

    /// Opens its index file, which must belong to it. Returns `None` if there is no file.
    pub(crate) fn open_index(&self, cache: &FileCache) -> Result<Option<(FileIndex, Takes)>> {
        let name = index_path(self.first());
        let Some((block, takes)) = read_whole(cache, &name)? else { return Ok(None) };
        let index = FileIndex::open(block, self.head(), self.tail().0, self.hash_key());
        let index = index.map_err(|error| error.in_file(&name, None))?;
        self.check_end(u64::from(index.count()))?;
        Ok(Some((index, takes)))
    }

    /// Builds its index: from what is in memory if that holds all its events, as it does for a segment that was written
    /// or recovered here, otherwise from its records. `level_of` returns the level of an event of an earlier segment, or
    /// `None` if the index of that segment is missing; then there is no index of this one either, and `None` is returned.
    /// The segment is sealed.
    pub fn build_index(&self, level_of: impl Fn(Position) -> Result<Option<u32>>) -> Result<Option<Vec<u8>>> {
        match self.whole_mem_index() {
            Some(index) => self.build_with(level_of, |level_of| {
                let read_head = |event| self.read_head(event);
                index::build_live(self.head(), self.tail().0, &index, level_of, read_head)
            }),
            None => self.build_index_anew(level_of),
        }
    }

    /// Builds its index from its records, each of which is read and checked, even if an index is in memory.
    pub fn build_index_anew(
        &self,
        level_of: impl Fn(Position) -> Result<Option<u32>>,
    ) -> Result<Option<Vec<u8>>> {
        let bytes = self.bytes()?;
        let mut count = 0;
        let records =
            Records::new(&bytes, self.name(), self.head().salt, self.first()).inspect(|_| count += 1);
        let built = self.build_with(level_of, |level_of| {
            index::build(self.head(), self.tail().0, records, self.hash_key(), level_of)
        })?;
        if built.is_some() {
            self.check_end(count)?;
        }
        Ok(built)
    }

    fn build_with(
        &self,
        level_of: impl Fn(Position) -> Result<Option<u32>>,
        build: impl FnOnce(&dyn Fn(Position) -> Result<u32>) -> Result<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>> {
        let is_missing = Cell::new(false);
        let built = build(&|position| {
            level_of(position)?.ok_or_else(|| {
                is_missing.set(true);
                Error::new(ErrorKind::Missing, "the index of an earlier segment is missing")
            })
        });
        if is_missing.get() {
            return Ok(None);
        }
        built.map(Some).map_err(|error| error.in_file(self.name(), None))
    }

    /// Keeps a built index as its file and takes it into use.
    pub fn keep_index(&self, cache: &FileCache, built: &[u8]) -> Result<()> {
        let name = index_path(self.first());
        cache.retry(|| put_in_place(cache.disk(), &name, |write| write(built, 0)))?;
        match self.load_index(cache)? {
            IndexState::InUse => Ok(()),
            IndexState::Missing => {
                let error = Error::new(ErrorKind::Io, "the index file is gone, right after it was written");
                Err(error.in_file(&name, None))
            }
        }
    }

    /// Takes a built index into use without keeping it as a file.
    pub fn use_index(&self, built: Vec<u8>) -> Result<()> {
        let index = FileIndex::open(Block::from(built), self.head(), self.tail().0, self.hash_key())?;
        self.hold_in_memory(Lookup::File(Arc::new(index)));
        Ok(())
    }
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

/// Puts a file into the folder of the index files, durable, name and all, once `fill` has filled it. Keeps N1.
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
