//! Building an index file, from the records of its segment or from its index in memory.
//!
//! Reading order: `leaps` (short ways back), `sections` (from what is known of the events to bytes), this file (from records), `live` (from the
//! index in memory).
//!
//! Invariants:
//!
//! B1. The same segment and seed always give the same bytes, built in either way.
//! B2. Memory is bounded by the segment.

mod leaps;
mod sections;

mod live;

use tidegate_format::{
    Cause, Error, ErrorPlace, Hash, Offset, Position, Record, Result, SegmentHeader, Version,
};

use super::head::Owner;
use crate::term::{self, Field, HashKey};
use sections::{ByHash, Contents, TermList};

pub(crate) use live::build_live;

/// The last position whose distances fit the sections of parents and effects.
const POSITION_MAX: u64 = 1 << 62;
/// Bytes of the term of a local cause: the field and a position.
const LOCAL_CAUSE_BYTES: usize = 9;

/// Returns the bytes of the index file of a segment: its head, its length in bytes, and all its records in order, each
/// with the byte of the segment at which it starts. `level_of` gives the levels of events of earlier segments.
///
/// It fails if reading a record or a level fails, or if the records are not those of the segment.
pub fn build<'a>(
    head: &SegmentHeader,
    segment_length: u64,
    records: impl Iterator<Item = Result<(Offset, Record<'a>)>>,
    hash_key: HashKey,
    level_of: impl Fn(Position) -> Result<u32>,
) -> Result<Vec<u8>> {
    let mut builder = Builder::new(head, segment_length, hash_key);
    for record in records {
        let (offset, record) = record?;
        builder.add(&record, offset, &level_of)?;
    }
    builder.end()
}

/// An index file that is built record by record, so that the segment need not be in memory as a whole.
#[derive(Debug)]
pub struct Builder {
    contents: Contents<Gathered>,
    owner: Owner,
}

impl Builder {
    /// Begins the index file of the segment with this head and length in bytes.
    pub fn new(head: &SegmentHeader, segment_length: u64, hash_key: HashKey) -> Self {
        Self {
            contents: Contents::new(hash_key, head.first, Gathered::default()),
            owner: Owner::new(head, segment_length, hash_key),
        }
    }

    /// Adds the next record of the segment, which starts at the byte `offset` of it. `level_of` gives the levels of
    /// events of earlier segments.
    ///
    /// # Errors
    ///
    /// [`Damaged`](tidegate_format::ErrorKind::Damaged) if the record is not the next one of the segment, and those of
    /// `level_of`. Nothing is to be added after one.
    pub fn add(
        &mut self,
        record: &Record<'_>,
        offset: Offset,
        level_of: impl Fn(Position) -> Result<u32>,
    ) -> Result<()> {
        let contents = &mut self.contents;
        let position = Position(contents.first.0.saturating_add(contents.offsets.len() as u64));
        let added = contents.add(record, offset, self.owner.segment_length, &level_of);
        added.map_err(|error| error.at(ErrorPlace::Event(position)))
    }

    /// Returns the bytes of the file, once all records of the segment were added.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if a section would be 4 GiB or more.
    pub fn end(self) -> Result<Vec<u8>> {
        self.contents.encode(self.owner)
    }
}

/// What is known of a term.
#[derive(Debug)]
struct Gained {
    bytes: Box<[u8]>,
    events: Vec<u32>,
    /// Of a stream, the version and the leaf hash of its last event.
    head: Option<Box<(Version, Hash)>>,
}

/// The terms of the records so far, in the order in which they came.
#[derive(Debug, Default)]
struct Gathered {
    terms: Vec<Gained>,
    by_hash: ByHash,
}

impl TermList for Gathered {
    fn count(&self) -> u32 {
        self.terms.len() as u32
    }

    fn bytes(&self, number: u32) -> &[u8] {
        &self.terms[number as usize].bytes
    }

    fn events<'a>(&'a self, number: u32, _: &'a mut Vec<u32>) -> &'a [u32] {
        &self.terms[number as usize].events
    }

    fn head(&self, number: u32, _: u32) -> Result<(Version, Hash)> {
        Ok(**self.terms[number as usize].head.as_ref().expect("each event of a stream left its own"))
    }
}

impl Contents<Gathered> {
    fn add(
        &mut self,
        record: &Record<'_>,
        offset: Offset,
        segment_length: u64,
        level_of: &impl Fn(Position) -> Result<u32>,
    ) -> Result<()> {
        let event = self.offsets.len() as u32;
        let position = self.first.plus(u64::from(event));
        if record.position() != position || position.0 >= POSITION_MAX {
            return Err(Error::damaged("a record is out of order", position, record.position()));
        }
        let end = offset.0.saturating_add(record.as_bytes().len() as u64);
        let fits = u32::try_from(offset.0).ok().filter(|_| end <= segment_length);
        let Some(offset) = fits.filter(|offset| self.offsets.last().is_none_or(|last| last < offset)) else {
            let expected = format!("a record that ends by byte {segment_length}");
            return Err(Error::damaged("a record is out of its place", expected, end));
        };
        self.offsets.push(offset);
        self.ids.push(self.hash_key.hash(&record.id().0) as u64);
        let mut head = Some((record.version(), record.leaf()));
        // The stream comes first.
        term::of_record(record, |field, bytes| self.add_term(field, bytes, event, head.take()));
        self.add_causes(record, position, level_of)
    }

    fn add_term(&mut self, field: Field, bytes: &[u8], event: u32, head: Option<(Version, Hash)>) {
        let hash = self.hash_key.hash(bytes);
        if field == Field::Cause && bytes.len() == LOCAL_CAUSE_BYTES {
            self.hashes.push(hash as u64);
            return;
        }
        let Gathered { terms, by_hash } = &mut self.terms;
        let number = *by_hash.entry(hash).or_insert(terms.len() as u32);
        if number as usize == terms.len() {
            self.hashes.push(hash as u64);
            terms.push(Gained { bytes: bytes.into(), events: Vec::new(), head: None });
        }
        let term = &mut terms[number as usize];
        if term.events.last() != Some(&event) {
            term.events.push(event);
        }
        if let Some(head) = head {
            **term.head.get_or_insert_with(|| Box::new(head)) = head;
        }
    }

    fn add_causes(
        &mut self,
        record: &Record<'_>,
        position: Position,
        level_of: &impl Fn(Position) -> Result<u32>,
    ) -> Result<()> {
        let (mut distances, mut level) = (Vec::new(), 0);
        for cause in record.causes() {
            let Cause::At(cause) = cause else { continue };
            if cause == Position::START || cause >= position {
                let expected = format!("a position before {position}");
                return Err(Error::damaged("a cause does not come before its effect", expected, cause));
            }
            let of_cause = match cause.0.checked_sub(self.first.0) {
                Some(event) => self.levels[event as usize],
                None => level_of(cause)?,
            };
            level = level.max(of_cause.saturating_add(1));
            distances.push(position.0 - cause.0);
            self.effects.push((cause.0, self.levels.len() as u32));
        }
        self.levels.push(level);
        self.parents.add(&distances);
        self.leaps.add(&distances);
        Ok(())
    }
}
