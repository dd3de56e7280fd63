//! The term dictionary: all terms in the order of their bytes, each with the place of its events.
//!
//! Terms stand in blocks of 16, the first of a block whole and each other one as what it shares with the term
//! before it and the rest. A lookup halves the blocks by their first terms and then walks one block. A term's
//! number is its rank, so the terms of a field are a range of numbers, as are those with a prefix, and a
//! number leads back to its term.
//!
//! A finite-state transducer (`fst`) would be the other choice. Measured beside this one, it holds readable
//! terms in about the same bytes and random ones (the ids of flows) in nearly twice as many, and takes twice as
//! long to find one. It has no cheap way from a number to its term, and its reader trusts the bytes: a wrong
//! one behind a correct checksum can end the process, which no file of a store may do.

use std::cmp::Ordering;
use std::ops::Range;

use tidegate_format::Result;

use super::blocks::Part;
use super::number::{malformed, put_varint, varint, varint32};

/// Terms of a block.
const BLOCK: u32 = 16;
/// Bytes of the longest term: the stream of the longest scope and entity.
const TERM_BYTES_MAX: usize = 1 + 2 + 1024 + 1024 + 4;
/// Bytes of the longest length that is looked at: more than a term's has.
const VARINT_BYTES_MAX: usize = 10;

/// What the dictionary says of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The term's rank among all.
    pub(super) number: u32,
    /// How many events have it.
    pub(super) count: u32,
    /// Where they stand.
    pub(super) place: u64,
}

/// Writes a dictionary from its terms in ascending order.
#[derive(Debug, Default)]
pub(super) struct TermsWriter {
    directory: Vec<u8>,
    body: Vec<u8>,
    last: Vec<u8>,
    count: u32,
}

impl TermsWriter {
    /// Adds a term that is larger than the one before.
    pub(super) fn add(&mut self, term: &[u8], count: u32, place: u64) {
        debug_assert!(self.last.as_slice() < term && term.len() <= TERM_BYTES_MAX, "terms ascend");
        let mut shared = 0;
        if self.count.is_multiple_of(BLOCK) {
            self.directory.extend_from_slice(&(self.body.len() as u32).to_le_bytes());
        } else {
            shared = shared_length(&self.last, term);
            put_varint(shared as u64, &mut self.body);
        }
        put_varint((term.len() - shared) as u64, &mut self.body);
        self.body.extend_from_slice(&term[shared..]);
        put_varint(u64::from(count), &mut self.body);
        put_varint(place, &mut self.body);
        self.last.truncate(shared);
        self.last.extend_from_slice(&term[shared..]);
        self.count += 1;
    }

    /// Appends the dictionary.
    pub(super) fn end(mut self, out: &mut Vec<u8>) {
        out.append(&mut self.directory);
        out.extend_from_slice(&(self.body.len() as u32).to_le_bytes());
        out.append(&mut self.body);
    }
}

fn shared_length(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take_while(|(left, right)| left == right).count()
}

/// A dictionary read in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    directory: Part<'a>,
    body: Part<'a>,
    count: u32,
}

fn malformed_terms() -> tidegate_format::Error {
    malformed("the term dictionary")
}

impl<'a> Terms<'a> {
    /// Returns the dictionary of `count` terms that fills `terms`.
    pub(super) fn read(terms: Part<'a>, count: u32) -> Result<Self> {
        let entries = count.div_ceil(BLOCK) as usize + 1;
        let (directory, body) = terms.split_at(entries * 4)?;
        Ok(Self { directory, body, count })
    }

    /// Returns a term, looked for among those of these numbers.
    pub(super) fn find(&self, among: Range<u32>, wanted: &[u8]) -> Result<Option<Found>> {
        if among.is_empty() {
            return Ok(None);
        }
        let Some(block) = self.block_for(&among, wanted)? else {
            return Ok(None);
        };
        let found = find_in_block(self.block(block)?, self.numbers_of(block), wanted)?;
        Ok(found.filter(|found| among.contains(&found.number)))
    }

    /// Returns the number of the first term among these that is not less than `wanted`; the end if all are.
    pub(super) fn lower_bound(&self, among: Range<u32>, wanted: &[u8]) -> Result<u32> {
        if among.is_empty() {
            return Ok(among.end);
        }
        let Some(block) = self.block_for(&among, wanted)? else {
            return Ok(among.start);
        };
        let mut reader = self.read_terms(block * BLOCK..among.end)?;
        while let Some((term, found)) = reader.next()? {
            if term >= wanted {
                return Ok(found.number.max(among.start));
            }
        }
        Ok(among.end)
    }

