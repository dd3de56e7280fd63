//! Segment heads: what one file of the log says of itself, and of the file before it.
//!
//! Invariants:
//!
//! S1. The first sixteen bytes are the same in every version: magic, version, and a checksum of these two.
//!     So a newer version is told from a damaged one, wherever it keeps the rest.
//!
//! ```
//! use tidegate_format::{Micros, Offset, Position, SegmentHeader, StoreId};
//!
//! let head = SegmentHeader {
//!     store: StoreId::from_time(1_795_000_000_000_000, &[7; 10]),
//!     salt: 99,
//!     first: Position(1),
//!     before_first: Position(0),
//!     before_length: Offset(0),
//!     created: Micros(1_795_000_000_000_000),
//!     epoch: 1,
//! };
//! assert_eq!(SegmentHeader::read(&head.encode())?, head);
//! # Ok::<(), tidegate_format::Error>(())
//! ```

use crate::error::{Error, Result};
use crate::hash;
use crate::id::StoreId;
use crate::layout::number;
use crate::limit::FORMAT;
use crate::number::{Micros, Offset, Position};
use crate::store;

/// Bytes of a segment before its frames.
pub const SEGMENT_HEADER_BYTES: usize = 80;

const MAGIC: [u8; 8] = *b"\xf7TGseg\r\n";
const VERSION: usize = 8;
const VERSION_CRC: usize = 12;
const STORE: usize = 16;
const SALT: usize = 32;
const FIRST: usize = 40;
const BEFORE_FIRST: usize = 48;
const BEFORE_LENGTH: usize = 56;
const CREATED: usize = 64;
const EPOCH: usize = 72;
const CRC: usize = 76;

const _: () = assert!(CRC + size_of::<u32>() == SEGMENT_HEADER_BYTES);

/// The header of a segment, before its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The store it belongs to.
    pub store: StoreId,
    /// What the checksums of its frames start from.
    pub salt: u64,
    /// The position of its first event.
    pub first: Position,
    /// The first position of the segment before it; 0 if there is none.
    pub before_first: Position,
    /// Where the segment before it ends, in bytes; 0 if there is none.
    pub before_length: Offset,
    /// When it was created.
    pub created: Micros,
    /// Which writable opening of the store created it, counted from 1.
    pub epoch: u32,
}

