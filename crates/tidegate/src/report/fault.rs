//! What is wrong with a store, and what to do about it.

use std::fmt;

use tidegate_format::{Error, Offset, Place, Position};

/// What to do about bytes of the log.
pub(super) const RESTORE: &str =
    "restore this file from a backup, or save what is whole with: tidegate salvage DIR NEW";
/// What to do about a file that is made of the log.
pub(super) const DELETE: &str = "delete it; the next opening builds it anew";
/// What to do about a file that is in the way.
pub(super) const MOVE: &str = "move it out of the store";

/// Something that is not as it was written, or not as it should be.
#[derive(Debug)]
pub struct Fault {
    /// What is wrong, with the file and the byte, what was expected and what was found.
    pub error: Error,
    /// What to do about it.
    pub remedy: &'static str,
}

impl Fault {
    pub(super) fn new(error: Error, remedy: &'static str) -> Self {
        Self { error, remedy }
    }

    /// Whether it is in this file.
    pub(super) fn is_in(&self, file: &str) -> bool {
        matches!(self.error.place(), Some(Place::File { name, .. }) if name == file)
    }

    /// A fault in a file, with what was expected and found.
    pub(super) fn of(error: Error, name: &str, at: u64, remedy: &'static str) -> Self {
        Self::new(error.in_file(name, Some(Offset(at))), remedy)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.error, self.remedy)
    }
}

/// Something in the directory that is no fault, and that somebody who looks for one should know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The file.
    pub file: String,
    /// What there is to say of it.
    pub text: String,
}

/// Positions of which nothing is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The first.
    pub first: Position,
    /// The last; nothing where only the bytes that are left say that there may have been any.
    pub last: Option<Position>,
}

impl Lost {
    /// How many events that are, where it is known.
    pub fn count(&self) -> Option<u64> {
        self.last.map(|last| last.0.saturating_sub(self.first.0).saturating_add(1))
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last {
            Some(last) if last == self.first => write!(f, "position {last}"),
            Some(last) => write!(f, "positions {} to {last}", self.first),
            None => write!(f, "positions from {} on, if there were any", self.first),
        }
    }
}
