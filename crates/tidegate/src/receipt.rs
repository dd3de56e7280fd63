//! Receipts: what an appender keeps.

use tidegate_format::{EventId, Hash, Micros, Position, StoreId, Version};

/// What the store says of a batch it has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The store that took it.
    pub store: StoreId,
    /// When it was recorded.
    pub time: Micros,
    /// Its events, in order.
    pub events: Vec<Receipted>,
}

/// What a [`Receipt`] says of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipted {
    /// Its id.
    pub id: EventId,
    /// Its place in the log.
    pub position: Position,
    /// Its place in its stream.
    pub version: Version,
    /// Its leaf hash in the Merkle tree over the log.
    pub leaf: Hash,
}

impl Receipt {
    /// The position of the first event.
    pub fn first(&self) -> Position {
        self.events.first().map_or(Position::START, |event| event.position)
    }

    /// The position of the last event.
    pub fn last(&self) -> Position {
        self.events.last().map_or(Position::START, |event| event.position)
    }
}