impl SegmentHeader {
    /// Returns its bytes.
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..VERSION].copy_from_slice(&MAGIC);
        bytes[VERSION..VERSION_CRC].copy_from_slice(&FORMAT.to_le_bytes());
        let crc = hash::crc(0, &bytes[..VERSION_CRC]);
        bytes[VERSION_CRC..STORE].copy_from_slice(&crc.to_le_bytes());
        bytes[STORE..SALT].copy_from_slice(&self.store.0);
        bytes[SALT..FIRST].copy_from_slice(&self.salt.to_le_bytes());
        bytes[FIRST..BEFORE_FIRST].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[BEFORE_FIRST..BEFORE_LENGTH].copy_from_slice(&self.before_first.0.to_le_bytes());
        bytes[BEFORE_LENGTH..CREATED].copy_from_slice(&self.before_length.0.to_le_bytes());
        bytes[CREATED..EPOCH].copy_from_slice(&self.created.0.to_le_bytes());
        bytes[EPOCH..CRC].copy_from_slice(&self.epoch.to_le_bytes());
        let crc = hash::crc(0, &bytes[STORE..CRC]);
        bytes[CRC..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads and checks the head that starts `bytes`.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        Self::read_version(bytes)?;
        if bytes.len() < SEGMENT_HEADER_BYTES {
            let found = format!("{} bytes", bytes.len());
            return Err(Error::damaged("a segment's head is cut short", "at least 80 bytes", found));
        }
        let (stated, found) = (number!(bytes, CRC, u32), hash::crc(0, &bytes[STORE..CRC]));
        if stated != found {
            let (stated, found) = (format!("{stated:08x}"), format!("{found:08x}"));
            return Err(Error::damaged("the checksum of a segment's head does not hold", stated, found));
        }
        let head = Self::fields(bytes);
        let (first, before) = (head.first, head.before_first);
        let earliest = before == Position::START;
        if before >= first
            || earliest != (first == Position(1))
            || earliest != (head.before_length == Offset(0))
        {
            let found = format!("positions from {first}, before it {before} to byte {}", head.before_length);
            return Err(Error::damaged(
                "a segment's head is impossible",
                "an earlier segment or none",
                found,
            ));
        }
        Ok(head)
    }

    /// Checks the bytes that every version has in common (S1).
    fn read_version(bytes: &[u8]) -> Result<()> {
        if bytes.len() < STORE {
            let found = format!("{} bytes", bytes.len());
            return Err(Error::damaged("a segment's head is cut short", "at least 80 bytes", found));
        }
        if bytes[..VERSION] != MAGIC {
            let found = format!("{:02x?}", &bytes[..VERSION]);
            return Err(Error::damaged("this is not a segment", format!("{MAGIC:02x?}"), found));
        }
        let (stated, found) = (number!(bytes, VERSION_CRC, u32), hash::crc(0, &bytes[..VERSION_CRC]));
        if stated != found {
            let (stated, found) = (format!("{stated:08x}"), format!("{found:08x}"));
            return Err(Error::damaged("the checksum of a segment's version does not hold", stated, found));
        }
        store::check_format("segment", number!(bytes, VERSION, u32))
    }

    fn fields(bytes: &[u8]) -> Self {
        let mut store = [0; 16];
        store.copy_from_slice(&bytes[STORE..SALT]);
        Self {
            store: StoreId(store),
            salt: number!(bytes, SALT, u64),
            first: Position(number!(bytes, FIRST, u64)),
            before_first: Position(number!(bytes, BEFORE_FIRST, u64)),
            before_length: Offset(number!(bytes, BEFORE_LENGTH, u64)),
            created: Micros(number!(bytes, CREATED, u64)),
            epoch: number!(bytes, EPOCH, u32),
        }
    }
}

/// The file name of a segment without its ending: its first position in twenty digits, and behind a dot its
/// generation, unless that is 0.
///
/// A file that another handle may have open or mapped is not replaced by one of the same name; the new one is of the
/// next generation, and the newest whole one counts.
///
/// ```
/// use tidegate_format::{Position, SegmentName};
///
/// let name = SegmentName::new(Position(7));
/// assert_eq!(name.to_string(), "00000000000000000007");
/// assert_eq!(name.next_generation().to_string(), "00000000000000000007.1");
/// assert_eq!(SegmentName::parse("00000000000000000007.1"), Some(name.next_generation()));
/// assert_eq!(SegmentName::parse("7"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    /// The position of its first event.
    pub first: Position,
    /// How many times the file was replaced by a newer one.
    pub generation: u32,
}

impl SegmentName {
    /// Returns the name of a segment that was not replaced.
    pub fn new(first: Position) -> Self {
        Self { first, generation: 0 }
    }

    /// Returns the name that a newer file of this segment gets.
    #[must_use]
    pub fn next_generation(self) -> Self {
        Self { generation: self.generation.saturating_add(1), ..self }
    }

    /// Reads a name, or returns `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let (digits, generation) = match text.split_once('.') {
            None => (text, 0),
            Some((digits, generation)) => (digits, generation.parse().ok()?),
        };
        let name = Self { first: Position(digits.parse().ok()?), generation };
        // One name has one text: no sign, no other number of digits, no written generation 0.
        (name.first != Position::START && name.to_string() == text).then_some(name)
    }
}

impl From<Position> for SegmentName {
    fn from(first: Position) -> Self {
        Self::new(first)
    }
}

impl std::fmt::Display for SegmentName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:020}", self.first.0)?;
        if self.generation == 0 { Ok(()) } else { write!(f, ".{}", self.generation) }
    }
}
