//! Sealed segments: opened by their heads alone, each in line with the one behind it.

use std::sync::Arc;

use tidegate_disk::{Mode, World};
use tidegate_format::{Error, Offset, Position, Result, SegmentHead, StoreFile};
use tidegate_segment::Segment;

use super::identity::{salvage, seed};

/// Opens the sealed segments in order, and checks that each goes on where the one before it ended.
pub(super) fn load_sealed(
    world: &World,
    firsts: &[Position],
    newest: &SegmentHead,
    map: bool,
) -> Result<Vec<Arc<Segment>>> {
    let mut segments: Vec<Arc<Segment>> = Vec::with_capacity(firsts.len() + 1);
    let mut next = *newest;
    for &first in firsts.iter().rev() {
        if first > next.before_first && next.before_first != Position::START {
            let expected = format!("the segment at position {} before it", next.before_first);
            let error =
                Error::damaged("a segment is none of this log", expected, format!("position {first}"));
            return Err(salvage(error.in_file(&tidegate_segment::path(first), None)));
        }
        if next.before_first != first {
            return Err(missing(next.before_first, next.first.before()));
        }
        let segment = Segment::open(&*world.disk, first, Mode::Read, seed(next.salt)).map_err(salvage)?;
        if segment.head().store != next.store {
            return Err(foreign(&segment));
        }
        let length = segment.file_length()?;
        if length < next.before_length.0 {
            let expected = format!("{} bytes", next.before_length);
            let error = Error::damaged("a sealed segment was cut short", expected, format!("{length} bytes"));
            return Err(salvage(error.in_file(segment.name(), Some(Offset(length)))));
        }
        if segment.first() >= next.first {
            let error = Error::damaged("the segments are out of order", next.first, segment.first());
            return Err(salvage(error.in_file(segment.name(), Some(Offset(0)))));
        }
        segment.seal(&next, map)?;
        if let Err(error) = segment.load_index(&*world.disk, map) {
            tracing::debug!(%error, segment = segment.name(), "no index file is of use");
        }
        next = *segment.head();
        segments.push(Arc::new(segment));
    }
    if next.before_first != Position::START {
        return Err(missing(next.before_first, next.first.before()));
    }
    segments.reverse();
    Ok(segments)
}

/// Refuses a segment of another store.
pub(super) fn check_store(segment: &Segment, store: &StoreFile) -> Result<()> {
    let head = segment.head();
    if (head.store, head.salt) == (store.id, store.salt) { Ok(()) } else { Err(foreign(segment)) }
}

fn foreign(segment: &Segment) -> Error {
    let error = Error::damaged("a segment belongs to another store", "this store", segment.head().store);
    salvage(error.in_file(segment.name(), Some(Offset(0))))
}

pub(super) fn missing(first: Position, last: Position) -> Error {
    let expected = format!("positions {first} to {last}");
    let error = Error::damaged("a segment is missing", expected, "no such file");
    salvage(error.in_file(&tidegate_segment::path(first), None))
}
