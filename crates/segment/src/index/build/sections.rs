//! From what is known of a segment's events to the bytes of its index file.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use tidegate_format::{Error, Hash, Position, Result, Version};

use super::leaps::Leaps;
use crate::index::graph::{self, ParentsWriter};
use crate::index::head::{Extent, FIELD_COUNT, HEADER_BYTES, Head, Owner, SECTION_COUNT, Section};
use crate::index::stream_heads::{self, StreamHead};
use crate::index::terms::TermsWriter;
use crate::index::{blocks, filter, ids, packed, postings};
use crate::term::{Field, HashKey};

/// A map by hashes that are wide enough to stand for what they are hashes of.
pub(super) type ByHash = HashMap<u128, u32, BuildHasherDefault<Low>>;

/// Takes the lower half of a hash as it is.
#[derive(Debug, Default)]
pub(super) struct Low(u64);

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

/// The terms of a segment but local causes, in any order, each once.
pub(super) trait TermList {
    /// Returns how many there are.
    fn count(&self) -> u32;

    /// Returns the bytes of a term.
    fn bytes(&self, number: u32) -> &[u8];

    /// Returns the events of a term in ascending order, each once. There is one at least. `buffer` is for events that do
    /// not stand together.
    fn events<'a>(&'a self, number: u32, buffer: &'a mut Vec<u32>) -> &'a [u32];

    /// Returns the version and the leaf hash of `event`, the last one of the stream with this number.
    fn head(&self, number: u32, event: u32) -> Result<(Version, Hash)>;
}

/// What an index file is made of.
#[derive(Debug)]
pub(super) struct Contents<T> {
    pub(super) hash_key: HashKey,
    pub(super) first: Position,
    /// Where each record starts.
    pub(super) offsets: Vec<u32>,
    /// The short hash of each event's id.
    pub(super) ids: Vec<u64>,
    pub(super) terms: T,
    /// The level of each event.
    pub(super) levels: Vec<u32>,
    pub(super) parents: ParentsWriter,
    pub(super) leaps: Leaps,
    /// Each local cause with each event that has it, in any order.
    pub(super) effects: Vec<(u64, u32)>,
    /// The short hashes of all terms, local causes included, in any order, and any number of times.
    pub(super) hashes: Vec<u64>,
}

impl<T: TermList> Contents<T> {
    /// Returns those of a segment that starts at `first`, with no event yet.
    pub(super) fn new(hash_key: HashKey, first: Position, terms: T) -> Self {
        Self {
            hash_key,
            first,
            offsets: Vec::new(),
            ids: Vec::new(),
            terms,
            levels: Vec::new(),
            parents: ParentsWriter::default(),
            leaps: Leaps::default(),
            effects: Vec::new(),
            hashes: Vec::new(),
        }
    }

    /// Returns the bytes of the index file.
    pub(super) fn encode(mut self, owner: Owner) -> Result<Vec<u8>> {
        let count = self.offsets.len() as u32;
        let mut file = SectionWriter::default();
        let mut lists = Lists::new(self.hash_key);
        file.section(|out| packed::write(&self.offsets, out))?;
        file.section(|out| ids::write(&self.ids, out))?;
        let (order, fields) = sort(&self.terms);
        let (mut streams, mut kinds) = (vec![0; count as usize], vec![0; count as usize]);
        let mut heads = Vec::new();
        file.try_section(|out| {
            let (mut writer, mut buffer) = (TermsWriter::default(), Vec::new());
            for (rank, number) in (0..).zip(&order) {
                let (bytes, events) = (self.terms.bytes(*number), self.terms.events(*number, &mut buffer));
                writer.add(bytes, events.len() as u32, lists.place(events));
                if let (Some(event), true) = (events.last().copied(), bytes[0] == Field::Stream as u8) {
                    let (version, leaf) = self.terms.head(*number, event)?;
                    stream_heads::write(&StreamHead { event, version, leaf }, &mut heads);
                }
                for (column, field) in [(&mut streams, Field::Stream), (&mut kinds, Field::Kind)] {
                    if bytes[0] == field as u8 {
                        let ordinal = rank - fields[field as usize - 1];
                        for event in events {
                            column[*event as usize] = ordinal;
                        }
                    }
                }
            }
            writer.end(out);
            Ok(())
        })?;
        self.effects.sort_unstable();
        self.effects.dedup();
        let mut effects = Vec::new();
        graph::write_effects(&self.effects, self.first, |events| lists.place(events), &mut effects);
        file.section(|out| out.append(&mut lists.bytes))?;
        file.section(|out| packed::write(&streams, out))?;
        file.section(|out| packed::write(&kinds, out))?;
        file.section(|out| self.parents.end(out))?;
        file.section(|out| packed::write(&self.levels, out))?;
        file.section(|out| packed::write(&self.leaps.distances(), out))?;
        file.section(|out| out.append(&mut effects))?;
        file.section(|out| out.append(&mut heads))?;
        let causes = self.effects.chunk_by(|left, right| left.0 == right.0).count();
        let entries = causes + order.len() + self.ids.len();
        file.section(|out| filter::write(self.hashes.iter().chain(&self.ids).copied(), entries, out))?;
        Ok(file.end(owner, count, fields))
    }
}

