//! Building an index file from the index in memory, which has seen every record when it was written or recovered: the
//! records are not read again.

use tidegate_format::{Error, Hash, Position, Result, SegmentHeader, Version};

use super::POSITION_MAX;
use super::sections::{Contents, TermList};
use crate::index::head::Owner;
use crate::mem_index::MemIndex;
use crate::term::{self, Field};

/// Bytes of a term for which there is room from the beginning.
const TERM_BYTES: usize = 32;

/// The terms of an index in memory, local causes left out, with their bytes.
struct LiveTerms<'a> {
    index: &'a MemIndex,
    /// The number in memory of each.
    numbers: Vec<u32>,
    /// The event of each that has only one, noted in the order in which terms lie in memory: the index file is in another
    /// order, in which each is far from the one before.
    lone: Vec<Option<u32>>,
    bytes: Vec<u8>,
    /// Where the bytes of each end.
    ends: Vec<usize>,
    /// Reads the version and the leaf hash of an event.
    read_head: ReadHead<'a>,
}

type ReadHead<'a> = &'a dyn Fn(u32) -> Result<(Version, Hash)>;

impl TermList for LiveTerms<'_> {
    fn count(&self) -> u32 {
        self.numbers.len() as u32
    }

    fn bytes(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[number]]
    }

    fn events<'a>(&'a self, number: u32, buffer: &'a mut Vec<u32>) -> &'a [u32] {
        match &self.lone[number as usize] {
            Some(event) => std::slice::from_ref(event),
            None => {
                self.index.read_events(self.numbers[number as usize], buffer);
                buffer
            }
        }
    }

    fn head(&self, number: u32, event: u32) -> Result<(Version, Hash)> {
        match self.index.version_and_leaf(self.numbers[number as usize]) {
            Some(head) => Ok(head),
            None => (self.read_head)(event),
        }
    }
}

/// Returns the bytes of the index file of the segment with this head and length in bytes, all of whose events are in
/// `index`. They are those that [`build`](super::build) returns. `level_of` gives the levels of events of earlier segments,
/// and `read_head` reads the version and the leaf hash of the last event of a stream whose leaf hash is not in memory.
pub(crate) fn build_live(
    head: &SegmentHeader,
    segment_length: u64,
    index: &MemIndex,
    level_of: impl Fn(Position) -> Result<u32>,
    read_head: impl Fn(u32) -> Result<(Version, Hash)>,
) -> Result<Vec<u8>> {
    let (count, hash_key) = (index.count(), index.hash_key());
    let last = head.first.0.saturating_add(u64::from(count));
    if last > POSITION_MAX {
        return Err(Error::damaged("positions are out of reach", format!("up to {POSITION_MAX}"), last));
    }
    let mut contents = Contents::new(hash_key, head.first, terms(index, &read_head));
    contents.offsets = (0..count).map(|event| index.offset(event)).collect();
    contents.ids = (0..count).map(|event| index.short_id_hash(event)).collect();
    contents.hashes = (0..index.term_count()).map(|number| index.short_hash_of(number)).collect();
    index.make_levels(head.first, level_of)?;
    let mut distances = Vec::new();
    for event in 0..count {
        let position = head.first.0 + u64::from(event);
        distances.clear();
        index.each_cause(event, |cause| {
            distances.push(position - cause.0);
            contents.effects.push((cause.0, event));
        });
        contents.parents.add(&distances);
        contents.leaps.add(&distances);
        contents.levels.push(index.level(event).unwrap_or_default());
    }
    contents.encode(Owner::new(head, segment_length, hash_key))
}

/// Puts together the bytes of the terms of an index in memory. That of a stream is made of those of its scope, entity and
/// lane.
fn terms<'a>(index: &'a MemIndex, read_head: ReadHead<'a>) -> LiveTerms<'a> {
    let count = index.term_count() as usize;
    let (numbers, lone, ends) =
        (Vec::with_capacity(count), Vec::with_capacity(count), Vec::with_capacity(count));
    // Room for most terms: to grow step by step would touch, and copy, several times as much memory.
    let bytes = Vec::with_capacity(count * TERM_BYTES);
    let mut terms = LiveTerms { index, numbers, lone, bytes, ends, read_head };
    let mut values = Vec::new();
    for number in 0..index.term_count() {
        let (field, start) = (index.field_of(number), terms.bytes.len());
        if field == Field::Stream as u32 {
            values.clear();
            let ends = index.stream_names(number).map(|name| {
                index.read_value(name, &mut values);
                values.len()
            });
            let (scope, entity) = (&values[..ends[0]], &values[ends[0]..ends[1]]);
            term::put_stream(scope, entity, &values[ends[1]..], &mut terms.bytes);
        } else {
            terms.bytes.push(field as u8);
            if !index.read_value(number, &mut terms.bytes) {
                // A local cause, which stands in the section of effects.
                terms.bytes.truncate(start);
                continue;
            }
        }
        terms.numbers.push(number);
        terms.lone.push(index.lone_event(number));
        terms.ends.push(terms.bytes.len());
    }
    terms
}
