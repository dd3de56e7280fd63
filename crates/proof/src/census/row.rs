//! What a census says of one stream, scope, kind or tag.

use std::fmt;

use tidegate_format::{Hash, Position, hash};

use super::term::CensusField;
use crate::tree;

/// Bytes of a row.
pub const ROW_BYTES: usize = 80;

/// One row of a census: how many events something has, and a hash that settles which.
///
/// | offset | size | field | meaning |
/// |---|---|---|---|
/// | 0 | 32 | term | [`CensusTerm::hash`](super::CensusTerm::hash) |
/// | 32 | 8 | count | number of events |
/// | 40 | 32 | tip | of a stream: its last leaf. Of others: SHA-256(tip of the events before ‖ leaf), from zeros on |
/// | 72 | 8 | last | position of the last event |
///
/// Numbers are little-endian. The leaf of a row in the tree of a census is that of these 80 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CensusRow {
    /// What it is about.
    pub term: Hash,
    /// How many events that has.
    pub count: u64,
    /// What settles which events they are.
    pub tip: Hash,
    /// The position of the last of them.
    pub last: Position,
}

impl CensusRow {
    /// Returns the row of something without events yet. Such a row is in no census.
    pub fn new(term: Hash) -> Self {
        Self { term, count: 0, tip: Hash::ZERO, last: Position::START }
    }

    /// Counts the next event, in the order of positions.
    pub fn add(&mut self, field: CensusField, leaf: Hash, position: Position) {
        self.count = self.count.saturating_add(1);
        self.last = position;
        self.tip = match field {
            // Each leaf of a stream commits to the one before it.
            CensusField::Stream => leaf,
            CensusField::Scope | CensusField::Kind | CensusField::Tag => {
                hash::sha256(&[self.tip.0, leaf.0].concat())
            }
        };
    }

    /// Returns its bytes.
    pub fn to_bytes(&self) -> [u8; ROW_BYTES] {
        let mut bytes = [0; ROW_BYTES];
        bytes[..32].copy_from_slice(&self.term.0);
        bytes[32..40].copy_from_slice(&self.count.to_le_bytes());
        bytes[40..72].copy_from_slice(&self.tip.0);
        bytes[72..].copy_from_slice(&self.last.0.to_le_bytes());
        bytes
    }

    /// Returns the row with these bytes.
    pub fn from_bytes(bytes: &[u8; ROW_BYTES]) -> Self {
        let hash = |at: usize| {
            let mut hash = Hash::ZERO;
            hash.0.copy_from_slice(&bytes[at..at + 32]);
            hash
        };
        let number = |at: usize| {
            let mut number = [0; 8];
            number.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(number)
        };
        Self { term: hash(0), count: number(32), tip: hash(40), last: Position(number(72)) }
    }

    /// Returns its leaf in the tree of a census.
    pub fn leaf(&self) -> Hash {
        tree::leaf_hash(&self.to_bytes())
    }
}

impl fmt::Debug for CensusRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CensusRow({} has {}, the last at {})", self.term, self.count, self.last)
    }
}
