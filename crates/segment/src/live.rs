//! The index of a segment in memory, while it grows and until its index file stands.
//!
//! One writer adds events in order; readers search at any time and take no lock.
//!
//! Invariants:
//!
//! M1. Events are counted from 0 within the segment; event `n` has the position `first + n`.
//! M2. The events of a term are in ascending order, each once.
//! M3. A number is published (a count, a table slot) only after all that it leads to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tidegate_format::{EventId, Record};

use crate::column::{Column32, Column64};
use crate::table::Table;
use crate::term::{self, Field, Seed, Term};

/// Events of a term's first block; every later block is twice as large as the one before. The very first
/// event of a term takes no block.
const BLOCK: u32 = 4;
/// Cells of a block before its events: its ordinal, and the block before it.
const BLOCK_HEAD: u32 = 2;

/// Which term of this index.
type TermNumber = u32;

/// An index that grows with its segment.
#[derive(Debug)]
pub struct LiveIndex {
    seed: Seed,
    count: AtomicU32,
    offsets: Column32,
    ids: [Column64; 2],
    id_table: Table,
    terms: Terms,
    term_table: Table,
    /// Blocks: the ordinal, the block before, then events.
    blocks: Column32,
    blocks_end: AtomicU32,
    /// Texts: the length in bytes, then the bytes, four to a cell.
    texts: Column32,
    texts_end: AtomicU32,
}

/// What is known of each term.
#[derive(Debug)]
struct Terms {
    count: AtomicU32,
    hashes: [Column64; 2],
    fields: Column32,
    texts: Column32,
    events: Column32,
    first: Column32,
    block: Column32,
}

impl LiveIndex {
    /// An empty index.
    pub fn new(seed: Seed) -> Self {
        Self {
            seed,
            count: AtomicU32::new(0),
            offsets: Column32::new(),
            ids: [Column64::new(), Column64::new()],
            id_table: Table::new(),
            terms: Terms {
                count: AtomicU32::new(0),
                hashes: [Column64::new(), Column64::new()],
                fields: Column32::new(),
                texts: Column32::new(),
                events: Column32::new(),
                first: Column32::new(),
                block: Column32::new(),
            },
            term_table: Table::new(),
            blocks: Column32::new(),
            blocks_end: AtomicU32::new(1),
            texts: Column32::new(),
            texts_end: AtomicU32::new(1),
        }
    }

