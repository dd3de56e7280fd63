//! The floor file: where the log begins, if what came before was retired.
//!
//! ```
//! use tidegate_format::{FloorFile, Hash, Micros, Offset, Position, StoreId};
//!
//! let floor = FloorFile {
//!     store: StoreId::from_time(1_795_000_000_000_000, &[7; 10]),
//!     first: Position(257),
//!     before_first: Position(129),
//!     before_length: Offset(65_373),
//!     root: Hash([1; 32]),
//!     edges: vec![Hash([2; 32])],
//!     leaves: Vec::new(),
//!     time: Micros(1_795_000_000_000_000),
//!     reason: "older than ten years".to_owned(),
//! };
//! assert_eq!(FloorFile::read(floor.encode().as_bytes())?, floor);
//! # Ok::<(), tidegate_format::Error>(())
//! ```

use std::fmt::Write;

use crate::error::Result;
use crate::hash::Hash;
use crate::id::StoreId;
use crate::limit::{FLOOR_FILE_BYTES_MAX, FORMAT};
use crate::name;
use crate::number::{Micros, Offset, Position};

use super::check_format;
use super::text::{self, CheckedText};

const FIRST_LINE: &str = "tidegate floor\n";
/// Leaves of the tile that the floor cuts, at most: one less than a tile has.
const LEAVES_MAX: usize = 255;
/// Roots of whole subtrees that any number of leaves comes apart into, at most.
const EDGES_MAX: usize = 64;

/// Where the log begins, and what stays of the tree before that.
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
    /// The root of the tree over all that was retired.
    pub root: Hash,
    /// The roots of the whole subtrees that it comes apart into, the largest first.
    pub edges: Vec<Hash>,
    /// The leaves of the tile that the floor cuts.
    pub leaves: Vec<Hash>,
    /// The time of the retirement.
    pub time: Micros,
    /// Why.
    pub reason: String,
}

impl FloorFile {
    /// Returns its text.
    pub fn encode(&self) -> String {
        let Self { store, first, before_first, before_length, root, edges, leaves, time, reason } = self;
        let mut text = format!(
            "{FIRST_LINE}format {FORMAT}\nstore {store}\nfirst {first}\nbefore {before_first} {before_length}\n\
             root {root}\n"
        );
        let lines = edges.iter().map(|edge| ("edge", edge)).chain(leaves.iter().map(|leaf| ("leaf", leaf)));
        for (name, hash) in lines {
            writeln!(text, "{name} {hash}").expect("text takes what is written to it");
        }
        text::seal(text + &format!("time {time}\nreason {reason}\n"))
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
        let root = text.number("root")?;
        let mut hashes = |name: &str| {
            let mut hashes = Vec::new();
            while let Some(hash) = text.optional(name) {
                hashes.push(hash.parse().map_err(|_| text.unlike(format!("a hash of an {name}")))?);
            }
            Ok(hashes)
        };
        let (edges, leaves) = (hashes("edge")?, hashes("leaf")?);
        let time = Micros(text.number("time")?);
        let reason = text.field("reason")?.to_owned();
        let found = Self { store, first, before_first, before_length, root, edges, leaves, time, reason };
        if !found.is_possible() {
            return Err(text.unlike("a floor behind a segment that was there"));
        }
        text.end(&found.encode())?;
        Ok(found)
    }

    /// Returns whether it lies behind a segment, and a tree of that size has these edges and leaves.
    fn is_possible(&self) -> bool {
        let retired = self.first.0.saturating_sub(1);
        self.before_first != Position::START
            && self.before_first < self.first
            && self.before_length != Offset(0)
            && self.edges.len() <= EDGES_MAX
            && self.edges.len() == retired.count_ones() as usize
            && self.leaves.len() <= LEAVES_MAX
            && self.leaves.len() as u64 == retired % 256
            && name::check("reason", &self.reason).is_ok()
    }
}

fn place(text: &str) -> Option<(Position, Offset)> {
    let (first, length) = text.split_once(' ')?;
    Some((Position(first.parse().ok()?), Offset(length.parse().ok()?)))
}
