//! Entries: what a leaf commits to, and what of it is plain to see.

use std::fmt;

use tidegate_format::record::ENTRY_BYTES;
use tidegate_format::{Error, EventId, Hash, Micros, Position, Record, Result, Version};

use crate::tree;

// Where the fields lie: those of a record's head, eight bytes earlier, since length and checksum are left out.
const POSITION: usize = 0;
const VERSION: usize = 8;
const PREVIOUS: usize = 16;
const TIME: usize = 24;
const ID: usize = 32;
const LINK: usize = 48;
const LANE: usize = 80;
const PAYLOAD_LENGTH: usize = 84;
const SCHEMA: usize = 88;
/// Bytes of an entry before the hash of the body.
pub(crate) const ENTRY_HEAD_BYTES: usize = ENTRY_BYTES - 32;

/// The entry of an event: its place, time and id, the lengths of its names, and a hash that hides both names and payload.
///
/// ```
/// # use tidegate_format::{Blind, Draft, Hash, Micros, Position, Record, Version};
/// # use tidegate_format::record::{self, Facts, Placed};
/// # let draft = Draft::new(("shop", "order-7"), "order.placed");
/// # let id = "0195fdd6-0000-7000-8000-000000000001".parse()?;
/// # let facts = Facts { id, correlation: id.into(), causes: &[], key: None, notes: &[], blind: Blind([7; 16]), batch_end: true };
/// # let mut bytes = Vec::new();
/// # let body = record::encode(&draft, &facts, &mut bytes);
/// # let (position, previous, version) = (Position(1), Position(0), Version(1));
/// # let placed = Placed { position, version, previous, link: Hash::ZERO, time: Micros(5) };
/// # record::place(&mut bytes, &placed, position, &body);
/// use tidegate_proof::Entry;
///
/// let record = Record::read(&bytes)?;
/// let entry = Entry::new(record.entry())?;
/// assert_eq!((entry.position(), entry.id(), entry.leaf()), (record.position(), record.id(), record.leaf()));
/// # Ok::<(), tidegate_format::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entry([u8; ENTRY_BYTES]);

impl Entry {
    /// Returns these bytes as an entry.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if no event can stand there: a position or version of 0, a
    /// stream's event before it that is not before it, or a first version with one.
    pub fn new(bytes: [u8; ENTRY_BYTES]) -> Result<Self> {
        let entry = Self(bytes);
        let (position, version, previous) = (entry.position(), entry.version(), entry.previous());
        let is_first = version == Version(1);
        if previous >= position || version == Version::EMPTY || is_first != (previous == Position::START) {
            let place = format!("position {position}, version {version}, previous {previous}");
            return Err(Error::invalid(format!("no event can stand at {place}")));
        }
        Ok(entry)
    }

    /// Returns all its bytes.
    pub fn as_bytes(&self) -> &[u8; ENTRY_BYTES] {
        &self.0
    }

    /// Returns its leaf.
    pub fn leaf(&self) -> Hash {
        tree::leaf_hash(&self.0)
    }

    /// Returns its place in the log.
    pub fn position(&self) -> Position {
        Position(self.number(POSITION))
    }

    /// Returns its place in its stream.
    pub fn version(&self) -> Version {
        Version(self.number(VERSION))
    }

    /// Returns the position of the stream's event before it, or 0 if it is the first.
    pub fn previous(&self) -> Position {
        Position(self.number(PREVIOUS))
    }

    /// Returns when it was recorded, as the store says.
    pub fn time(&self) -> Micros {
        Micros(self.number(TIME))
    }

    /// Returns the event's id.
    pub fn id(&self) -> EventId {
        EventId(self.array(ID))
    }

    /// Returns the leaf of the stream's event before it, or zeros if it is the first.
    pub fn link(&self) -> Hash {
        Hash(self.array(LINK))
    }

    /// Returns the lane of its stream.
    pub fn lane(&self) -> u32 {
        u32::from_le_bytes(self.array(LANE))
    }

    /// Returns how many bytes its payload has, or had.
    pub fn payload_bytes(&self) -> u32 {
        u32::from_le_bytes(self.array(PAYLOAD_LENGTH))
    }

    /// Returns the version of its payload's schema.
    pub fn schema(&self) -> u16 {
        u16::from_le_bytes(self.array(SCHEMA))
    }

    fn number(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut array = [0; N];
        array.copy_from_slice(&self.0[at..at + N]);
        array
    }
}

impl From<&Record<'_>> for Entry {
    fn from(record: &Record<'_>) -> Self {
        Self(record.entry())
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({} {})", self.position(), self.id())
    }
}