    /// Returns a walk over the terms of these numbers.
    pub(super) fn read_terms(&self, among: Range<u32>) -> Result<TermsReader<'a>> {
        let among = among.start..among.end.min(self.count);
        let number = among.start / BLOCK * BLOCK;
        let mut reader =
            TermsReader { terms: *self, bytes: &[], at: 0, number, end: among.end, term: Vec::new() };
        while reader.number < among.start && reader.next()?.is_some() {}
        Ok(reader)
    }

    fn numbers_of(&self, block: u32) -> Range<u32> {
        block * BLOCK..self.count.min(block.saturating_add(1).saturating_mul(BLOCK))
    }

    fn block(&self, block: u32) -> Result<&'a [u8]> {
        let start = self.directory.u32_at(block as usize * 4)?;
        let end = self.directory.u32_at(block as usize * 4 + 4)?;
        self.body.bytes(start as usize..end as usize)
    }

    /// Returns the first term of a block, without a look at the rest of it.
    fn first_of(&self, block: u32) -> Result<&'a [u8]> {
        let start = self.directory.u32_at(block as usize * 4)? as usize;
        let (mut at, length) = (0, self.body.bytes_at(start, VARINT_BYTES_MAX)?);
        let length = varint(length, &mut at).and_then(|length| usize::try_from(length).ok());
        let length = length.filter(|length| *length <= TERM_BYTES_MAX).ok_or_else(malformed_terms)?;
        self.body.bytes(start + at..start + at + length)
    }

    /// Returns the last block with any of these numbers whose first term is not past `wanted`.
    fn block_for(&self, among: &Range<u32>, wanted: &[u8]) -> Result<Option<u32>> {
        let first = among.start / BLOCK;
        let (mut low, mut high) = (first, (among.end - 1) / BLOCK + 1);
        while low < high {
            let middle = low.midpoint(high);
            if self.first_of(middle)? <= wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low.checked_sub(1).filter(|block| *block >= first))
    }
}

/// Returns the bytes at `at` with their length before them.
#[inline]
fn take<'a>(bytes: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let length = varint(bytes, at)?;
    let end = at.checked_add(usize::try_from(length).ok()?)?;
    let taken = bytes.get(*at..end)?;
    *at = end;
    Some(taken)
}

/// Finds a term in its block without putting any term together: it is enough to know how many bytes the
/// term before shares with the wanted one, which is larger.
fn find_in_block(block: &[u8], numbers: Range<u32>, wanted: &[u8]) -> Result<Option<Found>> {
    let (mut at, mut matched) = (0, 0);
    for number in numbers.clone() {
        let shared = if number == numbers.start { Some(0) } else { varint(block, &mut at) };
        let shared = shared.ok_or_else(malformed_terms)?;
        let rest = take(block, &mut at).ok_or_else(malformed_terms)?;
        let count = varint32(block, &mut at).ok_or_else(malformed_terms)?;
        let place = varint(block, &mut at).ok_or_else(malformed_terms)?;
        match shared.cmp(&(matched as u64)) {
            Ordering::Greater => continue,
            Ordering::Less => return Ok(None),
            Ordering::Equal => {}
        }
        let left = &wanted[matched..];
        let more = shared_length(rest, left);
        match rest[more..].first().cmp(&left[more..].first()) {
            Ordering::Less => matched += more,
            Ordering::Equal => return Ok(Some(Found { number, count, place })),
            Ordering::Greater => return Ok(None),
        }
    }
    Ok(None)
}

/// A walk over terms in ascending order.
#[derive(Debug)]
pub(super) struct TermsReader<'a> {
    terms: Terms<'a>,
    bytes: &'a [u8],
    at: usize,
    number: u32,
    end: u32,
    term: Vec<u8>,
}

