//! What is wrong with a store, and what to do about it.

use std::fmt;

use tidegate_format::name::visible;
use tidegate_format::{Error, ErrorPlace, Offset, Position};

/// What to do about bytes of the log. A copy over the file itself would change it under those who have it mapped.
pub(crate) const RESTORE: &str = "restore this file from a backup by renaming the copy into its place, or save what is \
                                  whole with: tidegate salvage DIR NEW";
/// What becomes of a file that is made of the log.
pub(crate) const REBUILT: &str = "no answer rests on it, the store builds it anew once it is asked; deleting it does so at the next opening";
/// What to do about a file that is in the way.
pub(crate) const MOVE: &str = "move it out of the store";

/// A damaged place of a file, or a file that is missing.
#[derive(Debug)]
pub struct Fault {
    /// What is wrong, with the file and the byte, what was expected and what was found.
    pub error: Error,
    /// What to do about it.
    pub remedy: &'static str,
}

impl Fault {
    pub(crate) fn new(error: Error, remedy: &'static str) -> Self {
        Self { error, remedy }
    }

    /// Returns whether it is in this file.
    pub(crate) fn is_in(&self, file: &str) -> bool {
        matches!(self.error.place(), Some(ErrorPlace::File { name, .. }) if name == file)
    }

    /// Returns a fault in a file, with what was expected and found.
    pub(crate) fn of(error: Error, name: &str, at: u64, remedy: &'static str) -> Self {
        Self::new(error.in_file(name, Some(Offset(at))), remedy)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.error, self.remedy)
    }
}

/// A finding that costs no event and no reader's place: the store ignores it, or the next opening for writing
/// repairs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The file.
    pub file: String,
    /// The byte of the file, if there is one to name.
    pub offset: Option<Offset>,
    /// What was found, and what becomes of it.
    pub text: String,
}

impl Remark {
    pub(crate) fn new(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { file: file.into(), offset: None, text: text.into() }
    }

    /// Returns what is wrong with a file from a byte on, and what becomes of that.
    pub(crate) fn at(file: &str, at: u64, error: &Error, then: &str) -> Self {
        let evidence =
            error.evidence().map(|(expected, found)| format!("; expected {expected}, found {found}"));
        let text = format!("{}{}; {then}", error.message(), evidence.unwrap_or_default());
        Self { file: file.to_owned(), offset: Some(Offset(at)), text }
    }

    /// Returns the same, for an error that says itself where it is.
    pub(crate) fn of(error: &Error, then: &str) -> Self {
        match error.place() {
            Some(ErrorPlace::File { name, offset }) => {
                Self::at(name, offset.map_or(0, |at| at.0), error, then)
            }
            _ => Self::at("", 0, error, then),
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Anyone may have put a file there, under any name.
        let file = visible(&self.file);
        match self.offset {
            Some(offset) => write!(f, "{file}, byte {offset}: {}", self.text),
            None => write!(f, "{file}: {}", self.text),
        }
    }
}

/// A range of positions with no intact event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostRange {
    /// The first.
    pub first: Position,
    /// The last, or `None` if only the bytes that are left say that there may have been any.
    pub last: Option<Position>,
}

impl LostRange {
    /// Returns how many events that are, if it is known.
    pub fn count(&self) -> Option<u64> {
        self.last.map(|last| last.0.saturating_sub(self.first.0).saturating_add(1))
    }
}

impl fmt::Display for LostRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last {
            Some(last) if last == self.first => write!(f, "position {last}"),
            Some(last) => write!(f, "positions {} to {last}", self.first),
            None => write!(f, "positions from {} on, if there were any", self.first),
        }
    }
}
