//! Blocks: an index file in pieces of a page, each compared with its checksum when a part of it is asked for.
//!
//! C1. No byte of a section is given out before the blocks that it lies in held their checksums.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use tidegate_disk::Block;
use tidegate_format::{Error, Result, hash};

use super::number::{malformed, u32_at};

/// Bytes of a block: what the system reads of a file at the least.
pub(super) const BLOCK_BYTES: usize = 4096;
/// Bytes of a block's checksum.
const SUM_BYTES: usize = 4;

/// Returns where the checksums of a file end that stand behind `header` bytes and before `sections` bytes.
pub(super) fn sums_end(header: usize, sections: usize) -> usize {
    header + (header + sections).div_ceil(BLOCK_BYTES - SUM_BYTES) * SUM_BYTES
}

/// Writes the checksums of a file, which stand in `sums`.
pub(super) fn write_sums(file: &mut [u8], sums: Range<usize>) {
    let found: Vec<u32> = (0..sums.len() / SUM_BYTES).map(|block| crc_of(file, sums.end, block)).collect();
    for (sum, found) in file[sums].chunks_exact_mut(SUM_BYTES).zip(found) {
        sum.copy_from_slice(&found.to_le_bytes());
    }
}

/// Returns the bytes that the checksum of a block covers.
fn covered(length: usize, start: usize, block: usize) -> Range<usize> {
    let end = ((block + 1) * BLOCK_BYTES).min(length);
    (block * BLOCK_BYTES).max(start).min(end)..end
}

fn crc_of(file: &[u8], start: usize, block: usize) -> u32 {
    hash::crc(0, &file[covered(file.len(), start, block)])
}

/// An index file whose blocks are compared with their checksums.
#[derive(Debug)]
pub(super) struct Blocks {
    file: Block,
    /// Where the index file ends, behind which other bytes may stand.
    end: usize,
    sums: Range<usize>,
    /// A bit for each block that held its checksum.
    held: Box<[AtomicU64]>,
}

impl Blocks {
    /// Returns the blocks of the first `end` bytes of a file, whose checksums stand in `sums`.
    pub(super) fn new(file: Block, end: usize, sums: Range<usize>) -> Self {
        let words = end.div_ceil(BLOCK_BYTES).div_ceil(64);
        Self { file, end, sums, held: (0..words).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Returns the file, whose bytes are to be looked at only if [`Part::bytes`] gave them out before.
    pub(super) fn file(&self) -> &Block {
        &self.file
    }

    /// Compares all blocks.
    pub(super) fn verify(&self) -> Result<()> {
        self.check(&(0..self.end))
    }

    #[inline]
    fn check(&self, range: &Range<usize>) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let blocks = range.start / BLOCK_BYTES..=(range.end - 1) / BLOCK_BYTES;
        if blocks.clone().all(|block| self.is_held(block)) { Ok(()) } else { self.compare(range, blocks) }
    }

    #[inline]
    fn is_held(&self, block: usize) -> bool {
        // Relaxed: the bytes never change, so a thread that finds the bit unset compares them once more.
        self.held.get(block / 64).is_some_and(|word| word.load(Ordering::Relaxed) & 1 << (block % 64) != 0)
    }

    /// keeps C1
    #[cold]
    fn compare(&self, range: &Range<usize>, blocks: impl Iterator<Item = usize>) -> Result<()> {
        // Read at once what would be read page by page.
        if range.len() > BLOCK_BYTES {
            self.file.read_ahead(range.clone());
        }
        for block in blocks.filter(|block| !self.is_held(*block)) {
            let stated = u32_at(&self.file, self.sums.start + block * SUM_BYTES);
            let stated = stated.ok_or_else(|| malformed("the section table"))?;
            let found = crc_of(&self.file[..self.end], self.sums.end, block);
            if stated != found {
                let from = block * BLOCK_BYTES;
                let message =
                    format!("the checksum of a block of an index file, from byte {from}, does not hold");
                return Err(Error::damaged(message, format!("{stated:08x}"), format!("{found:08x}")));
            }
            self.held[block / 64].fetch_or(1 << (block % 64), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Returns a section, which lies inside the file.
    pub(super) fn part(&self, range: Range<usize>, what: &'static str) -> Part<'_> {
        Part { blocks: self, start: range.start, end: range.end, what }
    }
}

/// A section or a part of one. Its bytes are given out once their blocks held their checksums.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    blocks: &'a Blocks,
    start: usize,
    end: usize,
    what: &'static str,
}

impl<'a> Part<'a> {
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Returns the error for bytes that hold their checksum and still make no sense.
    #[cold]
    pub(super) fn malformed(&self) -> Error {
        malformed(&format!("the section of {}", self.what))
    }

    /// Returns the blocks that it is a part of.
    pub(super) fn blocks(&self) -> &'a Blocks {
        self.blocks
    }

    /// Returns where a part of it stands in the file.
    #[inline]
    pub(super) fn place(&self, range: &Range<usize>) -> Result<Range<usize>> {
        if range.start > range.end || range.end > self.len() {
            return Err(self.malformed());
        }
        Ok(self.start + range.start..self.start + range.end)
    }

    /// Returns some of its bytes.
    #[inline]
    pub(super) fn bytes(&self, range: Range<usize>) -> Result<&'a [u8]> {
        let place = self.place(&range)?;
        self.blocks.check(&place)?;
        Ok(&self.blocks.file[place])
    }

    /// Returns as many of its bytes from `at` on as there are, `length` at most.
    #[inline]
    pub(super) fn bytes_at(&self, at: usize, length: usize) -> Result<&'a [u8]> {
        self.bytes(at..at.saturating_add(length).min(self.len()))
    }

    /// Returns all its bytes.
    pub(super) fn all(&self) -> Result<&'a [u8]> {
        self.bytes(0..self.len())
    }

