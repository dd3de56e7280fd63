//! The filter group: the filters of up to 64 segments side by side, so that one look tells which of them may hold
//! something.
//!
//! Bit `i` of its row `r` is bit `r` of the filter of segment `i`; a filter with fewer pages than the filter group
//! stands there over and over. If it is missing or damaged, every segment may hold everything, and each is asked
//! on its own.
//!
//! Invariants:
//!
//! R1. Opening looks at the head alone; the checksum of a page is compared on the page's first use, and what was
//!     found is remembered.
//! R2. A segment that holds something is never left out, even if bytes were changed: a page whose checksum does not
//!     hold leaves out none.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tidegate_disk::Block;
use tidegate_format::{Error, ErrorKind, Result, hash};

use super::filter;
use super::number::{malformed, u32_at, u64_at};

/// The version of filter groups that this program writes, and the only one it reads.
pub const FILTER_GROUP_VERSION: u32 = 1;
/// Segments in a filter group at most: the bits of a row.
pub const FILTER_GROUP_SEGMENTS_MAX: usize = u64::BITS as usize;

const MAGIC: [u8; 8] = *b"\xf7TGflt\r\n";
const VERSION: usize = 8;
const CRC: usize = 12;
const COUNT: usize = 16;
const PAGES: usize = 20;
const SUMS_CRC: usize = 24;
const OWNERS: usize = 32;
const OWNERS_END: usize = OWNERS + 8 * FILTER_GROUP_SEGMENTS_MAX;
/// Bytes before the first page, so that pages of the file are pages of memory.
const HEADER_BYTES: usize = 4096;
const PAGE_BYTES: usize = filter::PAGE_BITS * ROW_BYTES;
const ROW_BYTES: usize = 8;
const SUM_BYTES: usize = 4;
/// Bytes written at once.
const WRITE_BYTES: usize = 1 << 20;

const _: () = assert!(PAGE_BYTES == 4096 && OWNERS_END <= HEADER_BYTES);

/// The filter group of a run of segments, which are counted from 0.
#[derive(Debug)]
pub struct FilterGroup {
    block: Block,
    count: usize,
    pages: usize,
    sums_crc: u32,
    /// One bit for each page that held its checksum.
    held: Box<[AtomicU64]>,
    sums_held: AtomicBool,
    damaged: AtomicBool,
}

