//! Sealed segments: found by their heads and lengths alone, each in line with the one behind it, and opened once they
//! are asked.

use std::sync::Arc;

use tidegate_format::{Error, Offset, Position, Result, SegmentHeader, SegmentName, StoreFile};
use tidegate_segment::cache::FileCache;
use tidegate_segment::indexing::{generations, list_indexes};
use tidegate_segment::{IndexState, Segment};

use super::identity::{Floor, salvage, seed};

/// Finds the sealed segments in order, with what stays of those that were retired before them, and checks that each goes
/// on where the one before it ended. If `last_waits`, the
/// last one gets its index once it is asked, also if it has no index file yet: a writer that was killed may have sealed
/// it a moment ago, and so may the recovery after that.
pub(super) fn load_sealed(
    cache: &Arc<FileCache>,
    store: &StoreFile,
    floor: &Floor,
    names: &[SegmentName],
    newest: &SegmentHeader,
    last_waits: bool,
) -> Result<Vec<Arc<Segment>>> {
    let mut segments: Vec<Arc<Segment>> = Vec::with_capacity(names.len() + 1);
    let indexes = list_indexes(cache.disk());
    // Whether an index file could be used. Those of another version are so all together; until one is, each is opened
    // at once, so that what cannot be used is built anew here and not held in memory later.
    let mut indexes_are_sound = false;
    let mut next = *newest;
    for &name in names.iter().rev() {
        let first = name.first;
        if first > next.before_first && next.before_first != Position::START {
            return Err(stray(name, next.before_first));
        }
        if next.before_first != first {
            return Err(missing(next.before_first, next.first.before()));
        }
        let index = generations(&indexes, first).last();
        let waits = if index.is_some() { indexes_are_sound } else { last_waits && segments.is_empty() };
        let segment = Segment::find_sealed(cache, name, &next, seed(store.seed), waits).map_err(salvage)?;
        check_store(&segment, store)?;
        if let Some(name) = index {
            segment.know_index(*name);
        }
        if index.is_some() && !waits {
            match segment.load_index(cache) {
                Ok(IndexState::InUse) => indexes_are_sound = true,
                Ok(IndexState::Missing) => {}
                Err(error) => {
                    tracing::debug!(%error, segment = segment.name(), "an index file cannot be used");
                }
            }
        }
        next = *segment.head();
        segments.push(Arc::new(segment));
    }
    if next.first != floor.first {
        return Err(missing(next.before_first.max(floor.first), next.first.before()));
    }
    let last = segments.last();
    last.map_or_else(|| floor.check_header(newest).map_err(salvage), |first| floor.check(first))?;
    segments.extend(load_retired(cache, store, &next)?);
    segments.reverse();
    Ok(segments)
}

/// Finds what stays of the segments before the one with the head `behind`, which were retired, the last one first.
pub(super) fn load_retired(
    cache: &Arc<FileCache>,
    store: &StoreFile,
    behind: &SegmentHeader,
) -> Result<Vec<Arc<Segment>>> {
    let (mut segments, mut next) = (Vec::new(), *behind);
    while next.before_first != Position::START {
        let retired = Segment::find_retired(cache, next.before_first, &next, seed(store.seed));
        let segment = retired.map_err(salvage)?;
        check_store(&segment, store)?;
        next = *segment.head();
        segments.push(Arc::new(segment));
    }
    Ok(segments)
}

/// Refuses a segment of another store.
pub(super) fn check_store(segment: &Segment, store: &StoreFile) -> Result<()> {
    check_owner(segment, segment.next().before(), store)
}

/// Refuses a segment of another store, which has events up to this position.
pub(super) fn check_owner(segment: &Segment, last: Position, store: &StoreFile) -> Result<()> {
    let head = segment.head();
    if store.owns_segment(head.store, head.salt, last) { Ok(()) } else { Err(foreign(segment)) }
}

fn foreign(segment: &Segment) -> Error {
    let error = Error::damaged("a segment belongs to another store", "this store", segment.head().store);
    salvage(error.in_file(segment.name(), Some(Offset(0))))
}

/// Refuses a file with the name of a segment between two others that follow each other.
pub(super) fn stray(name: SegmentName, expected: Position) -> Error {
    let message = "a segment is not a part of this log, others hold its positions";
    let error = Error::damaged(
        message,
        format!("a segment at position {expected}"),
        format!("position {}", name.first),
    );
    salvage(error.in_file(&tidegate_segment::path(name), None))
}

pub(super) fn missing(first: Position, last: Position) -> Error {
    let expected = format!("positions {first} to {last}");
    let error = Error::damaged("a segment is missing", expected, "no such file");
    salvage(error.in_file(&tidegate_segment::path(first), None))
}
