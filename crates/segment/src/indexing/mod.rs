//! Index files: built from a sealed segment, put in place, and believed only when they belong to it.
//!
//! Invariants:
//!
//! N1. An index file is durable before anything is looked up in it.
//! N2. A file that is missing, damaged, foreign or of another version is never guessed from: it is built
//!     anew from the segment.

mod folder;
mod remainder;

pub mod filter_groups;

use std::cell::Cell;
use std::sync::Arc;

use tidegate_disk::{Block, Disk, Mode};
use tidegate_format::{Error, ErrorKind, Position, Result, SegmentHeader, SegmentName};

use crate::cache::{FileCache, Takes, is_shortage};
use crate::frame_reader::read_full;
use crate::index::{self, FileIndex};
use crate::lookup::{IndexState, Lookup};
use crate::records::Records;
use crate::segment::Segment;
use crate::term::HashKey;

use folder::{FileKind, put_in_place, read_whole};

pub use crate::segment::remainder::{
    list as list_remainders, parse_name as parse_remainder_name, path as remainder_path,
};
pub use folder::{INDEX, generations, remove_replaced};

/// Returns the name within the store of an index file.
pub fn index_path(name: impl Into<SegmentName>) -> String {
    FileKind::Index.path(name.into())
}

/// Returns what an index file's name says, or `None` for any other name.
pub fn parse_index_name(name: &str) -> Option<SegmentName> {
    FileKind::Index.parse(name)
}

/// Returns the names of the index files in order, all generations of each; none if they cannot be listed.
pub fn list_indexes(disk: &dyn Disk) -> Vec<SegmentName> {
    FileKind::Index.list(disk)
}

impl Segment {
    /// Returns the head of the segment that the index file of this name says it was made of, and the position behind
    /// the segment's last event. Only a segment that another one follows has an index file, so both were there. `None`
    /// if the file is missing, cannot be read, does not hold, or is of a store with another seed.
    pub fn of_index(
        disk: &dyn Disk,
        name: SegmentName,
        hash_key: HashKey,
    ) -> Option<(SegmentHeader, Position)> {
        let file = disk.open(&index_path(name), Mode::Read).ok()?;
        let mut bytes = [0; index::HEADER_BYTES];
        let filled = read_full(&*file, &mut bytes, 0).ok()?;
        index::made_of(&bytes[..filled], hash_key).map(|made| (made.head, made.next))
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
        let known = self.index_name();
        let opened = self.open_generation(cache, known);
        // Found: the usual case costs no listing. A shortage says nothing of the file.
        if opened.as_ref().map_or_else(is_shortage, Option::is_some) {
            return opened;
        }
        let names = list_indexes(cache.disk());
        for name in generations(&names, self.first()).iter().rev().filter(|name| **name != known) {
            if let Ok(Some(found)) = self.open_generation(cache, *name) {
                self.know_index(*name);
                return Ok(Some(found));
            }
        }
        opened
    }

    fn open_generation(&self, cache: &FileCache, name: SegmentName) -> Result<Option<(FileIndex, Takes)>> {
        let name = index_path(name);
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
        let put = |name: &str| cache.retry(|| put_in_place(cache.disk(), name, |write| write(built, 0)));
        let name = FileKind::Index.replace(cache.disk(), self.first(), put)?;
        self.know_index(name);
        match self.load_index(cache)? {
            IndexState::InUse => Ok(()),
            IndexState::Missing => {
                let error = Error::new(ErrorKind::Io, "the index file is gone, right after it was written");
                Err(error.in_file(&index_path(name), None))
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
