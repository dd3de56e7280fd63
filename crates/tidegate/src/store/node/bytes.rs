//! Numbers and texts as the items of a shared log have them: little-endian, and a text behind its length.

use tidegate_format::{Error, Hash, Result};

/// Writes an item.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn small(&mut self, number: usize) {
        let number = u32::try_from(number).expect("limits of the format keep counts and lengths below 2^32");
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, text: &[u8]) {
        self.small(text.len());
        self.raw(text);
    }
}

/// Reads an item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn raw(&mut self, count: usize) -> Result<&'a [u8]> {
        let Some((bytes, rest)) = self.0.split_at_checked(count) else {
            let (expected, found) = (format!("{count} bytes"), format!("{} bytes", self.0.len()));
            return Err(Error::damaged("an item of the shared log ends early", expected, found));
        };
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.raw(N)?);
        Ok(array)
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn number(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn small(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Returns a number of things that take at least this many bytes each.
    pub(super) fn count(&mut self, bytes_each: usize) -> Result<usize> {
        let count = self.small()? as usize;
        if count.saturating_mul(bytes_each) > self.0.len() {
            return Err(odd("count", count));
        }
        Ok(count)
    }

    pub(super) fn id(&mut self) -> Result<[u8; 16]> {
        self.array()
    }

    pub(super) fn hash(&mut self) -> Result<Hash> {
        self.array().map(Hash)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = self.count(1)?;
        self.raw(length)
    }

    pub(super) fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| odd("text", "bytes that are not UTF-8"))
    }

    /// Refuses bytes behind what was read.
    pub(super) fn end(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(odd("length", format!("{} bytes more", self.0.len()))) }
    }
}

/// Returns the error for a part of an item that no node writes.
pub(super) fn odd(what: &str, found: impl std::fmt::Display) -> Error {
    Error::damaged(format!("the {what} in an item of the shared log is none"), "what a node writes", found)
}