    /// Returns the number of 32 bits at a byte.
    #[inline]
    pub(super) fn u32_at(&self, at: usize) -> Result<u32> {
        u32_at(self.bytes_at(at, 4)?, 0).ok_or_else(|| self.malformed())
    }

    /// Returns the parts before and from a byte on.
    #[inline]
    pub(super) fn split_at(self, at: usize) -> Result<(Self, Self)> {
        let middle = self.place(&(0..at))?.end;
        Ok((Self { end: middle, ..self }, Self { start: middle, ..self }))
    }

    /// Splits off a part that says its length before it, in four bytes.
    pub(super) fn split_stated(self) -> Result<(Self, Self)> {
        let length = self.u32_at(0)? as usize;
        self.split_at(4)?.1.split_at(length)
    }
}

#[cfg(test)]
impl Blocks {
    /// Returns the blocks of a file that is one section.
    pub(super) fn of(section: &[u8]) -> Self {
        let sums = 0..sums_end(0, section.len());
        let mut file = vec![0; sums.end];
        file.extend_from_slice(section);
        write_sums(&mut file, sums.clone());
        Self::new_whole(file, sums)
    }

    fn new_whole(file: Vec<u8>, sums: Range<usize>) -> Self {
        let end = file.len();
        Self::new(file.into(), end, sums)
    }

    pub(super) fn section(&self) -> Part<'_> {
        self.part(self.sums.end..self.end, "a section")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// keeps C1
    #[test]
    fn damage_is_noticed_by_what_lies_in_its_block_and_by_nothing_else() {
        let section: Vec<u8> = (0..BLOCK_BYTES * 5).map(|at| at as u8).collect();
        let whole = Blocks::of(&section);
        let start = whole.sums.end;
        for flipped in [0, 3, start, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES * 3 + 7, whole.file.len() - 1]
        {
            let mut file = whole.file.to_vec();
            file[flipped] ^= 1;
            let blocks = Blocks::new_whole(file, whole.sums.clone());
            // What is damaged is a checksum or what is under it.
            let damaged = if flipped < start { flipped / SUM_BYTES } else { flipped / BLOCK_BYTES };
            for at in (0..section.len()).step_by(101) {
                let block = (start + at) / BLOCK_BYTES;
                assert_eq!(blocks.section().bytes(at..at + 1).is_err(), block == damaged, "{flipped}, {at}");
            }
            assert!(blocks.verify().is_err() && blocks.section().all().is_err());
            let message = blocks.verify().expect_err("it is damaged").to_string();
            assert!(message.contains(&format!("from byte {},", damaged * BLOCK_BYTES)), "{message}");
        }
        assert_eq!(whole.section().all().expect("it is whole"), section);
        assert!(whole.section().bytes(1..section.len() + 1).is_err());
    }
}
