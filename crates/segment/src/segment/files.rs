//! The files of segments: their names, which generation of each counts, and how one is opened.
//!
//! A file that another handle may have open or mapped is not replaced under its name. A newer one of the next
//! generation is put beside it, and the older one is removed once that is durable. A file gets its name only once it is
//! whole and durable, so the highest generation counts, and one that is damaged later is damage: a lower one may
//! hold what was erased, or an end that a recovery cut off.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_disk::{Disk, File, Mode};
use tidegate_format::{
    Error, ErrorKind, Offset, Position, Result, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentName,
};

use crate::frame_reader::{read_error, read_full};

/// The folder of the segments.
pub const SEGMENTS: &str = "segments";

/// Returns the name within the store of a segment's file.
pub fn path(name: impl Into<SegmentName>) -> String {
    format!("{SEGMENTS}/{}.seg", name.into())
}

/// Returns what a segment's file name says, or `None` for any other name.
pub fn parse_segment_name(name: &str) -> Option<SegmentName> {
    SegmentName::parse(name.strip_suffix(".seg")?)
}

/// Lists the segments that are there, in order, each in the generation that counts.
pub fn list(disk: &dyn Disk) -> Result<Vec<SegmentName>> {
    let mut newest = BTreeMap::new();
    for name in list_all(disk)? {
        // In ascending order, so that the highest generation stays.
        newest.insert(name.first, name);
    }
    Ok(newest.into_values().collect())
}

/// Lists the files that a later generation took the place of, in order.
pub fn list_replaced(disk: &dyn Disk) -> Result<Vec<SegmentName>> {
    let all = list_all(disk)?;
    let is_replaced = |pair: &&[SegmentName]| pair[0].first == pair[1].first;
    Ok(all.windows(2).filter(is_replaced).map(|pair| pair[0]).collect())
}

/// Finds the file that counts of the segment that starts at `first`, or returns `None` if there is none.
pub fn find(disk: &dyn Disk, first: Position) -> Result<Option<SegmentName>> {
    Ok(list_all(disk)?.into_iter().rfind(|name| name.first == first))
}

/// Returns whether a file could not be opened because there is none of that name.
pub fn is_missing(error: &Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::NotFound)
}

/// Lists all files of segments, in order.
pub fn list_all(disk: &dyn Disk) -> Result<Vec<SegmentName>> {
    let names = match disk.list(SEGMENTS) {
        Ok(names) => names,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(read_error("the segments cannot be listed", SEGMENTS, cause)),
    };
    let mut names: Vec<_> = names.iter().filter_map(|name| parse_segment_name(name)).collect();
    names.sort_unstable();
    Ok(names)
}

/// Opens the file of a segment, and reads its head.
pub(super) fn open_file(
    disk: &dyn Disk,
    file: SegmentName,
    mode: Mode,
) -> Result<(Arc<dyn File>, SegmentHeader)> {
    let (name, first) = (path(file), file.first);
    let file = open_unread(disk, &name, mode)?;
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    let head = read_full(&*file, &mut bytes, 0).and_then(|filled| SegmentHeader::read(&bytes[..filled]));
    let head = head.map_err(|error| error.in_file(&name, Some(Offset(0))))?;
    if head.first != first {
        let error = Error::damaged("the segment's name and its head disagree", first, head.first);
        return Err(error.in_file(&name, Some(Offset(0))));
    }
    Ok((file, head))
}

fn open_unread(disk: &dyn Disk, name: &str, mode: Mode) -> Result<Arc<dyn File>> {
    disk.open(name, mode).map_err(|cause| read_error("the segment cannot be opened", name, cause))
}

/// Does the same with a file that a newer generation may take the place of meanwhile, and says which one it opened.
pub(super) fn open_newest(
    disk: &dyn Disk,
    name: SegmentName,
) -> Result<(SegmentName, Arc<dyn File>, SegmentHeader)> {
    let (name, (file, head)) = newest(disk, name, |name| open_file(disk, name, Mode::Read))?;
    Ok((name, file, head))
}

/// Calls `open` with the generation of a segment that counts, and says which one that is.
fn newest<T>(
    disk: &dyn Disk,
    mut name: SegmentName,
    open: impl Fn(SegmentName) -> Result<T>,
) -> Result<(SegmentName, T)> {
    loop {
        match open(name) {
            Ok(opened) => return Ok((name, opened)),
            Err(error) if is_missing(&error) => {
                let newer = find(disk, name.first)?.filter(|newer| *newer > name);
                name = newer.ok_or(error)?;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Does the same with a segment that is at least `end` bytes long, and says whether it is longer.
pub(super) fn open_whole(
    disk: &dyn Disk,
    name: SegmentName,
    end: Offset,
) -> Result<(SegmentName, Arc<dyn File>, SegmentHeader, bool)> {
    let (name, file, head) = open_newest(disk, name)?;
    let length = whole_length(&*file, name, end)?;
    Ok((name, file, head, length > end.0))
}

/// Opens the file of such a segment without reading anything of it.
pub(super) fn open_whole_unread(disk: &dyn Disk, name: SegmentName, end: Offset) -> Result<Arc<dyn File>> {
    let (name, file) = newest(disk, name, |name| open_unread(disk, &path(name), Mode::Read))?;
    whole_length(&*file, name, end).map(|_| file)
}

/// Returns the length of a file, which is an error if it ends before `end`.
fn whole_length(file: &dyn File, name: SegmentName, end: Offset) -> Result<u64> {
    let name = path(name);
    let length = length_of(file, &name)?;
    if length < end.0 {
        let (expected, found) = (format!("{end} bytes"), format!("{length} bytes"));
        let error = Error::damaged("a sealed segment was cut short", expected, found);
        return Err(error.in_file(&name, Some(Offset(length))));
    }
    Ok(length)
}

/// Takes off what stands behind the end of a sealed segment, where nothing reads.
pub fn cut_sealed(disk: &dyn Disk, file: SegmentName, end: Offset) -> std::io::Result<()> {
    disk.open(&path(file), Mode::Write)?.set_len(end.0)
}

pub(super) fn length_of(file: &dyn File, name: &str) -> Result<u64> {
    file.length().map_err(|cause| {
        let error = Error::new(ErrorKind::Io, "the length of the segment is unknown").because(cause);
        error.in_file(name, None)
    })
}

#[cfg(test)]
mod tests {
    use tidegate_disk::Env;

    use super::*;

    #[test]
    fn the_highest_generation_counts() {
        let disk = Env::memory().disk;
        disk.create_folder(SEGMENTS).unwrap();
        let name = |first, generation| SegmentName { first: Position(first), generation };
        assert_eq!((list(&*disk).unwrap(), list_replaced(&*disk).unwrap()), (vec![], vec![]));
        for one in [name(1, 10), name(7, 0), name(1, 9), name(1, 0), name(9, 3)] {
            disk.open(&path(one), Mode::CreateNew).unwrap();
        }
        for other in ["00000000000000000001.11.seg.tmp", "00000000000000000001.011.seg", "1.12.seg"] {
            disk.open(&format!("{SEGMENTS}/{other}"), Mode::CreateNew).unwrap();
        }
        assert_eq!(list(&*disk).unwrap(), [name(1, 10), name(7, 0), name(9, 3)]);
        assert_eq!(list_replaced(&*disk).unwrap(), [name(1, 0), name(1, 9)]);
        assert_eq!(find(&*disk, Position(1)).unwrap(), Some(name(1, 10)));
        assert_eq!(find(&*disk, Position(8)).unwrap(), None);
    }
}