/// Returns the numbers of the terms in the order of their bytes, and the rank of the first term of each field and of the
/// end.
fn sort(terms: &impl TermList) -> (Vec<u32>, [u32; FIELD_COUNT + 1]) {
    let mut of_field: [Vec<u32>; FIELD_COUNT + 1] = std::array::from_fn(|_| Vec::new());
    for number in 0..terms.count() {
        of_field[usize::from(terms.bytes(number)[0])].push(number);
    }
    let mut order = Vec::with_capacity(terms.count() as usize);
    let fields = of_field.map(|numbers| {
        sort_field(terms, &numbers, &mut order);
        order.len() as u32
    });
    (order, fields)
}

/// Appends the numbers of the terms of a field in the order of their bytes. Most terms differ within the eight bytes
/// behind those that all of them share, so few comparisons have to go to the terms themselves.
fn sort_field(terms: &impl TermList, numbers: &[u32], order: &mut Vec<u32>) {
    let Some(first) = numbers.first() else { return };
    let first = terms.bytes(*first);
    let mut shared = first.len();
    for number in numbers {
        let pairs = first[..shared].iter().zip(terms.bytes(*number));
        shared = pairs.take_while(|(left, right)| left == right).count();
    }
    let key = |number: u32| {
        let rest = &terms.bytes(number)[shared..];
        let mut key = [0; 8];
        let length = rest.len().min(8);
        key[..length].copy_from_slice(&rest[..length]);
        u64::from_be_bytes(key)
    };
    let mut keys: Vec<(u64, u32)> = numbers.iter().map(|number| (key(*number), *number)).collect();
    keys.sort_unstable_by(|(left_key, left), (right_key, right)| {
        left_key.cmp(right_key).then_with(|| terms.bytes(*left).cmp(terms.bytes(*right)))
    });
    order.extend(keys.iter().map(|(_, number)| *number));
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

/// The sections of a file, one after the other.
#[derive(Debug, Default)]
struct SectionWriter {
    bytes: Vec<u8>,
    sections: Vec<Extent>,
}

impl SectionWriter {
    fn section(&mut self, fill: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        self.try_section(|out| {
            fill(out);
            Ok(())
        })
    }

    fn try_section(&mut self, fill: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        let start = self.bytes.len();
        fill(&mut self.bytes)?;
        let section = &self.bytes[start..];
        let length = u32::try_from(section.len()).map_err(|_| {
            let name = Section::ALL[self.sections.len()].name();
            Error::invalid(format!("the section of {name} of an index file would be 4 GiB or more"))
        })?;
        self.sections.push(Extent { offset: start as u64, length });
        Ok(())
    }

    /// Returns the file, with its head and the checksums of its blocks before the sections.
    fn end(mut self, owner: Owner, count: u32, fields: [u32; FIELD_COUNT + 1]) -> Vec<u8> {
        let start = blocks::sums_end(HEADER_BYTES, self.bytes.len());
        let mut sections = [Extent::default(); SECTION_COUNT];
        for (section, written) in sections.iter_mut().zip(&self.sections) {
            *section = Extent { offset: written.offset + start as u64, ..*written };
        }
        let file_length = (start + self.bytes.len()) as u64;
        let head = Head { owner, file_length, count, fields, sections };
        self.bytes.splice(..0, head.encode().into_iter().chain(std::iter::repeat_n(0, start - HEADER_BYTES)));
        blocks::write_sums(&mut self.bytes, head.sums());
        self.bytes
    }
}
