//! The journal's lower edge: where frames go, and nothing about files.
//!
//! An append ends in one of three ways. It is done. Or it is certain that nothing of it will ever be read
//! ([`ErrorKind::Full`](tidegate_format::ErrorKind::Full)), and the next one may be tried. Or its outcome
//! is unknown (any other error), and the writer must end: whoever comes next reads the place and sees.

use std::fmt;

use tidegate_format::{Position, Result};

/// A log that takes whole frames at its tail. One writer holds it.
pub(crate) trait Backend: Send + fmt::Debug {
    /// Seals the frame, whose records start with the position `first`, right behind the last one, hands it
    /// over to be kept, and makes its events findable but not yet visible.
    fn append(&mut self, frame: &mut [u8], first: Position) -> Result<()>;

    /// What remains to be done, without the writer, to make everything appended so far durable.
    fn pending(&self) -> Box<dyn Pending>;

    /// Takes note that a [`Pending`] was done.
    fn note_durable(&mut self, done: &dyn Pending) -> Result<()>;

    /// Ends in good order: everything appended is durable already.
    fn close(&mut self) -> Result<()>;
}

/// A sync that can run beside further appends.
pub(crate) trait Pending: Send + fmt::Debug {
    /// Makes everything durable that was appended when this was made. An error is final.
    fn run(&self) -> Result<()>;

    /// The last position that it makes durable.
    fn position(&self) -> Position;

    /// For the edge that made it: where that position ends.
    fn tail(&self) -> (Position, tidegate_format::Offset);
}
