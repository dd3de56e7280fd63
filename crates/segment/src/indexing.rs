//! Index files: built from a sealed segment, put in place, and believed only when they belong to it; and
//! filter groups, which are made of the index files of many segments.
//!
//! Invariants:
//!
//! N1. An index file is durable before it has its name, and before anything is looked up in it.
//! N2. A file that is missing, damaged, foreign or of another version is never guessed from: it is built
//!     anew from the segment.

use std::sync::Arc;

use tidegate_disk::replace::Replacement;
use tidegate_disk::{Block, Disk, Mode};
use tidegate_format::{Error, ErrorKind, Position, Result, SegmentHeader, SegmentName};

use crate::active::write_error;
use crate::cache::{FileCache, Takes, lacks_any};
use crate::frame_reader::read_full;
use crate::index::{self, FileIndex, FilterGroup};
use crate::lookup::Lookup;
use crate::records::Records;
use crate::segment::Segment;
use crate::term::HashKey;

/// The folder of the index files.
pub const INDEX: &str = "index";

/// The name within the store of the index of the segment that starts at `first`.
pub fn index_path(first: Position) -> String {
    format!("{INDEX}/{:020}.idx", first.0)
}

/// The first positions of the segments that have an index file, in order; none where they cannot be listed.
pub fn list_indexes(disk: &dyn Disk) -> Vec<Position> {
    let names = disk.list(INDEX).unwrap_or_default();
    let mut firsts: Vec<_> = names.iter().filter_map(|name| parse_index_name(name)).collect();
    firsts.sort_unstable();
    firsts
}

/// The first position in the name of an index file; nothing for any other name.
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
        let mut bytes = [0; index::HEAD_BYTES];
        let filled = read_full(&*file, &mut bytes, 0).ok()?;
        index::made_of(&bytes[..filled], hash_key)
    }

    /// Takes its index file into use, if that is there, can be read and belongs to it. The segment is sealed.
    pub fn load_index(&self, cache: &FileCache) -> Result<()> {
        let (index, takes) = cache.retry(|| self.open_index(cache))?;
        self.hold_index(index, takes);
        Ok(())
    }

    /// Opens its index file, if that is there, can be read and belongs to it.
    pub(crate) fn open_index(&self, cache: &FileCache) -> Result<(FileIndex, Takes)> {
        let name = index_path(self.first());
        let (block, takes) = read_whole(cache, &name)?;
        let index = FileIndex::open(block, self.head(), self.tail().0, self.hash_key());
        let index = index.map_err(|error| error.in_file(&name, None))?;
        self.check_end(u64::from(index.count()))?;
        Ok((index, takes))
    }

    /// Builds its index from its records. `level_of` gives the levels of events of earlier segments. The
    /// segment is sealed.
    pub fn build_index(&self, level_of: impl Fn(Position) -> Result<u32>) -> Result<Vec<u8>> {
        let bytes = self.bytes()?;
        let mut count = 0;
        let records =
            Records::new(&bytes, self.name(), self.head().salt, self.first()).inspect(|_| count += 1);
        let built = index::build(self.head(), self.tail().0, records, self.hash_key(), level_of);
        let built = built.map_err(|error| error.in_file(self.name(), None))?;
        self.check_end(count)?;
        Ok(built)
    }

    /// Keeps a built index as its file and takes it into use.
    pub fn keep_index(&self, cache: &FileCache, built: &[u8]) -> Result<()> {
        let name = index_path(self.first());
        cache.retry(|| put_in_place(cache.disk(), &name, |write| write(built, 0)))?;
        self.load_index(cache)
    }

    /// Takes a built index into use without keeping it: where it cannot be written.
    pub fn use_index(&self, built: Vec<u8>) -> Result<()> {
        let index = FileIndex::open(Block::from(built), self.head(), self.tail().0, self.hash_key())?;
        self.hold_in_memory(Lookup::File(Arc::new(index)));
        Ok(())
    }
}

