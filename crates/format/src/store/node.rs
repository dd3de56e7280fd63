//! The node file: how far a node of a shared log has applied it, and what it knows of the other nodes there.
//!
//! ```
//! use tidegate_format::store::{NodeFile, NodeId, NodeSequence};
//! use tidegate_format::{Position, StoreId};
//!
//! let store = StoreId::from_time(1_795_000_000_000_000, &[7; 10]);
//! let known = NodeSequence { id: NodeId([1; 16]), sequence: 3, used: 17 };
//! let node = NodeFile { store, slot: 42, position: Position(258), rules: 1, known: vec![known] };
//! assert_eq!(NodeFile::read(node.encode().as_bytes())?, node);
//! # Ok::<(), tidegate_format::Error>(())
//! ```

use std::fmt::{self, Write};

use crate::error::Result;
use crate::hash;
use crate::id::StoreId;
use crate::limit::{FORMAT, NODE_FILE_BYTES_MAX};
use crate::number::Position;

use super::check_format;
use super::text::{self, CheckedText};

const FIRST_LINE: &str = "tidegate node\n";

/// Which opening of a node made a proposal: random, another one for each opening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub [u8; 16]);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What is known of the proposals of a node id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeSequence {
    /// The node id.
    pub id: NodeId,
    /// The sequence of its last proposal that was applied.
    pub sequence: u64,
    /// The slot of that one.
    pub used: u64,
}

/// Where a node goes on after it was closed or has died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFile {
    /// The store it belongs to.
    pub store: StoreId,
    /// The slot up to which the shared log was applied.
    pub slot: u64,
    /// The last position then, which was durable here.
    pub position: Position,
    /// The greatest rules of any proposal up to there.
    pub rules: u32,
    /// What is known of each node id that was not forgotten, in ascending order of the ids.
    pub known: Vec<NodeSequence>,
}

impl NodeFile {
    /// Returns its text.
    pub fn encode(&self) -> String {
        let Self { store, slot, position, rules, known } = self;
        let mut text = format!(
            "{FIRST_LINE}format {FORMAT}\nstore {store}\nslot {slot}\nposition {position}\nrules {rules}\n"
        );
        for NodeSequence { id, sequence, used } in known {
            writeln!(text, "known {id} {sequence} {used}").expect("text takes what is written to it");
        }
        text::seal(text)
    }

    /// Reads and checks the text, which is all of `bytes`.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut text = CheckedText::read("node file", FIRST_LINE, NODE_FILE_BYTES_MAX, bytes)?;
        check_format("node file", text.number("format")?)?;
        let store = text.number("store")?;
        let (slot, position) = (text.number("slot")?, Position(text.number("position")?));
        let rules = text.number("rules")?;
        let mut known = Vec::new();
        while let Some(line) = text.optional("known") {
            known.push(sequence(line).ok_or_else(|| text.unlike("a node id, a sequence and a slot"))?);
        }
        let found = Self { store, slot, position, rules, known };
        if !found.is_possible() {
            return Err(text.unlike("node ids in ascending order, used up to the slot"));
        }
        text.end(&found.encode())?;
        Ok(found)
    }

    fn is_possible(&self) -> bool {
        let is_used = |known: &NodeSequence| (1..=self.slot).contains(&known.used) && known.sequence > 0;
        self.known.is_sorted_by(|one, next| one.id < next.id) && self.known.iter().all(is_used)
    }
}

fn sequence(line: &str) -> Option<NodeSequence> {
    let mut words = line.split(' ');
    let (id, sequence, used) = (words.next()?, words.next()?, words.next()?);
    let id = NodeId(hash::digits(id)?);
    words.next().is_none().then_some(NodeSequence {
        id,
        sequence: sequence.parse().ok()?,
        used: used.parse().ok()?,
    })
}
