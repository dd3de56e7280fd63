//! What stands behind the index in a remainder file, which stays of a retired segment: the id and the leaf of each event.

use tidegate_format::{Error, EventId, Hash, Result, hash};

use super::blocks::BLOCK_BYTES;
use super::head::HEADER_BYTES;
use super::number::{malformed, u32_at};

/// Bytes of an id.
const ID_BYTES: usize = 16;
/// Bytes of a leaf.
const LEAF_BYTES: usize = 32;
/// Bytes of a checksum.
const SUM_BYTES: usize = 4;

/// Where that stands in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remainder {
    /// Where the index ends and the ids begin.
    start: usize,
    count: usize,
}

/// Appends to an index file what else is kept of its segment: for each event, in order, its id and its leaf.
pub fn write_remainder(file: &mut Vec<u8>, events: &[(EventId, Hash)]) {
    let start = file.len();
    file.extend(events.iter().flat_map(|(id, _)| id.0));
    file.extend(events.iter().flat_map(|(_, leaf)| leaf.0));
    let sums: Vec<_> =
        file[start..].chunks(BLOCK_BYTES).flat_map(|block| hash::crc(0, block).to_le_bytes()).collect();
    file.extend_from_slice(&sums);
    let sum = sum_of(file, &sums);
    file.extend_from_slice(&sum.to_le_bytes());
}

/// Returns the checksum over the head of the index and the checksums of the blocks.
fn sum_of(file: &[u8], sums: &[u8]) -> u32 {
    hash::crc(hash::crc(0, &file[..HEADER_BYTES]), sums)
}

impl Remainder {
    /// Reads and checks its end, behind an index of `count` events that ends at the byte `start`.
    pub(super) fn read(file: &[u8], start: usize, count: u32) -> Result<Self> {
        let found = Self { start, count: count as usize };
        let (sums, end) = (found.sums(), found.sums() + found.blocks() * SUM_BYTES);
        if file.len() != end + SUM_BYTES {
            let (expected, length) = (format!("{} bytes", end + SUM_BYTES), format!("{} bytes", file.len()));
            return Err(Error::damaged("a remainder file has not its length", expected, length));
        }
        let (stated, sum) = (u32_at(file, end).unwrap_or_default(), sum_of(file, &file[sums..end]));
        if stated != sum {
            let (stated, sum) = (format!("{stated:08x}"), format!("{sum:08x}"));
            return Err(Error::damaged("the checksum of a remainder file does not hold", stated, sum));
        }
        Ok(found)
    }

    fn sums(self) -> usize {
        self.start + self.count * (ID_BYTES + LEAF_BYTES)
    }

    fn blocks(self) -> usize {
        (self.sums() - self.start).div_ceil(BLOCK_BYTES)
    }

    /// Returns the id and the leaf of an event.
    pub(super) fn get(self, file: &[u8], event: u32) -> Result<(EventId, Hash)> {
        let event = event as usize;
        let (id, leaf) = (event * ID_BYTES, self.count * ID_BYTES + event * LEAF_BYTES);
        let (id, leaf) = (self.bytes::<ID_BYTES>(file, id)?, self.bytes::<LEAF_BYTES>(file, leaf)?);
        Ok((EventId(id), Hash(leaf)))
    }

    /// Compares the checksums of all blocks.
    pub(super) fn verify(self, file: &[u8]) -> Result<()> {
        (0..self.blocks()).try_for_each(|block| self.check(file, block))
    }

    fn bytes<const N: usize>(self, file: &[u8], at: usize) -> Result<[u8; N]> {
        for block in at / BLOCK_BYTES..=(at + N - 1) / BLOCK_BYTES {
            self.check(file, block)?;
        }
        let bytes = file.get(self.start + at..).and_then(|bytes| bytes.first_chunk::<N>());
        bytes.copied().ok_or_else(|| malformed("a remainder file"))
    }

    fn check(self, file: &[u8], block: usize) -> Result<()> {
        let from = self.start + block * BLOCK_BYTES;
        let covered = file.get(from..self.sums().min(from + BLOCK_BYTES)).unwrap_or_default();
        let found = hash::crc(0, covered);
        match u32_at(file, self.sums() + block * SUM_BYTES) {
            Some(stated) if stated == found => Ok(()),
            stated => {
                let message =
                    format!("the checksum of a block of a remainder file, from byte {from}, does not hold");
                let stated = format!("{:08x}", stated.unwrap_or_default());
                Err(Error::damaged(message, stated, format!("{found:08x}")))
            }
        }
    }
}