/// The name within the store of the filter group of the segments of which the first starts at `first`.
pub fn filter_group_path(first: Position) -> String {
    format!("{INDEX}/{:020}.filters", first.0)
}

/// The first position in the name of a filter group; nothing for any other name.
pub fn parse_filter_group_name(name: &str) -> Option<Position> {
    Some(SegmentName::parse(name.strip_suffix(".filters")?)?.first)
}

/// The filter group of the first of these segments, if it is there, can be read and belongs to them. They are sealed
/// and follow each other, and there is one at least.
pub fn load_filter_group(cache: &FileCache, segments: &[Arc<Segment>]) -> Result<FilterGroup> {
    let name = filter_group_path(segments[0].first());
    let (block, _) = cache.retry(|| read_whole(cache, &name))?;
    let filter_group = FilterGroup::open(block, &owners(segments));
    filter_group.map_err(|error| error.in_file(&name, None))
}

/// Makes the filter group of these segments, keeps it as its file, and opens that. They are indexed and follow each
/// other, and there is one at least. One whose index file turns out to be damaged is an error, and needs its index
/// built anew first.
pub fn keep_filter_group(cache: &FileCache, segments: &[Arc<Segment>]) -> Result<FilterGroup> {
    let lookups: Vec<_> = segments.iter().map(|one| one.lookup()).collect::<Result<_>>()?;
    let owners = owners(segments);
    let filters = segments.iter().zip(&lookups).map(|(segment, lookup)| match &**lookup {
        Lookup::File(index) => index.filter().or_else(|error| {
            segment.index_in_memory()?;
            Err(error.in_file(&index_path(segment.first()), None))
        }),
        Lookup::Memory(_) => {
            let error = Error::damaged("the index file is missing", "an index", "none");
            Err(error.in_file(&index_path(segment.first()), None))
        }
    });
    let filters: Vec<&[u8]> = filters.collect::<Result<_>>()?;
    let name = filter_group_path(segments[0].first());
    put_in_place(cache.disk(), &name, |write| index::write_filter_group(&filters, &owners, write))?;
    load_filter_group(cache, segments)
}

/// What tells a segment from all others, of this store and of every other one: in a filter group it stands for the
/// segment.
pub fn owner(head: &SegmentHeader, length: u64, hash_key: HashKey) -> u64 {
    hash_key.hash(&[&head.encode()[..], &length.to_le_bytes()].concat()) as u64
}

fn owners(segments: &[Arc<Segment>]) -> Vec<u64> {
    segments.iter().map(|segment| owner(segment.head(), segment.tail().0, segment.hash_key())).collect()
}

/// The bytes of a file in the folder of the index files, on the heap if they are not to be mapped or cannot be.
fn read_whole(cache: &FileCache, name: &str) -> Result<(Block, Takes)> {
    let at =
        |cause| Error::new(ErrorKind::Io, "the index file cannot be read").in_file(name, None).because(cause);
    let file = cache.disk().open(name, Mode::Read).map_err(at)?;
    let length = file.length().map_err(at)?;
    if cache.maps_files() {
        match file.map(length) {
            Ok(block) => return Ok((block, Takes::Map)),
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
    Ok((bytes.into(), Takes::Descriptor))
}

/// Puts bytes at a byte of a file.
type Write<'a> = dyn FnMut(&[u8], u64) -> Result<()> + 'a;

/// Puts a file into the folder of the index files, durable, name and all, once `fill` has filled it. Keeps N1.
fn put_in_place(disk: &dyn Disk, name: &str, fill: impl FnOnce(&mut Write<'_>) -> Result<()>) -> Result<()> {
    let at = |cause| write_error("the index file cannot be kept", name, cause);
    disk.create_folder(INDEX).map_err(at)?;
    let new = Replacement::begin(disk, name).map_err(at)?;
    fill(&mut |bytes, offset| new.file().write_all_at(bytes, offset).map_err(at))?;
    new.finish().map(drop).map_err(|unplaced| at(unplaced.into_cause()))
}
