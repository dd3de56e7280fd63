//! What is erased of the events.

use super::Model;

/// What became of an event's payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Erasure {
    #[default]
    Not,
    /// It was to be erased, and no answer came.
    Doubted,
    /// It is erased, as the event at this position says.
    Named(u64),
}

impl Erasure {
    /// Returns what it is if nothing behind a position is there any more.
    pub(super) fn as_of(self, count: u64) -> Self {
        match self {
            Self::Named(by) if by > count => Self::Not,
            other => other,
        }
    }
}

impl Model {
    /// Returns the positions of what is erased, as an event at this position or before says.
    pub(crate) fn erased(&self, head: u64) -> impl Iterator<Item = u64> + '_ {
        let is_named = move |at: &u64| matches!(self.at(*at).erasure, Erasure::Named(by) if by <= head);
        (1..=self.count()).filter(is_named)
    }

    /// Takes note that an event says of these positions that they are erased.
    pub(super) fn erase(&mut self, positions: &[u64], by: u64) {
        for position in positions {
            self.set_erasure(*position, Erasure::Named(by));
        }
        self.upkeep.erased += positions.len() as u64;
    }

    pub(crate) fn set_erasure(&mut self, position: u64, erasure: Erasure) {
        self.events[position as usize - 1].erasure = erasure;
    }
}
