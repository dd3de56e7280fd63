//! The floor: where the log begins, once its first segments were retired.
//!
//! Invariants:
//!
//! F1. What is below the floor is judged by the floor file and never by which files are there: a segment below it is a
//!     leftover of the retirement, and without a floor file a segment that is not there is missing.

use tidegate_disk::replace::replace;
use tidegate_disk::{Disk, Mode};
use tidegate_format::limit::FLOOR_FILE_BYTES_MAX;
use tidegate_format::{Error, FloorFile, Offset, Position, Result, SegmentHeader, SegmentName, StoreId};
use tidegate_segment::{Segment, write_error};

use super::{io, salvage};

/// The file that says where the log begins.
pub(crate) const FLOOR: &str = "FLOOR";

/// Where a log begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Floor {
    /// The first position that has a record.
    pub(crate) first: Position,
    /// First position and length of the segment before it, as the head of the segment at the floor says too.
    before: (Position, Offset),
}

impl Default for Floor {
    /// Nothing was retired.
    fn default() -> Self {
        Self { first: Position(1), before: (Position::START, Offset(0)) }
    }
}

impl Floor {
    /// Reads the floor of a store.
    pub(crate) fn read(disk: &dyn Disk, store: StoreId) -> Result<Self> {
        let file = match disk.open(FLOOR, Mode::Read) {
            Ok(file) => file,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(cause) => return Err(io("the floor file cannot be opened", FLOOR, cause)),
        };
        let mut bytes = vec![0; FLOOR_FILE_BYTES_MAX + 1];
        let filled = file.read_full_at(&mut bytes, 0);
        let filled = filled.map_err(|cause| io("the floor file cannot be read", FLOOR, cause))?;
        let floor = FloorFile::read(&bytes[..filled]).map_err(|error| salvage(error.in_file(FLOOR, None)))?;
        if floor.store != store {
            let error = Error::damaged("the floor file is of another store", store, floor.store);
            return Err(salvage(error.in_file(FLOOR, None)));
        }
        Ok(Self::of(&floor))
    }

    /// Keeps a floor file: the moment at which what is below it is retired.
    pub(crate) fn keep(disk: &dyn Disk, floor: &FloorFile) -> Result<()> {
        let at = |cause| write_error("the floor file cannot be kept", FLOOR, cause);
        replace(disk, FLOOR, floor.encode().as_bytes()).map_err(at)
    }

    /// Returns the floor that a file says.
    pub(crate) fn of(floor: &FloorFile) -> Self {
        Self { first: floor.first, before: (floor.before_first, floor.before_length) }
    }

    /// Returns whether there is a floor file.
    pub(crate) fn is_there(disk: &dyn Disk) -> Result<bool> {
        match disk.open(FLOOR, Mode::Read) {
            Ok(_) => Ok(true),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(cause) => Err(io("the floor file cannot be opened", FLOOR, cause)),
        }
    }

    /// Returns the first position of the last segment that was retired; 0 if none was.
    pub(crate) fn before_first(&self) -> Position {
        self.before.0
    }

    /// Drops the names of segments below it, which a retirement left. Keeps F1.
    pub(crate) fn retain(&self, names: &mut Vec<SegmentName>) {
        names.retain(|name| name.first >= self.first);
    }

    /// Refuses a first segment that names another one before it than the floor does.
    pub(crate) fn check(&self, first: &Segment) -> Result<()> {
        self.check_header(first.head()).map_err(|error| salvage(error.in_file(first.name(), Some(Offset(0)))))
    }

    /// Refuses the header of a first segment that names another one before it than the floor does.
    pub(crate) fn check_header(&self, first: &SegmentHeader) -> Result<()> {
        let found = (first.before_first, first.before_length);
        if found == self.before {
            return Ok(());
        }
        let text = |(first, length): (Position, Offset)| format!("position {first} and {length} bytes");
        let message = "the first segment names another one before it than the floor file does";
        Err(Error::damaged(message, text(self.before), text(found)))
    }
}
