//! The filter: a quick "not here" for terms and ids.
//!
//! A Bloom filter in pages of 64 bytes, as many as come to a power of two. All bits of a hash lie in one page, and
//! are the same ones for any number of pages, so that asking touches one place, and the filters of many
//! segments can stand side by side, bit by bit, without the hashes they were made of: see `filter_group`.
//!
//! Of hashes that are not here about one in 500 seems to be here if the pages are full, and one in 8,000 if they
//! are half full.

use tidegate_format::Result;

use super::blocks::Part;
use super::number::malformed;

/// Bits of a page.
pub(super) const PAGE_BITS: usize = 512;
/// Bytes of a page.
pub(super) const PAGE_BYTES: usize = PAGE_BITS / 8;
/// The most pages there are: as many as the lowest bits of a hash, which its places in the page leave, can tell
/// apart.
pub(super) const PAGES_MAX: usize = 1 << PAGE_NUMBER_BITS;

/// Places of a hash in its page.
const PLACES: u32 = 5;
const PLACE_BITS: u32 = PAGE_BITS.ilog2();
const PAGE_NUMBER_BITS: u32 = u64::BITS - PLACES * PLACE_BITS;
/// Bits for each term and each id at least, but for filters with the most pages.
const HASH_BITS: usize = 16;

/// Returns the page of a hash; `pages` is a power of two.
#[inline]
pub(super) fn page(hash: u64, pages: usize) -> usize {
    hash as usize & (pages - 1)
}

/// Returns the bits of a hash in its page.
#[inline]
pub(super) fn places(hash: u64) -> impl Iterator<Item = usize> {
    (0..PLACES).map(move |n| (hash >> (PAGE_NUMBER_BITS + n * PLACE_BITS)) as usize % PAGE_BITS)
}

/// Appends a filter for these hashes, which belong to `entries` different terms and ids.
pub(super) fn write(hashes: impl Iterator<Item = u64>, entries: usize, out: &mut Vec<u8>) {
    let pages = (entries * HASH_BITS).div_ceil(PAGE_BITS).next_power_of_two().min(PAGES_MAX);
    let start = out.len();
    out.resize(start + pages * PAGE_BYTES, 0);
    for hash in hashes {
        let page = start + page(hash, pages) * PAGE_BYTES;
        for place in places(hash) {
            out[page + place / 8] |= 1 << (place % 8);
        }
    }
}

/// Returns how many pages a filter of this length has.
pub(super) fn pages(length: usize) -> Result<usize> {
    let pages = length / PAGE_BYTES;
    let is_whole = length.is_multiple_of(PAGE_BYTES) && pages.is_power_of_two() && pages <= PAGES_MAX;
    if is_whole { Ok(pages) } else { Err(malformed("the filter")) }
}

/// Returns whether a hash may be here.
pub(super) fn may_hold(filter: Part<'_>, hash: u64) -> Result<bool> {
    let start = page(hash, pages(filter.len())?) * PAGE_BYTES;
    let page = filter.bytes(start..start + PAGE_BYTES)?;
    Ok(places(hash).all(|place| page[place / 8] & 1 << (place % 8) != 0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::index::blocks::Blocks;

    proptest! {
        #[test]
        fn what_is_there_is_not_denied(hashes in proptest::collection::vec(any::<u64>(), 0..300)) {
            let mut bytes = vec![7];
            write(hashes.iter().copied(), hashes.len(), &mut bytes);
            let blocks = Blocks::of(&bytes[1..]);
            for hash in hashes {
                prop_assert!(may_hold(blocks.section(), hash).unwrap());
            }
        }

        #[test]
        fn hostile_bytes_are_refused_or_harmless(bytes: Vec<u8>, pages in 0usize..9, hash: u64) {
            let whole = bytes.len() % PAGE_BYTES == 0 && (bytes.len() / PAGE_BYTES).is_power_of_two();
            prop_assert_eq!(may_hold(Blocks::of(&bytes).section(), hash).is_ok(), whole);
            let bytes = vec![bytes.first().copied().unwrap_or_default(); pages * PAGE_BYTES];
            prop_assert_eq!(may_hold(Blocks::of(&bytes).section(), hash).is_ok(), pages.is_power_of_two());
        }
    }

    /// Returns how many of 100,000 hashes that are not there seem to be.
    fn wrong(count: u64) -> usize {
        let hash_key = crate::term::HashKey(1, 2);
        let hash = |number: u64| hash_key.hash(&number.to_le_bytes()) as u64;
        let mut bytes = Vec::new();
        write((0..count).map(hash), count as usize, &mut bytes);
        let blocks = Blocks::of(&bytes);
        (count..count + 100_000).filter(|number| may_hold(blocks.section(), hash(*number)).unwrap()).count()
    }

    #[test]
    fn few_that_are_not_there_seem_to_be() {
        // 512 bits a page and 16 a hash: 256 pages are full with 8,192 hashes, and 512 half full with one more.
        let (full, half_full) = (wrong(8192), wrong(8193));
        assert!(full < 250, "{full} of 100000");
        assert!(half_full < 25, "{half_full} of 100000");
    }
}
