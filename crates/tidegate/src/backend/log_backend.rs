//! The log backend: where the journal's frames go. Nothing here knows of files, nor of bytes in them.
//!
//! An append ends in one of three ways. It is done. Or it is certain that nothing of it will ever be read
//! ([`ErrorKind::Full`](tidegate_format::ErrorKind::Full)), and the next one may be tried. Or its outcome
//! is unknown (any other error), and the writer must end: the next opening reads the log and finds out.

use std::fmt;

use tidegate_format::{Position, Result};
use tidegate_segment::EventHashes;

/// A log that takes whole frames at its end. It has one writer.
pub(crate) trait LogBackend: Send + fmt::Debug {
    /// Seals the frame, whose records start with the position `first`, appends it behind the last one, and makes its
    /// events findable but not yet visible. `hashes` are those of each event. In a store that is a node of a shared log, `slot` is
    /// where it was decided there, and the frame has room for that.
    fn append(
        &mut self,
        frame: &mut [u8],
        first: Position,
        slot: Option<u64>,
        hashes: &[EventHashes],
    ) -> Result<()>;

    /// Returns the sync that makes everything appended so far durable. It runs without the writer.
    fn pending(&mut self) -> Box<dyn PendingSync>;

    /// Notes that a sync up to this position has ended without an error.
    fn note_durable(&mut self, position: Position) -> Result<()>;

    /// Begins another segment, unless the newest one is empty: what was appended is durable then, and is never appended to
    /// again.
    fn begin_segment(&mut self) -> Result<()>;

    /// Makes what says how far the log was durable durable itself: after a crash a reader goes by that.
    fn confirm(&mut self) -> Result<()>;

    /// Ends in good order. Everything appended is durable already.
    fn close(&mut self) -> Result<()>;
}

/// A sync that can run beside further appends.
pub(crate) trait PendingSync: Send + fmt::Debug {
    /// Makes everything durable that was appended before this was made. An error is final.
    fn run(&self) -> Result<()>;

    /// Returns the last position that it makes durable.
    fn position(&self) -> Position;
}