impl TermsReader<'_> {
    /// Returns the next term, and what the dictionary says of it.
    pub(super) fn next(&mut self) -> Result<Option<(&[u8], Found)>> {
        if self.number >= self.end {
            return Ok(None);
        }
        if self.number.is_multiple_of(BLOCK) {
            self.bytes = self.terms.block(self.number / BLOCK)?;
            self.at = 0;
            self.term.clear();
        }
        let found = self.step().ok_or_else(malformed_terms)?;
        self.number += 1;
        Ok(Some((&self.term, found)))
    }

    fn step(&mut self) -> Option<Found> {
        if !self.number.is_multiple_of(BLOCK) {
            let shared = usize::try_from(varint(self.bytes, &mut self.at)?).ok()?;
            if shared > self.term.len() {
                return None;
            }
            self.term.truncate(shared);
        }
        let rest = take(self.bytes, &mut self.at)?;
        if self.term.len() + rest.len() > TERM_BYTES_MAX {
            return None;
        }
        self.term.extend_from_slice(rest);
        let count = varint32(self.bytes, &mut self.at)?;
        let place = varint(self.bytes, &mut self.at)?;
        Some(Found { number: self.number, count, place })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::index::blocks::Blocks;
    use crate::term::Term;

    fn term() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(0u8..3, 0..6)
    }

    proptest! {
        #[test]
        fn terms_are_found_by_bytes_and_by_number(
            terms in proptest::collection::btree_set(term(), 0..120),
            others in proptest::collection::vec(term(), 20),
        ) {
            // The empty term is not a term: each starts with its field.
            let terms: BTreeSet<_> = terms.into_iter().filter(|term| !term.is_empty()).collect();
            let mut writer = TermsWriter::default();
            for (number, term) in (0..).zip(&terms) {
                writer.add(term, number + 1, u64::from(number) * 1000);
            }
            let mut bytes = Vec::new();
            writer.end(&mut bytes);
            let count = terms.len() as u32;
            let blocks = Blocks::of(&bytes);
            let read = Terms::read(blocks.section(), count).unwrap();
            for wanted in terms.iter().chain(&others) {
                let number = terms.iter().position(|term| term == wanted);
                let found = read.find(0..count, wanted).unwrap();
                prop_assert_eq!(found.map(|found| found.number as usize), number);
                let bound = terms.iter().filter(|term| *term < wanted).count();
                prop_assert_eq!(read.lower_bound(0..count, wanted).unwrap() as usize, bound);
            }
            for (number, term) in (0..).zip(&terms) {
                let mut reader = read.read_terms(number..count).unwrap();
                let found = Found { number, count: number + 1, place: u64::from(number) * 1000 };
                prop_assert_eq!(reader.next().unwrap(), Some((term.as_slice(), found)));
            }
        }
    }

    fn written(terms: &[Vec<u8>]) -> Vec<u8> {
        let mut writer = TermsWriter::default();
        for (number, term) in (0..).zip(terms) {
            writer.add(term, 1, number);
        }
        let mut bytes = Vec::new();
        writer.end(&mut bytes);
        bytes
    }

    #[test]
    fn walks_start_anywhere_among_many() {
        let terms: Vec<_> = (0..1000).map(|number| format!("{number:04}").into_bytes()).collect();
        let blocks = Blocks::of(&written(&terms));
        let read = Terms::read(blocks.section(), 1000).unwrap();
        for start in 0..1000 {
            let mut reader = read.read_terms(start..start + 1).unwrap();
            assert_eq!(reader.next().unwrap().map(|(term, _)| term), Some(&terms[start as usize][..]));
            assert_eq!(reader.next().unwrap(), None);
            assert_eq!(read.lower_bound(0..1000, &terms[start as usize]).unwrap(), start);
        }
    }

    #[test]
    fn the_longest_term_is_read_and_none_longer() {
        // A term that stands whole, and one that shares five bytes with it.
        let section = |whole: usize, rest: usize| {
            let mut body = Vec::new();
            put_varint(whole as u64, &mut body);
            body.resize(body.len() + whole, b'a');
            body.extend([1, 0, 5]);
            put_varint(rest as u64, &mut body);
            body.resize(body.len() + rest, b'b');
            body.extend([1, 0]);
            [&[0; 4], &(body.len() as u32).to_le_bytes()[..], &body].concat()
        };
        let lengths = |bytes: &[u8]| -> Result<Vec<usize>> {
            let blocks = Blocks::of(bytes);
            let mut reader = Terms::read(blocks.section(), 2)?.read_terms(0..2)?;
            let mut found = Vec::new();
            while let Some((term, _)) = reader.next()? {
                found.push(term.len());
            }
            Ok(found)
        };
        let longest = Term::stream(&"s".repeat(1024), &"e".repeat(1024), u32::MAX).as_bytes().len();
        assert_eq!(longest, TERM_BYTES_MAX);
        assert_eq!(lengths(&section(longest, 1)).unwrap(), [longest, 6]);
        assert_eq!(lengths(&section(5, longest - 5)).unwrap(), [5, longest]);
        for (whole, rest) in [(longest + 1, 1), (longest + 300, 1), (5, longest - 4), (5, longest)] {
            assert!(lengths(&section(whole, rest)).is_err(), "{whole} bytes, then {rest} more than five");
        }
    }
}
