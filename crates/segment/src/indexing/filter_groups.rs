//! Filter groups: the filters of many segments in one file, made of their index files.
//!
//! Like an index file it is durable before it has its name, and one that is missing, damaged, foreign or of another
//! version is never guessed from: without it each segment is asked.

use std::sync::Arc;

use tidegate_disk::Disk;
use tidegate_format::{Result, SegmentHeader, SegmentName};

use super::folder::{FileKind, generations, put_in_place, read_whole};
use crate::cache::FileCache;
use crate::index::{self, FilterGroup};
use crate::lookup::Lookup;
use crate::segment::Segment;
use crate::term::HashKey;

/// Returns the name within the store of a filter group, which is named after its first segment.
pub fn path(name: impl Into<SegmentName>) -> String {
    FileKind::FilterGroup.path(name.into())
}

/// Returns what the name of a filter group says, or `None` for any other name.
pub fn parse_name(name: &str) -> Option<SegmentName> {
    FileKind::FilterGroup.parse(name)
}

/// Returns the names of the filter groups in order, all generations of each; none if they cannot be listed.
pub fn list(disk: &dyn Disk) -> Vec<SegmentName> {
    FileKind::FilterGroup.list(disk)
}

/// Opens the filter group of the first of these segments: the highest of the generations in `names`, which are in order,
/// that holds. The segments are sealed and follow each other, and there is one at least. Returns `None` if there is no
/// file.
///
/// # Errors
///
/// No file can be read, is whole and of these segments; the highest generation says why.
pub fn load(
    cache: &FileCache,
    names: &[SegmentName],
    segments: &[Arc<Segment>],
) -> Result<Option<FilterGroup>> {
    let mut failed = Ok(None);
    for name in generations(names, segments[0].first()).iter().rev() {
        match open(cache, *name, segments) {
            Ok(None) => {}
            Ok(found) => return Ok(found),
            Err(error) => failed = failed.and(Err(error)),
        }
    }
    failed
}

fn open(cache: &FileCache, name: SegmentName, segments: &[Arc<Segment>]) -> Result<Option<FilterGroup>> {
    let name = path(name);
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
    let owners = owners(segments);
    let put = |name: &str| {
        put_in_place(cache.disk(), name, |write| index::write_filter_group(&filters, &owners, write))
    };
    let name = FileKind::FilterGroup.replace(cache.disk(), segments[0].first(), put)?;
    open(cache, name, segments)
}

/// Returns what tells a segment from all others, of this store and of every other one: in a filter group it stands for the
/// segment.
pub fn owner(head: &SegmentHeader, length: u64, hash_key: HashKey) -> u64 {
    hash_key.hash(&[&head.encode()[..], &length.to_le_bytes()].concat()) as u64
}

fn owners(segments: &[Arc<Segment>]) -> Vec<u64> {
    segments.iter().map(|segment| owner(segment.head(), segment.tail().0, segment.hash_key())).collect()
}
