//! Numbers, bytes and lines as the formats write them.
//!
//! Each value has one spelling, and no other one is read: what was read prints as the same text.

use base64ct::{Base64, Encoding};
use tidegate_format::{Error, Hash, Result};

use crate::refutation::shown;

/// Returns bytes in Base64 with padding ([RFC 4648, section 4](https://www.rfc-editor.org/rfc/rfc4648#section-4)).
pub(crate) fn base64(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// Reads bytes from their only spelling in Base64.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text).ok()
}

/// Reads a hash from its 44 characters.
pub(crate) fn hash(text: &str) -> Option<Hash> {
    if text.len() != 44 {
        return None;
    }
    from_base64(text)?.try_into().ok().map(Hash)
}

/// Reads a number without sign and leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = plain && (text == "0" || !text.starts_with('0'));
    canonical.then(|| text.parse().ok()).flatten()
}

/// The lines of a text, each ended by a newline.
pub(crate) struct Lines<'a> {
    what: &'static str,
    rest: &'a str,
    number: usize,
}

impl<'a> Lines<'a> {
    /// The lines of `text`; `what` names it in messages.
    pub(crate) fn new(what: &'static str, text: &'a str) -> Self {
        Self { what, rest: text, number: 0 }
    }

    /// Returns the next line, without its newline.
    pub(crate) fn next(&mut self, expected: &str) -> Result<&'a str> {
        self.number += 1;
        let Some((line, rest)) = self.rest.split_once('\n') else {
            return Err(self.wrong(expected, self.rest));
        };
        self.rest = rest;
        Ok(line)
    }

    /// Returns the next line, if it begins with this word and a space, without both.
    pub(crate) fn after(&mut self, word: &str) -> Option<&'a str> {
        let rest = self.rest.strip_prefix(word)?.strip_prefix(' ')?;
        let (line, rest) = rest.split_once('\n')?;
        self.number += 1;
        self.rest = rest;
        Some(line)
    }

    /// Returns the number on the next line, behind this word and a space.
    pub(crate) fn number(&mut self, word: &str) -> Result<u64> {
        let expected = format!("`{word}` and a number");
        let line = self.next(&expected)?;
        let number = line.strip_prefix(word).and_then(|rest| rest.strip_prefix(' ')).and_then(decimal);
        number.ok_or_else(|| self.wrong(&expected, line))
    }

    /// Returns the hashes on the next lines, at most `limit`, and the empty line behind them.
    pub(crate) fn hashes(&mut self, limit: usize) -> Result<Vec<Hash>> {
        let mut hashes = Vec::new();
        loop {
            let line = self.next("a hash in Base64, or an empty line")?;
            if line.is_empty() {
                return Ok(hashes);
            }
            if hashes.len() == limit {
                return Err(self.wrong(&format!("an empty line behind {limit} hashes at most"), line));
            }
            hashes.push(hash(line).ok_or_else(|| self.wrong("a hash in Base64", line))?);
        }
    }

    /// Returns what follows the lines that were read.
    pub(crate) fn rest(&self) -> &'a str {
        self.rest
    }

    /// Refuses the line that was read last.
    pub(crate) fn wrong(&self, expected: &str, found: &str) -> Error {
        let Self { what, number, .. } = self;
        Error::invalid(format!("line {number} of a {what}: expected {expected}, found {}", shown(found)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_one_spelling() {
        for (text, bytes) in [("", &b""[..]), ("AA==", b"\0"), ("AAA=", b"\0\0"), ("////", &[255; 3])] {
            assert_eq!(from_base64(text).as_deref(), Some(bytes), "{text:?}");
            assert_eq!(base64(bytes), text);
        }
        for text in ["AB==", "AAB=", "AA", "AA=", "A", "AA==\n", " AA==", "AA== ", "AAA_", "AA==AA==", "="] {
            assert_eq!(from_base64(text), None, "{text:?}");
        }
        assert_eq!(decimal("18446744073709551615"), Some(u64::MAX));
        for text in ["", "00", "01", "+1", "-1", " 1", "1 ", "18446744073709551616", "1_0", "\u{661}"] {
            assert_eq!(decimal(text), None, "{text:?}");
        }
    }
}
