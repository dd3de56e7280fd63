//! The files of segments: their names, which of them are there, and how one is opened.

use std::sync::Arc;

use tidegate_disk::{Disk, File, Mode};
use tidegate_format::{
    Error, ErrorKind, Offset, Position, Result, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentName,
};

use crate::frame_reader::read_full;

/// The folder of the segments.
pub const SEGMENTS: &str = "segments";

/// The name within the store of the segment that starts at `first`.
pub fn path(first: Position) -> String {
    format!("{SEGMENTS}/{}.seg", SegmentName::new(first))
}

/// Whether a name is that of a segment in a later generation.
fn is_replaced(name: &str) -> bool {
    name.strip_suffix(".seg").and_then(SegmentName::parse).is_some_and(|name| name.generation != 0)
}

/// Returns the first position in a segment's file name, or `None` for any other name.
pub fn parse_segment_name(name: &str) -> Option<Position> {
    let name = SegmentName::parse(name.strip_suffix(".seg")?)?;
    (name.generation == 0).then_some(name.first)
}

/// The first positions of the segments that are there, in order.
pub fn list(disk: &dyn Disk) -> Result<Vec<Position>> {
    let names = match disk.list(SEGMENTS) {
        Ok(names) => names,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => {
            let error = Error::new(ErrorKind::Io, "the segments cannot be listed").because(cause);
            return Err(error.in_file(SEGMENTS, None));
        }
    };
    // The format defines generations, and this version of the program does not tell which one counts.
    if let Some(name) = names.iter().find(|name| is_replaced(name)) {
        let message =
            "a segment was replaced by a newer generation, which this program does not read; upgrade it";
        return Err(Error::new(ErrorKind::Newer, message).in_file(&format!("{SEGMENTS}/{name}"), None));
    }
    let mut firsts: Vec<_> = names.iter().filter_map(|name| parse_segment_name(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// Opens the file of the segment that starts at `first`, and reads its head.
pub(super) fn open_file(
    disk: &dyn Disk,
    first: Position,
    mode: Mode,
) -> Result<(Arc<dyn File>, SegmentHeader)> {
    let name = path(first);
    let io = |cause| Error::new(ErrorKind::Io, "the segment cannot be opened").because(cause);
    let file = disk.open(&name, mode).map_err(|cause| io(cause).in_file(&name, None))?;
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    let head = read_full(&*file, &mut bytes, 0).and_then(|filled| SegmentHeader::read(&bytes[..filled]));
    let head = head.map_err(|error| error.in_file(&name, Some(Offset(0))))?;
    if head.first != first {
        let error = Error::damaged("the segment's name and its head disagree", first, head.first);
        return Err(error.in_file(&name, Some(Offset(0))));
    }
    Ok((file, head))
}

/// The same, for a segment that is at least so long.
pub(super) fn open_whole(
    disk: &dyn Disk,
    first: Position,
    end: Offset,
) -> Result<(Arc<dyn File>, SegmentHeader)> {
    let (file, head) = open_file(disk, first, Mode::Read)?;
    let name = path(first);
    let length = length_of(&*file, &name)?;
    if length < end.0 {
        let (expected, found) = (format!("{end} bytes"), format!("{length} bytes"));
        let error = Error::damaged("a sealed segment was cut short", expected, found);
        return Err(error.in_file(&name, Some(Offset(length))));
    }
    Ok((file, head))
}

pub(super) fn length_of(file: &dyn File, name: &str) -> Result<u64> {
    file.length().map_err(|cause| {
        let error = Error::new(ErrorKind::Io, "the length of the segment is unknown").because(cause);
        error.in_file(name, None)
    })
}
