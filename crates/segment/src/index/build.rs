//! Building an index file from the records of its segment.
//!
//! Invariants:
//!
//! B1. The same segment and seed always give the same bytes.
//! B2. Memory is bounded by the segment.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use tidegate_format::{Cause, Error, Offset, Place, Position, Record, Result, SegmentHeader, hash};

use super::graph::{self, ParentsWriter};
use super::head::{Extent, FIELD_COUNT, HEADER_BYTES, Head, Owner, SECTION_COUNT, Section};
use super::postings;
use super::terms::TermsWriter;
use super::{filter, ids, packed};
use crate::term::{self, Field, HashKey};

/// The last position whose distances fit the sections of parents and effects.
const POSITION_MAX: u64 = 1 << 62;
/// Bytes of the term of a local cause: the field and a position.
const LOCAL_CAUSE_BYTES: usize = 9;

/// A map by hashes that are wide enough to stand for what they are hashes of.
type ByHash = HashMap<u128, u32, BuildHasherDefault<Low>>;

/// Takes the lower half of a hash as it is.
#[derive(Debug, Default)]
struct Low(u64);

impl Hasher for Low {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.first_chunk().map_or(0, |low| u64::from_le_bytes(*low));
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}

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
    gathered: Gathered,
    owner: Owner,
}

impl Builder {
    /// Begins the index file of the segment with this head and length in bytes.
    pub fn new(head: &SegmentHeader, segment_length: u64, hash_key: HashKey) -> Self {
        Self {
            gathered: Gathered::new(hash_key, head.first),
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
        let gathered = &mut self.gathered;
        let position = Position(gathered.first.0.saturating_add(gathered.offsets.len() as u64));
        let added = gathered.add(record, offset, self.owner.segment_length, &level_of);
        added.map_err(|error| error.at(Place::Event(position)))
    }

    /// Returns the bytes of the file, once all records of the segment were added.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if a section would be 4 GiB or more.
    pub fn end(self) -> Result<Vec<u8>> {
        self.gathered.encode(self.owner)
    }
}

/// What is known of a term.
#[derive(Debug)]
struct Gained {
    bytes: Box<[u8]>,
    events: Vec<u32>,
}

/// What the records of a segment come to.
#[derive(Debug)]
struct Gathered {
    hash_key: HashKey,
    first: Position,
    offsets: Vec<u32>,
    ids: Vec<u64>,
    terms: Vec<Gained>,
    by_hash: ByHash,
    /// For each event, the place of its stream in `terms`, later its rank among streams.
    streams: Vec<u32>,
    kinds: Vec<u32>,
    levels: Vec<u32>,
    parents: ParentsWriter,
    effects: Vec<(u64, u32)>,
    hashes: Vec<u64>,
}

impl Gathered {
    fn new(hash_key: HashKey, first: Position) -> Self {
        Self {
            hash_key,
            first,
            offsets: Vec::new(),
            ids: Vec::new(),
            terms: Vec::new(),
            by_hash: ByHash::default(),
            streams: Vec::new(),
            kinds: Vec::new(),
            levels: Vec::new(),
            parents: ParentsWriter::default(),
            effects: Vec::new(),
            hashes: Vec::new(),
        }
    }

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
        term::of_record(record, |field, bytes| self.add_term(field, bytes, event));
        self.add_causes(record, position, level_of)
    }

