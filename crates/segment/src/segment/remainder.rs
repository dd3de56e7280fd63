//! What stays of a retired segment: its index, and the id and the leaf of each event, in one file beside the segments.
//!
//! Invariant R1. The file is not derived: nothing else tells what it says. It is durable and was read back before the segment
//! goes, and one that is damaged or missing later is damage.

use tidegate_disk::{Disk, Mode};
use tidegate_format::{Error, ErrorKind, Position, Result, SegmentHeader, SegmentName};

use super::SEGMENTS;
use crate::frame_reader::{read_error, read_full};
use crate::index;
use crate::term::HashKey;

/// Ends the names of these files.
const SUFFIX: &str = ".gone";

/// Returns the name within the store of the remainder file of the segment that started at `first`.
pub fn path(first: Position) -> String {
    format!("{SEGMENTS}/{}{SUFFIX}", SegmentName::new(first))
}

/// Returns the first position of the segment of which a file of this name stays, or `None` for any other name.
pub fn parse_name(name: &str) -> Option<Position> {
    let name = SegmentName::parse(name.strip_suffix(SUFFIX)?)?;
    (name.generation == 0).then_some(name.first)
}

/// Returns the first positions of the retired segments of which something stays, in order.
pub fn list(disk: &dyn Disk) -> Result<Vec<Position>> {
    let names = match disk.list(SEGMENTS) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        names => names.map_err(|cause| read_error("the segments cannot be listed", SEGMENTS, cause))?,
    };
    let mut firsts: Vec<_> = names.iter().filter_map(|name| parse_name(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// Returns whether there is such a file.
pub(super) fn is_there(disk: &dyn Disk, first: Position) -> bool {
    disk.open(&path(first), Mode::Read).is_ok()
}

/// Reads the head of the remainder file of the segment before the one with the head `behind`.
pub(super) fn read_head(
    disk: &dyn Disk,
    first: Position,
    behind: &SegmentHeader,
    hash_key: HashKey,
) -> Result<SegmentHeader> {
    let name = path(first);
    let file = disk.open(&name, Mode::Read).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => missing(first),
        _ => read_error("what stays of a retired segment cannot be opened", &name, cause),
    })?;
    let mut bytes = [0; index::HEADER_BYTES];
    let filled = read_full(&*file, &mut bytes, 0).map_err(|error| error.in_file(&name, None))?;
    let made = index::made_of(&bytes[..filled], hash_key).ok_or_else(|| damaged(first))?;
    let (expected, found) = (
        (behind.before_first, behind.before_length, behind.first),
        (made.head.first, made.length, made.next),
    );
    if expected != found || made.head.first != first {
        let text = |(first, length, next): (Position, _, Position)| {
            format!("positions {first} to {}, {length} bytes", next.before())
        };
        let message = "what stays of a retired segment is not what goes before the next one";
        return Err(Error::damaged(message, text(expected), text(found)).in_file(&name, None));
    }
    Ok(made.head)
}

/// Returns the error of a record that was retired.
pub(super) fn retired(name: &str) -> Error {
    Error::new(ErrorKind::Retired, "the records of this segment were retired").in_file(name, None)
}

/// Returns the error for a remainder file that is not there.
pub(crate) fn missing(first: Position) -> Error {
    Error::damaged("what stays of a retired segment is missing", "a file", "none").in_file(&path(first), None)
}

/// Returns the error for a remainder file that does not hold.
pub(crate) fn damaged(first: Position) -> Error {
    let message = "what stays of a retired segment is damaged, and nothing else tells what it said";
    Error::damaged(message, "an index, ids and leaves", "other bytes").in_file(&path(first), None)
}