    /// How many events it holds, visible or not.
    pub fn count(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    /// Adds the next event, whose record starts at the byte `offset` of the segment. Only the writer of the
    /// segment calls this.
    pub fn add(&self, record: &Record<'_>, offset: u32) {
        let event = self.count.load(Ordering::Relaxed);
        self.offsets.set(event, offset);
        self.add_id(record.id(), event);
        term::of_record(record, |field, bytes| self.add_term(field, bytes, event));
        self.count.store(event + 1, Ordering::Release);
    }

    /// The byte of the segment at which an event's record starts.
    #[inline]
    pub fn offset(&self, event: u32) -> u32 {
        self.offsets.get(event)
    }

    /// The event with this id.
    pub fn find_id(&self, id: EventId) -> Option<u32> {
        let wanted = halves(u128::from_le_bytes(id.0));
        let is = |event| [self.ids[0].get(event), self.ids[1].get(event)] == wanted;
        self.id_table.find(self.id_hash(id), is)
    }

    /// The events of a term.
    pub fn find(self: &Arc<Self>, term: &Term) -> Option<LivePostings> {
        self.term_number(self.seed.hash(term.as_bytes())).map(|number| self.postings(number))
    }

    /// Calls `each` with the text and the postings of every term of a text field (scope, entity, kind or
    /// tag) that starts with `prefix`, in no order.
    pub fn with_prefix(
        self: &Arc<Self>,
        field: Field,
        prefix: &[u8],
        mut each: impl FnMut(&[u8], LivePostings),
    ) {
        debug_assert!(field.is_text(), "only these keep their text");
        let mut text = Vec::new();
        for number in 0..self.terms.count.load(Ordering::Acquire) {
            if self.terms.fields.get(number) != field as u32 {
                continue;
            }
            self.text(number, &mut text);
            if text.starts_with(prefix) {
                each(&text, self.postings(number));
            }
        }
    }

    /// Calls `each` with the first event and the count of every term of a field, in no order.
    pub fn each_term(&self, field: Field, mut each: impl FnMut(u32, u32)) {
        for number in 0..self.terms.count.load(Ordering::Acquire) {
            if self.terms.fields.get(number) == field as u32 {
                each(self.terms.first.get(number), self.terms.events.get(number));
            }
        }
    }

    /// Bytes of memory it takes.
    pub fn memory(&self) -> usize {
        let terms = &self.terms;
        [&self.offsets, &self.blocks, &self.texts, &terms.fields, &terms.texts]
            .into_iter()
            .chain([&terms.events, &terms.first, &terms.block])
            .map(Column32::memory)
            .chain(self.ids.iter().chain(&terms.hashes).map(Column64::memory))
            .chain([self.id_table.memory(), self.term_table.memory()])
            .sum()
    }

    fn postings(self: &Arc<Self>, term: TermNumber) -> LivePostings {
        LivePostings { index: Arc::clone(self), term, count: self.terms.events.get(term) }
    }

    fn id_hash(&self, id: EventId) -> u64 {
        self.seed.hash(&id.0) as u64
    }

    fn add_id(&self, id: EventId, event: u32) {
        let [low, high] = halves(u128::from_le_bytes(id.0));
        self.ids[0].set(event, low);
        self.ids[1].set(event, high);
        self.id_table.insert(self.id_hash(id), event, |event| {
            let id = u128::from(self.ids[0].get(event)) | u128::from(self.ids[1].get(event)) << 64;
            self.id_hash(EventId(id.to_le_bytes()))
        });
    }

    fn term_number(&self, hash: u128) -> Option<TermNumber> {
        let wanted = halves(hash);
        let hashes = &self.terms.hashes;
        let is = |number| [hashes[0].get(number), hashes[1].get(number)] == wanted;
        self.term_table.find(hash as u64, is)
    }

    fn add_term(&self, field: Field, bytes: &[u8], event: u32) {
        let hash = self.seed.hash(bytes);
        let terms = &self.terms;
        if let Some(number) = self.term_number(hash) {
            let count = terms.events.get(number);
            if self.posting(number, count - 1) != event {
                self.push(number, count, event);
                terms.events.set(number, count + 1);
            }
            return;
        }
        let number = terms.count.load(Ordering::Relaxed);
        let [low, high] = halves(hash);
        terms.hashes[0].set(number, low);
        terms.hashes[1].set(number, high);
        terms.fields.set(number, field as u32);
        if field.is_text() {
            terms.texts.set(number, self.add_text(&bytes[1..]));
        }
        terms.first.set(number, event);
        terms.events.set(number, 1);
        terms.count.store(number + 1, Ordering::Release);
        self.term_table.insert(hash as u64, number, |number| terms.hashes[0].get(number));
    }

    fn push(&self, number: TermNumber, count: u32, event: u32) {
        let (ordinal, at) = block_of(count - 1);
        if at != 0 {
            let block = self.terms.block.get(number);
            self.blocks.set(block + BLOCK_HEAD + at, event);
            return;
        }
        let block = self.blocks_end.load(Ordering::Relaxed);
        self.blocks_end.store(block + BLOCK_HEAD + block_size(ordinal), Ordering::Relaxed);
        self.blocks.set(block, ordinal);
        self.blocks.set(block + 1, self.terms.block.get(number));
        self.blocks.set(block + BLOCK_HEAD, event);
        self.terms.block.set(number, block);
    }

    /// The `n`-th event of a term. The caller has seen a count above `n`.
    fn posting(&self, number: TermNumber, n: u32) -> u32 {
        if n == 0 {
            return self.terms.first.get(number);
        }
        let (ordinal, at) = block_of(n - 1);
        let mut block = self.terms.block.get(number);
        while self.blocks.get(block) > ordinal {
            block = self.blocks.get(block + 1);
        }
        self.blocks.get(block + BLOCK_HEAD + at)
    }

    /// How many of a term's first `count` events come before `event`.
    fn rank(&self, number: TermNumber, count: u32, event: u32) -> u32 {
        if count == 0 || self.terms.first.get(number) >= event {
            return 0;
        }
        if count == 1 {
            return 1;
        }
        let (mut ordinal, _) = block_of(count - 2);
        let mut block = self.terms.block.get(number);
        loop {
            let found = self.blocks.get(block);
            if found <= ordinal && (found == 0 || self.blocks.get(block + BLOCK_HEAD) < event) {
                ordinal = found;
                break;
            }
            block = self.blocks.get(block + 1);
        }
        let before = 1 + block_start(ordinal);
        let (mut low, mut high) = (0, block_size(ordinal).min(count - before));
        while low < high {
            let middle = low.midpoint(high);
            if self.blocks.get(block + BLOCK_HEAD + middle) < event {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        before + low
    }

    fn text(&self, number: TermNumber, out: &mut Vec<u8>) {
        let at = self.terms.texts.get(number);
        let length = self.texts.get(at) as usize;
        out.clear();
        for cell in 0..length.div_ceil(4) {
            out.extend_from_slice(&self.texts.get(at + 1 + cell as u32).to_le_bytes());
        }
        out.truncate(length);
    }

    fn add_text(&self, bytes: &[u8]) -> u32 {
        let at = self.texts_end.load(Ordering::Relaxed);
        self.texts.set(at, bytes.len() as u32);
        let mut end = at + 1;
        for part in bytes.chunks(4) {
            let mut cell = [0; 4];
            cell[..part.len()].copy_from_slice(part);
            self.texts.set(end, u32::from_le_bytes(cell));
            end += 1;
        }
        self.texts_end.store(end, Ordering::Relaxed);
        at
    }
}

/// The events of one term, in ascending order.
#[derive(Clone, Debug)]
pub struct LivePostings {
    index: Arc<LiveIndex>,
    term: TermNumber,
    count: u32,
}

impl LivePostings {
    /// How many events had this term when it was looked up.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The `n`-th of them, counted from 0; nothing past the last.
    pub fn get(&self, n: u32) -> Option<u32> {
        (n < self.count).then(|| self.index.posting(self.term, n))
    }

    /// How many of them come before `event`.
    pub fn rank(&self, event: u32) -> u32 {
        self.index.rank(self.term, self.count, event)
    }
}

fn halves(hash: u128) -> [u64; 2] {
    [hash as u64, (hash >> 64) as u64]
}

/// The ordinal of the block that holds event `n` of those behind the very first, and its place there.
fn block_of(n: u32) -> (u32, u32) {
    let ordinal = (n / BLOCK + 1).ilog2();
    (ordinal, n - block_start(ordinal))
}

fn block_start(ordinal: u32) -> u32 {
    BLOCK * ((1 << ordinal) - 1)
}

fn block_size(ordinal: u32) -> u32 {
    BLOCK << ordinal
}

#[cfg(test)]
mod tests {
    use tidegate_format::{Draft, Facts, Hash, Micros, Placed, Position, Version, record};

    use super::*;

    fn add(index: &LiveIndex, entity: String, tags: &[&'static str]) {
        let event = index.count();
        let mut draft = Draft::new(("s", entity), "a.b");
        draft.tags.extend(tags.iter().map(|tag| (*tag).into()));
        let id = EventId(u128::from(event).to_be_bytes());
        let facts = Facts { id, correlation: id, causes: &[], key: None, batch_end: true };
        let mut bytes = Vec::new();
        let payload = record::encode(&draft, &facts, &mut bytes);
        let position = Position(u64::from(event) + 1);
        let placed = Placed {
            position,
            version: Version(1),
            previous: Position(0),
            link: Hash::ZERO,
            time: Micros(1),
        };
        record::place(&mut bytes, &placed, position, &payload);
        index.add(&Record::read(&bytes).expect("just written"), event * 10);
    }

    /// keeps M2
    #[test]
    fn postings_agree_with_a_plain_list() {
        let index = Arc::new(LiveIndex::new(Seed(1, 2)));
        let mut plain = vec![Vec::new(); 7];
        for event in 0..3000 {
            let entity = (event * event + event / 3) % 7;
            add(&index, format!("e{entity}"), &["t", "t"]);
            plain[entity as usize].push(event);
        }
        for (entity, events) in plain.iter().enumerate() {
            let term = Term::new(Field::Entity, format!("e{entity}").as_bytes());
            let found = index.find(&term).map_or(Vec::new(), |postings| {
                (0..3000).for_each(|event| {
                    assert_eq!(postings.rank(event) as usize, events.partition_point(|e| *e < event));
                });
                (0..postings.count()).filter_map(|n| postings.get(n)).collect()
            });
            assert_eq!(&found, events, "entity {entity}");
        }
        let tagged = index.find(&Term::new(Field::Tag, b"t")).expect("every event has it");
        assert_eq!(tagged.count(), 3000);
        assert!(index.find(&Term::new(Field::Tag, b"u")).is_none());
        assert_eq!(index.find_id(EventId(2999u128.to_be_bytes())), Some(2999));
        assert_eq!(index.find_id(EventId(3000u128.to_be_bytes())), None);
        assert_eq!(index.offset(77), 770);
    }

    #[test]
    fn prefixes_find_their_texts() {
        let index = Arc::new(LiveIndex::new(Seed(1, 2)));
        for entity in ["ab", "abcdef", "b", "abc"] {
            add(&index, entity.into(), &[]);
        }
        let mut found = Vec::new();
        index.with_prefix(Field::Entity, b"abc", |text, postings| {
            found.push((text.to_vec(), postings.get(0)));
        });
        assert_eq!(found, [(b"abcdef".to_vec(), Some(1)), (b"abc".to_vec(), Some(3))]);
    }
}