    fn add_term(&mut self, field: Field, bytes: &[u8], event: u32) {
        let hash = self.hash_key.hash(bytes);
        if field == Field::Cause && bytes.len() == LOCAL_CAUSE_BYTES {
            self.hashes.push(hash as u64);
            return;
        }
        let number = *self.by_hash.entry(hash).or_insert(self.terms.len() as u32);
        if number as usize == self.terms.len() {
            self.hashes.push(hash as u64);
            self.terms.push(Gained { bytes: bytes.into(), events: Vec::new() });
        }
        let events = &mut self.terms[number as usize].events;
        if events.last() != Some(&event) {
            events.push(event);
        }
        match field {
            Field::Stream => self.streams.push(number),
            Field::Kind => self.kinds.push(number),
            _ => {}
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
        Ok(())
    }

    fn encode(mut self, owner: Owner) -> Result<Vec<u8>> {
        let count = self.offsets.len() as u32;
        let mut file = SectionWriter { bytes: vec![0; HEADER_BYTES], sections: Vec::new() };
        let mut lists = Lists::new(self.hash_key);
        file.section(|out| packed::write(&self.offsets, out))?;
        file.section(|out| ids::write(&self.ids, out))?;
        let mut order: Vec<u32> = (0..self.terms.len() as u32).collect();
        order.sort_unstable_by(|left, right| {
            self.terms[*left as usize].bytes.cmp(&self.terms[*right as usize].bytes)
        });
        let fields = self.fields(&order);
        file.section(|out| self.write_terms(&order, &mut lists, out))?;
        self.effects.sort_unstable();
        self.effects.dedup();
        let mut effects = Vec::new();
        graph::write_effects(&self.effects, self.first, |events| lists.place(events), &mut effects);
        file.section(|out| out.append(&mut lists.bytes))?;
        let mut ranks = vec![0; order.len()];
        for (rank, number) in (0..).zip(&order) {
            ranks[*number as usize] = rank;
        }
        for (column, field) in [(&mut self.streams, Field::Stream), (&mut self.kinds, Field::Kind)] {
            let start = fields[field as usize - 1];
            for number in column.iter_mut() {
                *number = ranks[*number as usize] - start;
            }
            file.section(|out| packed::write(column, out))?;
        }
        file.section(|out| self.parents.end(out))?;
        file.section(|out| packed::write(&self.levels, out))?;
        file.section(|out| out.append(&mut effects))?;
        self.hashes.append(&mut self.ids);
        file.section(|out| filter::write(self.hashes, out))?;
        Ok(file.end(owner, count, fields))
    }

    /// Returns the rank of the first term of each field, and of the end.
    fn fields(&self, order: &[u32]) -> [u32; FIELD_COUNT + 1] {
        std::array::from_fn(|field| {
            let is_before = |number: &u32| usize::from(self.terms[*number as usize].bytes[0]) <= field;
            order.partition_point(is_before) as u32
        })
    }

    fn write_terms(&self, order: &[u32], lists: &mut Lists, out: &mut Vec<u8>) {
        let mut writer = TermsWriter::default();
        for number in order {
            let Gained { bytes, events } = &self.terms[*number as usize];
            writer.add(bytes, events.len() as u32, lists.place(events));
        }
        writer.end(out);
    }
}

/// The section of lists. Equal lists stand there once: an entity that has one stream shares its list.
#[derive(Debug)]
struct Lists {
    hash_key: HashKey,
    bytes: Vec<u8>,
    by_hash: ByHash,
    list: Vec<u8>,
}

impl Lists {
    fn new(hash_key: HashKey) -> Self {
        Self { hash_key, bytes: Vec::new(), by_hash: ByHash::default(), list: Vec::new() }
    }

    /// Returns where a list stands, once it is written.
    fn place(&mut self, events: &[u32]) -> u64 {
        if (events[events.len() - 1] - events[0]) as usize + 1 == events.len() {
            return postings::range_place(events[0]);
        }
        self.list.clear();
        let form = postings::write(events, &mut self.list);
        let at = *self.by_hash.entry(self.hash_key.hash(&self.list)).or_insert(self.bytes.len() as u32);
        if at as usize == self.bytes.len() {
            self.bytes.append(&mut self.list);
        }
        u64::from(at) << 2 | form
    }
}

/// A file that is written section by section.
#[derive(Debug)]
struct SectionWriter {
    bytes: Vec<u8>,
    sections: Vec<Extent>,
}

impl SectionWriter {
    fn section(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let start = self.bytes.len();
        fill(&mut self.bytes);
        let section = &self.bytes[start..];
        let length = u32::try_from(section.len()).map_err(|_| {
            let name = Section::ALL[self.sections.len()].name();
            Error::invalid(format!("the section of {name} of an index file would be 4 GiB or more"))
        })?;
        self.sections.push(Extent { offset: start as u64, length, crc: hash::crc(0, section) });
        Ok(())
    }

    fn end(mut self, owner: Owner, count: u32, fields: [u32; FIELD_COUNT + 1]) -> Vec<u8> {
        let mut sections = [Extent::default(); SECTION_COUNT];
        sections.copy_from_slice(&self.sections);
        let file_length = self.bytes.len() as u64;
        let head = Head { owner, file_length, count, fields, sections };
        self.bytes[..HEADER_BYTES].copy_from_slice(&head.encode());
        self.bytes
    }
}
