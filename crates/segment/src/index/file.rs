//! The index file of a sealed segment, as its readers see it.
//!
//! Invariants:
//!
//! I1. Opening looks at the head alone; the checksum of a block of the file is compared when a part of it is first used, and
//!     that it held is remembered.
//! I2. Bytes never make a reader panic or allocate more than a term; what makes no sense is an error.

use std::ops::Range;

use tidegate_disk::Block;
use tidegate_format::{Error, EventId, Hash, Position, Result, SegmentHeader};

use super::blocks::{Blocks, Part};
use super::graph::{self, Effects, Parents};
use super::head::{FIELD_COUNT, Head, Owner, Section};
use super::number::malformed;
use super::packed::Packed;
use super::postings::Postings;
use super::remainder::Remainder;
use super::stream_heads::{self, StreamHead};
use super::terms::Terms;
use super::{filter, ids};
use crate::mem_index::CauseBlock;
use crate::term::{self, Field, HashKey, Term};

/// The index file of a sealed segment. Events are counted from 0 within the segment.
///
/// Every call can fail with an error of kind `Damaged`: the file is not what was written. Build it anew from
/// its segment then.
#[derive(Debug)]
pub struct FileIndex {
    blocks: Blocks,
    head: Head,
    first: Position,
    /// What stands behind it of a segment that was retired.
    remainder: Option<Remainder>,
}

impl FileIndex {
    /// Returns the index file in `block`, which must belong to the segment with this head and length in bytes, and to
    /// a store with this seed. A file of another version is an error of kind `Newer`.
    pub fn open(block: Block, head: &SegmentHeader, segment_length: u64, hash_key: HashKey) -> Result<Self> {
        let owner = Owner::new(head, segment_length, hash_key);
        let read = Head::read(&block, &owner)?;
        let blocks = Blocks::new(block, read.file_length as usize, read.sums());
        Ok(Self { blocks, head: read, first: head.first, remainder: None })
    }

    /// Returns the index file with which a remainder file begins, whose bytes are in `block`, and which must be of the segment
    /// with this head and length in bytes, in a store with this seed.
    pub fn open_retired(
        block: Block,
        head: &SegmentHeader,
        segment_length: u64,
        hash_key: HashKey,
    ) -> Result<Self> {
        let owner = Owner::new(head, segment_length, hash_key);
        let read = Head::read_first(&block, &owner)?;
        let remainder = Some(Remainder::read(&block, read.file_length as usize, read.count)?);
        let blocks = Blocks::new(block, read.file_length as usize, read.sums());
        Ok(Self { blocks, head: read, first: head.first, remainder })
    }

    /// Returns the id and the leaf of an event whose record was retired; `None` if this is the index of a segment that was not.
    pub fn kept(&self, event: u32) -> Result<Option<(EventId, Hash)>> {
        self.check_event(event)?;
        self.remainder.as_ref().map(|remainder| remainder.get(self.blocks.file(), event)).transpose()
    }

    /// Returns how many events it holds.
    pub fn count(&self) -> u32 {
        self.head.count
    }

    /// Returns the length of the file in bytes.
    pub fn length(&self) -> u64 {
        self.head.file_length
    }

    /// Returns the length of each section in bytes, by its name in the specification.
    pub fn section_lengths(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let lengths = self.head.sections.iter().map(|section| u64::from(section.length));
        Section::ALL.iter().map(|section| section.name()).zip(lengths)
    }

    /// Compares the checksums of all blocks.
    pub fn verify(&self) -> Result<()> {
        self.blocks.verify()?;
        self.remainder.as_ref().map_or(Ok(()), |remainder| remainder.verify(self.blocks.file()))
    }

    /// Returns the byte of the segment at which an event's record starts.
    pub fn offset(&self, event: u32) -> Result<u32> {
        let offset = self.column(Section::Offsets, event)?;
        let fits = u64::from(offset) < self.head.owner.segment_length;
        if fits { Ok(offset) } else { Err(malformed("the section of offsets")) }
    }

    /// Returns whether a term or an id with this hash may be here: the lower half of `hash_key.hash` of the term's bytes or
    /// of the id's. A term or id that is here is never denied.
    pub fn may_hold(&self, hash: u64) -> Result<bool> {
        filter::may_hold(self.section(Section::Filter), hash)
    }

