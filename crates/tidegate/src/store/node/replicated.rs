//! What every node knows alike behind a slot of the shared log, beside the history: whose proposals were applied.
//!
//! Invariants:
//!
//! W1. A proposal is applied only in its sequence, so what arrives twice or is overtaken leaves nothing.
//! W2. A late copy of what was applied under a forgotten id is void: its maker had applied no more than the slot before
//!     the id's last use, which is more than [`WINDOW`] slots ago. And what its maker proposed after that use has a later
//!     sequence than 1, so nothing of a forgotten id is applied any more: a node may hand it in again under another id.

use std::collections::BTreeMap;

use tidegate_format::store::{NodeFile, NodeId, NodeSequence};
use tidegate_format::{Position, StoreId};

use super::item::Header;

/// Slots after which a node id that was not used is forgotten, and a proposal is too old.
pub(super) const WINDOW: u64 = 16_777_216;
/// Slots after which ids are looked through for those that are forgotten.
const SWEEP_SLOTS: u64 = 4096;

/// Why a proposal leaves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Void {
    /// It is of another store.
    OtherStore,
    /// Its maker had applied too little, or more than there was.
    Age,
    /// It was made by rules that were replaced.
    OldRules,
    /// It is not the next one of its node id.
    Sequence,
    /// The history here is not the one that it was made for.
    OtherHistory,
    /// Its bytes are none that a node proposes.
    Malformed,
}

/// What is known of a node id.
#[derive(Clone, Copy, Debug)]
struct Known {
    sequence: u64,
    used: u64,
}

/// How far the shared log was applied, and what is known of the node ids in it.
#[derive(Clone, Debug)]
pub(super) struct Replicated {
    store: StoreId,
    /// The last slot that was applied.
    pub(super) slot: u64,
    rules: u32,
    known: BTreeMap<NodeId, Known>,
    window: u64,
}

impl Replicated {
    /// Returns what is known before the first slot.
    pub(super) fn new(store: StoreId, window: u64) -> Self {
        Self { store, slot: 0, rules: 0, known: BTreeMap::new(), window }
    }

    /// Returns what a node file says.
    pub(super) fn of(file: &NodeFile, window: u64) -> Self {
        let known = file.known.iter().map(|known| {
            let NodeSequence { id, sequence, used } = *known;
            (id, Known { sequence, used })
        });
        Self { store: file.store, slot: file.slot, rules: file.rules, known: known.collect(), window }
    }

    /// Returns the node file that says this.
    pub(super) fn file(&self, position: Position) -> NodeFile {
        let known = self.known.iter().map(|(id, known)| {
            let Known { sequence, used } = *known;
            NodeSequence { id: *id, sequence, used }
        });
        NodeFile { store: self.store, slot: self.slot, position, rules: self.rules, known: known.collect() }
    }

    /// Returns the last sequence of a node id as it counts at a slot, or `None` if it is not known, or forgotten.
    pub(super) fn sequence(&self, id: NodeId, slot: u64) -> Option<u64> {
        let known = self.known.get(&id)?;
        (slot - known.used <= self.window).then_some(known.sequence)
    }

    /// Says why a proposal in the next slot is void, if it is, as far as its header tells.
    pub(super) fn check(&self, header: &Header) -> Result<(), Void> {
        let slot = self.slot + 1;
        if header.store != self.store {
            return Err(Void::OtherStore);
        }
        // keeps W2
        if header.applied >= slot || slot - header.applied > self.window {
            return Err(Void::Age);
        }
        if header.rules < self.rules {
            return Err(Void::OldRules);
        }
        // keeps W1
        let next = self.sequence(header.node, slot).unwrap_or(0) + 1;
        if header.sequence == next { Ok(()) } else { Err(Void::Sequence) }
    }

    /// Goes on to the next slot, whose proposal was applied, or left nothing.
    pub(super) fn advance(&mut self, applied: Option<&Header>) {
        self.slot += 1;
        let (slot, window) = (self.slot, self.window);
        if let Some(header) = applied {
            self.rules = header.rules;
            self.known.insert(header.node, Known { sequence: header.sequence, used: slot });
        }
        if slot.is_multiple_of(SWEEP_SLOTS) {
            self.known.retain(|_, known| slot - known.used <= window);
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_format::Micros;

    use super::*;

    const NODE: NodeId = NodeId([1; 16]);

    fn header(sequence: u64, applied: u64) -> Header {
        let (store, time) = (StoreId([9; 16]), Micros(0));
        Header { rules: 1, store, node: NODE, sequence, applied, time, batches: 0 }
    }

    fn replicated() -> Replicated {
        Replicated::new(StoreId([9; 16]), 3)
    }

    /// keeps W1
    #[test]
    fn what_is_not_next_is_void() {
        let mut state = replicated();
        assert_eq!(state.check(&header(2, 0)), Err(Void::Sequence));
        assert_eq!(state.check(&header(1, 0)), Ok(()));
        state.advance(Some(&header(1, 0)));
        assert_eq!(state.check(&header(1, 0)), Err(Void::Sequence), "it arrived twice");
        assert_eq!(state.check(&header(2, 1)), Ok(()));
        assert_eq!(
            state.check(&header(2, 2)),
            Err(Void::Age),
            "its maker cannot have applied the slot itself"
        );
        let other = Header { store: StoreId([8; 16]), ..header(2, 1) };
        assert_eq!(state.check(&other), Err(Void::OtherStore));
        state.advance(Some(&Header { rules: 2, ..header(2, 1) }));
        assert_eq!(state.check(&header(3, 2)), Err(Void::OldRules));
    }

    /// keeps W2
    #[test]
    fn a_late_copy_of_a_forgotten_id_is_void() {
        let mut state = replicated();
        state.advance(Some(&header(1, 0)));
        for _ in 2..=4 {
            state.advance(None);
        }
        assert_eq!(state.sequence(NODE, 4), Some(1));
        assert_eq!(state.sequence(NODE, 5), None, "it was not used for more than three slots");
        assert_eq!(state.check(&header(1, 0)), Err(Void::Age), "a late copy");
        assert_eq!(state.check(&header(2, 4)), Err(Void::Sequence));
        assert_eq!(state.check(&header(1, 4)), Ok(()), "another one under the id begins again");
    }

    #[test]
    fn a_file_keeps_all_of_it() {
        let mut state = replicated();
        state.advance(Some(&header(1, 0)));
        let file = state.file(Position(7));
        let again = Replicated::of(&NodeFile::read(file.encode().as_bytes()).unwrap(), 3);
        assert_eq!(again.file(Position(7)), file);
        assert_eq!(again.check(&header(2, 1)), Ok(()));
    }
}
