//! Filter groups: the filters of many segments in one file, made of their index files.
//!
//! Like an index file it is durable before it has its name, and one that is missing, damaged, foreign or of another
//! version is never guessed from: without it each segment is asked.

use std::sync::Arc;

use tidegate_format::{Position, Result, SegmentHeader, SegmentName};

use crate::cache::FileCache;
use crate::index::{self, FilterGroup};
use crate::indexing::{INDEX, put_in_place, read_whole};
use crate::lookup::Lookup;
use crate::segment::Segment;
use crate::term::HashKey;

/// Returns the name within the store of the filter group of the segments of which the first starts at `first`.
pub fn path(first: Position) -> String {
    format!("{INDEX}/{:020}.filters", first.0)
}

/// Returns the first position in the name of a filter group, or `None` for any other name.
pub fn parse_name(name: &str) -> Option<Position> {
    Some(SegmentName::parse(name.strip_suffix(".filters")?)?.first)
}

/// Opens the filter group of the first of these segments. They are sealed and follow each other, and there is one at
/// least. Returns `None` if there is no file.
///
/// # Errors
///
/// The file cannot be read, is damaged, or is not of these segments.
pub fn load(cache: &FileCache, segments: &[Arc<Segment>]) -> Result<Option<FilterGroup>> {
    let name = path(segments[0].first());
    let Some((block, _)) = cache.retry(|| read_whole(cache, &name))? else { return Ok(None) };
    let filter_group = FilterGroup::open(block, &owners(segments));
    filter_group.map(Some).map_err(|error| error.in_file(&name, None))
}

/// Makes the filter group of these segments, keeps it as its file, and opens that. They follow each other, and there is
/// one at least. Returns `None` if the index file of one is missing, or turns out to be damaged and is out of use now:
/// that segment has to be indexed first.
pub fn keep(cache: &FileCache, segments: &[Arc<Segment>]) -> Result<Option<FilterGroup>> {
    let lookups: Vec<_> = segments.iter().map(|one| one.lookup()).collect::<Result<_>>()?;
    let mut filters = Vec::with_capacity(segments.len());
    for (segment, lookup) in segments.iter().zip(&lookups) {
        let Lookup::File(index) = &**lookup else { return Ok(None) };
        match index.filter() {
            Ok(filter) => filters.push(filter),
            Err(_) => {
                segment.index_in_memory()?;
                return Ok(None);
            }
        }
    }
    let (name, owners) = (path(segments[0].first()), owners(segments));
    put_in_place(cache.disk(), &name, |write| index::write_filter_group(&filters, &owners, write))?;
    load(cache, segments)
}

/// Returns what tells a segment from all others, of this store and of every other one: in a filter group it stands for the
/// segment.
pub fn owner(head: &SegmentHeader, length: u64, hash_key: HashKey) -> u64 {
    hash_key.hash(&[&head.encode()[..], &length.to_le_bytes()].concat()) as u64
}

fn owners(segments: &[Arc<Segment>]) -> Vec<u64> {
    segments.iter().map(|segment| owner(segment.head(), segment.tail().0, segment.hash_key())).collect()
}