impl FilterGroup {
    /// Returns the filter group in `block`, which must be of the first of the segments with these owners, in this order. A file
    /// of another version is an error of kind `Newer`.
    pub fn open(block: Block, owners: &[u64]) -> Result<Self> {
        let Some((head, _)) = block.split_first_chunk::<HEADER_BYTES>() else {
            let (expected, found) =
                (format!("at least {HEADER_BYTES} bytes"), format!("{} bytes", block.len()));
            return Err(Error::damaged("a filter group is cut short", expected, found));
        };
        let number = |at: usize| u32_at(head, at).expect("it lies in the head");
        if head[..VERSION] != MAGIC {
            let found = format!("{:02x?}", &head[..VERSION]);
            return Err(Error::damaged("the file is not a filter group", format!("{MAGIC:02x?}"), found));
        }
        if number(VERSION) != FILTER_GROUP_VERSION {
            let found = number(VERSION);
            let message = format!(
                "the filter group has version {found}, this program reads version {FILTER_GROUP_VERSION}"
            );
            return Err(Error::new(ErrorKind::Newer, message));
        }
        let (stated, found) = (number(CRC), crc_of(head));
        if stated != found {
            let (stated, found) = (format!("{stated:08x}"), format!("{found:08x}"));
            return Err(Error::damaged("the checksum of a filter group's head does not hold", stated, found));
        }
        let (count, pages) = (number(COUNT) as usize, number(PAGES) as usize);
        let stated = head[OWNERS..OWNERS_END].chunks_exact(ROW_BYTES);
        let stated = stated.take(count).map(|owner| u64_at(owner, 0).unwrap_or_default());
        if count == 0 || count > owners.len() || !stated.eq(owners[..count].iter().copied()) {
            let expected = format!("{} known segments", owners.len());
            return Err(Error::damaged("a filter group is of other segments", expected, count));
        }
        let is_sound = pages.is_power_of_two() && pages <= filter::PAGES_MAX;
        if !is_sound || block.len() != HEADER_BYTES + pages * (PAGE_BYTES + SUM_BYTES) {
            return Err(malformed("the head of a filter group"));
        }
        let sums_crc = number(SUMS_CRC);
        let held = (0..pages.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        let (sums_held, damaged) = (AtomicBool::new(false), AtomicBool::new(false));
        Ok(Self { block, count, pages, sums_crc, held, sums_held, damaged })
    }

    /// Returns how many segments it is of.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns whether something in it turned out not to hold its checksum.
    pub fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Returns the segments that may hold a term or an id with this hash, the lower half of `hash_key.hash` of the term's
    /// bytes or the id's: bit `i` stands for segment `i`. Bits past the last segment are set.
    #[inline]
    pub fn may_hold(&self, hash: u64) -> u64 {
        let number = filter::page(hash, self.pages);
        let (word, bit) = (number / 64, 1 << (number % 64));
        if self.held[word].load(Ordering::Relaxed) & bit == 0 && !self.compare(number) {
            return u64::MAX;
        }
        let Some(page) = self.page(number) else { return u64::MAX };
        let row = |place: usize| u64_at(page, place * ROW_BYTES).unwrap_or(u64::MAX);
        let all = filter::places(hash).fold(u64::MAX, |all, place| all & row(place));
        all | u64::MAX.checked_shl(self.count as u32).unwrap_or_default()
    }

    /// Compares all checksums.
    pub fn verify(&self) -> Result<()> {
        match (0..self.pages).find(|number| !self.compare(*number)) {
            None => Ok(()),
            Some(page) => {
                Err(Error::damaged("a page of a filter group does not hold its checksum", "it does", page))
            }
        }
    }

    #[inline]
    fn page(&self, number: usize) -> Option<&[u8; PAGE_BYTES]> {
        self.block.get(HEADER_BYTES + number * PAGE_BYTES..)?.first_chunk()
    }

    /// Returns whether a page holds its checksum. Keeps R1 and R2.
    #[cold]
    fn compare(&self, number: usize) -> bool {
        if self.is_damaged() {
            return false;
        }
        let sums = &self.block[HEADER_BYTES + self.pages * PAGE_BYTES..];
        if !self.sums_held.load(Ordering::Relaxed) {
            if hash::crc(0, sums) != self.sums_crc {
                self.damaged.store(true, Ordering::Relaxed);
                return false;
            }
            self.sums_held.store(true, Ordering::Relaxed);
        }
        let found = self.page(number).map(|page| hash::crc(0, page));
        let holds = found.is_some() && found == u32_at(sums, number * SUM_BYTES);
        if holds {
            self.held[number / 64].fetch_or(1 << (number % 64), Ordering::Relaxed);
        } else {
            self.damaged.store(true, Ordering::Relaxed);
        }
        holds
    }
}

/// Writes the filter group of segments with these filters and owners: `write` puts bytes at a byte of the file, in any
/// order. It takes a few bytes of memory for each page, for any number of hashes.
pub fn write_filter_group(
    filters: &[&[u8]],
    owners: &[u64],
    mut write: impl FnMut(&[u8], u64) -> Result<()>,
) -> Result<()> {
    debug_assert!(filters.len() == owners.len() && (1..=FILTER_GROUP_SEGMENTS_MAX).contains(&filters.len()));
    let sizes: Vec<usize> =
        filters.iter().map(|filter| filter::pages(filter.len())).collect::<Result<_>>()?;
    let pages = sizes.iter().copied().max().unwrap_or(1);
    let mut sums = Vec::with_capacity(pages * SUM_BYTES);
    let mut chunk = Vec::with_capacity(WRITE_BYTES.min(pages * PAGE_BYTES));
    let mut at = HEADER_BYTES as u64;
    for number in 0..pages {
        let start = chunk.len();
        for column in 0..filter::PAGE_BYTES / ROW_BYTES {
            let mut rows = [0; 64];
            for ((row, filter), pages) in rows.iter_mut().zip(filters).zip(&sizes) {
                let page = number & (pages - 1);
                *row = u64_at(filter, page * filter::PAGE_BYTES + column * ROW_BYTES).unwrap_or(u64::MAX);
            }
            transpose(&mut rows);
            chunk.extend(rows.iter().flat_map(|row| row.to_le_bytes()));
        }
        sums.extend_from_slice(&hash::crc(0, &chunk[start..]).to_le_bytes());
        if chunk.len() >= WRITE_BYTES || number + 1 == pages {
            write(&chunk, at)?;
            at += chunk.len() as u64;
            chunk.clear();
        }
    }
    write(&sums, at)?;
    let mut head = [0; HEADER_BYTES];
    head[..VERSION].copy_from_slice(&MAGIC);
    head[VERSION..CRC].copy_from_slice(&FILTER_GROUP_VERSION.to_le_bytes());
    head[COUNT..PAGES].copy_from_slice(&(owners.len() as u32).to_le_bytes());
    head[PAGES..SUMS_CRC].copy_from_slice(&(pages as u32).to_le_bytes());
    head[SUMS_CRC..SUMS_CRC + 4].copy_from_slice(&hash::crc(0, &sums).to_le_bytes());
    for (cell, owner) in head[OWNERS..OWNERS_END].chunks_exact_mut(ROW_BYTES).zip(owners) {
        cell.copy_from_slice(&owner.to_le_bytes());
    }
    let crc = crc_of(&head);
    head[CRC..COUNT].copy_from_slice(&crc.to_le_bytes());
    write(&head, 0)
}

/// Turns bit `i` of word `r` into bit `r` of word `i`, by exchanging ever smaller squares.
fn transpose(rows: &mut [u64; 64]) {
    let (mut side, mut mask) = (32, 0x0000_0000_ffff_ffff_u64);
    while side > 0 {
        let mut row = 0;
        while row < 64 {
            let exchanged = ((rows[row] >> side) ^ rows[row + side]) & mask;
            rows[row] ^= exchanged << side;
            rows[row + side] ^= exchanged;
            row = (row + side + 1) & !side;
        }
        side /= 2;
        mask ^= mask << side;
    }
}

fn crc_of(head: &[u8; HEADER_BYTES]) -> u32 {
    hash::crc(hash::crc(0, &head[..CRC]), &head[COUNT..])
}

#[cfg(test)]
mod tests;
