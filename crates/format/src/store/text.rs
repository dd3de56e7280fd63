//! Small text files under a checksum: lines of a name and a value, the first of which says what the file is.
//!
//! Invariants:
//!
//! X1. Every version begins with the same two lines, but for the number, and ends with a line that holds a checksum of
//!     all before it. So a newer version is told from a damaged one without reading the lines
//!     between.
//! X2. One value has one text: what differs from it by a byte is damaged.

use std::str::Lines;

use crate::error::{Error, Result};
use crate::hash;

/// Adds the last line, which holds the checksum of all lines before.
pub(crate) fn seal(text: String) -> String {
    let crc = hash::crc(0, text.as_bytes());
    text + &format!("checksum {crc:08x}\n")
}

/// A text whose checksum holds, read line by line.
pub(crate) struct CheckedText<'a> {
    /// What the file is, for messages.
    what: &'static str,
    text: &'a str,
    lines: Lines<'a>,
}

impl<'a> CheckedText<'a> {
    /// Checks length, first line and checksum of a file, which is all of `bytes`.
    pub(crate) fn read(
        what: &'static str,
        first_line: &str,
        bytes_max: usize,
        bytes: &'a [u8],
    ) -> Result<Self> {
        if bytes.len() > bytes_max {
            let (expected, found) = (format!("at most {bytes_max} bytes"), bytes.len());
            return Err(Error::damaged(format!("the {what} is too long"), expected, found));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| unlike(what, "text"))?;
        let Some(rest) = text.strip_prefix(first_line) else {
            return Err(unlike(what, format!("a first line {:?}", first_line.trim_end())));
        };
        check_sum(what, text)?;
        Ok(Self { what, text, lines: rest.lines() })
    }

    /// Returns the value of the next line, which has this name.
    pub(crate) fn field(&mut self, name: &str) -> Result<&'a str> {
        self.optional(name).ok_or_else(|| self.unlike(name))
    }

    /// Returns the value of the next line as a number.
    pub(crate) fn number<N: std::str::FromStr>(&mut self, name: &str) -> Result<N> {
        self.field(name)?.parse().map_err(|_| self.unlike(format!("a number of {name}")))
    }

    /// Returns the value of the next line if it has this name, and otherwise stays where it is.
    pub(crate) fn optional(&mut self, name: &str) -> Option<&'a str> {
        let mut lines = self.lines.clone();
        let value = lines.next()?.strip_prefix(name)?.strip_prefix(' ')?;
        self.lines = lines;
        Some(value)
    }

    /// Refuses a text that is not the one of what was read in it (X2).
    pub(crate) fn end(self, encoded: &str) -> Result<()> {
        if encoded == self.text { Ok(()) } else { Err(self.unlike("the text of what it says (X2)")) }
    }

    /// Returns the error for a text that holds something else than was expected.
    pub(crate) fn unlike(&self, expected: impl std::fmt::Display) -> Error {
        unlike(self.what, expected)
    }
}

/// Checks the last line, which every version has (X1).
fn check_sum(what: &str, text: &str) -> Result<()> {
    let lines = text.strip_suffix('\n').and_then(|lines| lines.rfind('\n')).map(|at| text.split_at(at + 1));
    let stated = lines.and_then(|(_, last)| last.strip_prefix("checksum ")?.strip_suffix('\n'));
    let (Some((body, _)), Some(stated)) = (lines, stated) else {
        return Err(unlike(what, "a checksum in the last line"));
    };
    let found = format!("{:08x}", hash::crc(0, body.as_bytes()));
    if stated == found {
        return Ok(());
    }
    Err(Error::damaged(format!("the {what}'s checksum does not hold"), stated, found))
}

fn unlike(what: &str, expected: impl std::fmt::Display) -> Error {
    Error::damaged(format!("this is not a {what}"), expected, "something else")
}
