//! The floor file: where the log begins, if what came before was retired.
//!
//! ```
//! use tidegate_format::{FloorFile, Micros, Offset, Position, StoreId};
//!
//! let floor = FloorFile {
//!     store: StoreId::from_time(1_795_000_000_000_000, &[7; 10]),
//!     first: Position(257),
//!     before_first: Position(129),
//!     before_length: Offset(65_373),
//!     time: Micros(1_795_000_000_000_000),
//!     reason: "older than ten years".to_owned(),
//! };
//! assert_eq!(FloorFile::read(floor.encode().as_bytes())?, floor);
//! # Ok::<(), tidegate_format::Error>(())
//! ```

use crate::error::Result;
use crate::id::StoreId;
use crate::limit::{FLOOR_FILE_BYTES_MAX, FORMAT};
use crate::name;
use crate::number::{Micros, Offset, Position};

use super::check_format;
use super::text::{self, CheckedText};

const FIRST_LINE: &str = "tidegate floor\n";

/// Where the log begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloorFile {
    /// The store it belongs to.
    pub store: StoreId,
    /// The first position that still has a record: the first of a segment.
    pub first: Position,
    /// First position of the last segment that was retired; the head of the first one that is left says the same.
    pub before_first: Position,
    /// Where that segment's frames ended.
    pub before_length: Offset,
    /// The time of the retirement.
    pub time: Micros,
    /// Why.
    pub reason: String,
}

impl FloorFile {
    /// Returns its text.
    pub fn encode(&self) -> String {
        let Self { store, first, before_first, before_length, time, reason } = self;
        text::seal(format!(
            "{FIRST_LINE}format {FORMAT}\nstore {store}\nfirst {first}\nbefore {before_first} {before_length}\n\
             time {time}\nreason {reason}\n"
        ))
    }

    /// Reads and checks the text, which is all of `bytes`.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut text = CheckedText::read("floor file", FIRST_LINE, FLOOR_FILE_BYTES_MAX, bytes)?;
        check_format("floor file", text.number("format")?)?;
        let store = text.number("store")?;
        let first = Position(text.number("first")?);
        let before = text.field("before")?;
        let (before_first, before_length) =
            place(before).ok_or_else(|| text.unlike("the segment before the floor"))?;
        let time = Micros(text.number("time")?);
        let reason = text.field("reason")?.to_owned();
        let found = Self { store, first, before_first, before_length, time, reason };
        if !found.is_possible() {
            return Err(text.unlike("a floor behind a segment that was there"));
        }
        text.end(&found.encode())?;
        Ok(found)
    }

    /// Returns whether it lies behind a segment, and its reason can be kept.
    fn is_possible(&self) -> bool {
        self.before_first != Position::START
            && self.before_first < self.first
            && self.before_length != Offset(0)
            && name::check("reason", &self.reason).is_ok()
    }
}

fn place(text: &str) -> Option<(Position, Offset)> {
    let (first, length) = text.split_once(' ')?;
    Some((Position(first.parse().ok()?), Offset(length.parse().ok()?)))
}
