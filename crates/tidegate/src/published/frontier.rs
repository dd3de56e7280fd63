//! Frontiers: how far the log got.

use std::fmt;

use tidegate_format::Position;

/// How far the log got. `accepted >= written >= durable`, and `written >= visible`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frontier {
    /// The last position given to an event.
    pub accepted: Position,
    /// The last position handed to the operating system.
    pub written: Position,
    /// The last position known to survive the end of the machine.
    pub durable: Position,
    /// The last position that views show.
    pub visible: Position,
}

impl fmt::Display for Frontier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, written, durable, visible } = self;
        write!(f, "accepted {accepted}, written {written}, durable {durable}, visible {visible}")
    }
}