    /// Returns the filter that answers that, as the specification has it.
    pub fn filter(&self) -> Result<&[u8]> {
        self.section(Section::Filter).all()
    }

    /// Returns the events that may have the id with this hash, the lower half of `hash_key.hash` of the id's bytes. Most
    /// often there is one or none; the caller compares their ids.
    pub fn id_candidates(&self, hash: u64) -> Result<impl Iterator<Item = u32> + Clone + '_> {
        ids::find(self.section(Section::Ids), self.head.count, hash)
    }

    /// Returns the events of a term.
    pub fn find(&self, term: &Term) -> Result<Option<Postings>> {
        let bytes = term.as_bytes();
        if let Some(cause) = term::local_cause(bytes) {
            return self.effects(cause);
        }
        let found = self.terms()?.find(self.numbers(bytes[0]), bytes)?;
        found.map(|found| self.postings(found.count, found.place)).transpose()
    }

    /// Returns the number of a term among the terms of its field, from 0 in the order of their bytes, or `None` if it is
    /// not here. Local causes have none.
    pub fn term_number(&self, term: &Term) -> Result<Option<u32>> {
        let numbers = self.numbers(term.as_bytes()[0]);
        let found = self.terms()?.find(numbers.clone(), term.as_bytes())?;
        Ok(found.map(|found| found.number - numbers.start))
    }

    /// Returns the last event here of the stream with this term, or `None` if it has none.
    pub fn stream_head(&self, stream: &Term) -> Result<Option<StreamHead>> {
        let Some(number) = self.term_number(stream)? else { return Ok(None) };
        stream_heads::read(self.section(Section::Heads), number, self.head.count).map(Some)
    }

    /// Returns the numbers of the terms of a field whose value starts with `prefix`. They follow each other.
    pub fn term_numbers(&self, field: Field, prefix: &[u8]) -> Result<Range<u32>> {
        let numbers = self.numbers(field as u8);
        let terms = self.terms()?;
        let mut bound = Vec::with_capacity(prefix.len() + 1);
        bound.push(field as u8);
        bound.extend_from_slice(prefix);
        let start = terms.lower_bound(numbers.clone(), &bound)?;
        // The first bytes past all that start with the prefix. Every field is followed by a larger byte.
        while bound.pop_if(|last| *last == u8::MAX).is_some() {}
        if let Some(last) = bound.last_mut() {
            *last += 1;
        }
        let end = terms.lower_bound(start..numbers.end, &bound)?;
        Ok(start - numbers.start..end - numbers.start)
    }

    /// Calls `each` with the value and the events of every term of a field (but local causes) whose value
    /// starts with `prefix`, in the order of their bytes.
    pub fn with_prefix(
        &self,
        field: Field,
        prefix: &[u8],
        mut each: impl FnMut(&[u8], Postings),
    ) -> Result<()> {
        let numbers = self.term_numbers(field, prefix)?;
        let mut reader = self.terms()?.read_terms(self.numbers_of(field, numbers))?;
        while let Some((term, found)) = reader.next()? {
            each(term.get(1..).unwrap_or_default(), self.postings(found.count, found.place)?);
        }
        Ok(())
    }

    /// Calls `each` with the value and the count of events of every term of a field (but local causes), in the
    /// order of their bytes.
    pub fn each_term(&self, field: Field, mut each: impl FnMut(&[u8], u32)) -> Result<()> {
        let mut reader = self.terms()?.read_terms(self.numbers(field as u8))?;
        while let Some((term, found)) = reader.next()? {
            each(term.get(1..).unwrap_or_default(), found.count);
        }
        Ok(())
    }

    /// Returns how many terms a field has, local causes not counted.
    pub fn term_count(&self, field: Field) -> u32 {
        self.numbers(field as u8).len() as u32
    }

    /// Returns the value and the events of the term of a field that has this number.
    pub fn term(&self, field: Field, number: u32) -> Result<Option<(Vec<u8>, Postings)>> {
        let mut reader =
            self.terms()?.read_terms(self.numbers_of(field, number..number.saturating_add(1)))?;
        let Some((term, found)) = reader.next()? else { return Ok(None) };
        let postings = self.postings(found.count, found.place)?;
        Ok(Some((term.get(1..).unwrap_or_default().to_vec(), postings)))
    }

    /// Returns the number of an event's stream among the streams.
    pub fn stream_of(&self, event: u32) -> Result<u32> {
        self.column(Section::Streams, event)
    }

    /// Returns the number of an event's kind among the kinds.
    pub fn kind_of(&self, event: u32) -> Result<u32> {
        self.column(Section::Kinds, event)
    }

    /// Returns the local causes of an event, in the order in which it gives them.
    pub fn parents(&self, event: u32) -> Result<Parents<'_>> {
        self.check_event(event)?;
        let position = self.first.plus(u64::from(event));
        Parents::read(self.section(Section::Parents), self.head.count, event, position)
    }

    /// Reads the causes of the events around `event` into a block.
    pub(crate) fn fill_causes(&self, event: u32, block: &mut CauseBlock) -> Result<()> {
        self.check_event(event)?;
        graph::fill_causes(self.section(Section::Parents), self.head.count, self.first, event, block)
    }

    /// Returns the level of an event: 0 without local causes, otherwise one more than the highest level of a cause.
    pub fn level(&self, event: u32) -> Result<u32> {
        self.column(Section::Levels, event)
    }

    /// Returns an ancestor of an event far before it in this segment, or `None` if there is none. If the event names one
    /// local cause, every way back from it to an event before that ancestor leads over the ancestor.
    pub fn leap(&self, event: u32) -> Result<Option<u32>> {
        let section = self.section(Section::Leaps);
        let distance = Packed::read(section, self.head.count)?.get(event)?;
        let to = event.checked_sub(distance).ok_or_else(|| section.malformed())?;
        Ok((distance > 0).then_some(to))
    }

    /// Returns the events of this segment that have the event at this position as a cause.
    pub fn effects(&self, cause: Position) -> Result<Option<Postings>> {
        self.all_effects()?.find(cause)
    }

    /// Calls `each` with those of them that come before `end`.
    pub fn each_effect(&self, cause: Position, end: u32, each: impl FnMut(u32)) -> Result<()> {
        self.all_effects()?.each(cause, end, each)
    }

    /// Calls `each` with every cause from `from` up to but without `to` that has effects in this segment, and
    /// with how many they are; the causes ascend.
    pub fn effect_counts(&self, from: Position, to: Position, each: impl FnMut(Position, u32)) -> Result<()> {
        self.all_effects()?.counts(from, to, each)
    }

    fn all_effects(&self) -> Result<Effects<'_>> {
        let (effects, lists) = (self.section(Section::Effects), self.section(Section::Lists));
        Effects::read(effects, lists, self.first, self.head.count)
    }

    fn column(&self, section: Section, event: u32) -> Result<u32> {
        self.check_event(event)?;
        Packed::read(self.section(section), self.head.count)?.get(event)
    }

    fn check_event(&self, event: u32) -> Result<()> {
        if event < self.head.count {
            return Ok(());
        }
        Err(Error::invalid(format!("event {event} of a segment with {} events", self.head.count)))
    }

    fn terms(&self) -> Result<Terms<'_>> {
        Terms::read(self.section(Section::Terms), self.head.fields[FIELD_COUNT])
    }

    fn postings(&self, count: u32, place: u64) -> Result<Postings> {
        Postings::read(self.section(Section::Lists), count, place, self.head.count)
    }

    /// Returns the numbers of the terms of a field, by its code.
    fn numbers(&self, field: u8) -> Range<u32> {
        let field = usize::from(field);
        self.head.fields[field - 1]..self.head.fields[field]
    }

    /// Returns the numbers among all terms of those with these numbers in their field.
    fn numbers_of(&self, field: Field, within: Range<u32>) -> Range<u32> {
        let numbers = self.numbers(field as u8);
        let number = |within: u32| numbers.start.saturating_add(within).min(numbers.end);
        number(within.start)..number(within.end)
    }

    #[inline]
    fn section(&self, section: Section) -> Part<'_> {
        self.blocks.part(self.head.sections[section as usize].range(), section.name())
    }
}
