//! The index of a segment in memory, while it grows and until its index file stands.
//!
//! One writer adds events in order; readers search at any time and take no lock.
//!
//! Invariants:
//!
//! M1. Events are counted from 0 within the segment; event `n` has the position `first + n`.
//! M2. The events of a term are in ascending order, each once.
//! M3. A number is published (a count, a table slot) only after all that it leads to.

mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use tidegate_format::{EventId, Position, Record, Result};

use table::{Filler, Table};

use crate::causes::{CauseBlock, CauseColumn};
use crate::column::{Column32, Column64, Rows};
use crate::recent::Recent;
use crate::term::{self, Field, HashKey, HashedId, HashedTerm, Term};

/// Events of a term's first block; every later block is twice as large as the one before. The very first
/// event of a term takes no block.
const BLOCK: u32 = 4;
/// Cells of a block before its events: its ordinal, and the block before it.
const BLOCK_HEAD: u32 = 2;

/// Ids that wait to be put into their table together: the memory of each is far from that of the others, and
/// together they take little longer than one. A search looks through those that wait.
const IDS_TOGETHER: usize = 64;

/// Which term of this index.
type TermNumber = u32;

/// An index that grows with its segment.
#[derive(Debug)]
pub struct MemIndex {
    hash_key: HashKey,
    count: AtomicU32,
    offsets: Column32,
    ids: [Column64; 2],
    id_table: Table,
    /// How many ids the table holds.
    id_count: AtomicU32,
    terms: Terms,
    term_table: Table,
    /// Blocks: the ordinal, the block before, then events.
    blocks: Column32,
    blocks_end: AtomicU32,
    /// Texts: the length in bytes, then the bytes, four to a cell.
    texts: Column32,
    texts_end: AtomicU32,
    causes: CauseColumn,
    writing: Mutex<Writing>,
}

/// What is known of each term.
#[derive(Debug)]
struct Terms {
    count: AtomicU32,
    rows: Rows<8>,
    fields: Column32,
    texts: Column32,
}

/// Cells of a term's row: its hash (four of them), how many events it has, the first and the last of them,
/// and its last block.
const HASH: usize = 0;
const EVENTS: usize = 4;
const FIRST: usize = 5;
const LAST: usize = 6;
const LAST_BLOCK: usize = 7;

/// What only the writer of the segment uses. Nobody ever waits for it.
#[derive(Debug)]
struct Writing {
    ids: Filler,
    terms: Filler,
    recent: Recent,
    bytes: Vec<u8>,
}

impl MemIndex {
    /// An empty index.
    pub fn new(hash_key: HashKey) -> Self {
        let (id_table, ids) = Table::new();
        let (term_table, terms) = Table::new();
        let writing = Writing { ids, terms, recent: Recent::default(), bytes: Vec::new() };
        Self {
            hash_key,
            count: AtomicU32::new(0),
            offsets: Column32::new(),
            ids: [Column64::new(), Column64::new()],
            id_table,
            id_count: AtomicU32::new(0),
            terms: Terms {
                count: AtomicU32::new(0),
                rows: Rows::new(),
                fields: Column32::new(),
                texts: Column32::new(),
            },
            term_table,
            blocks: Column32::new(),
            blocks_end: AtomicU32::new(1),
            texts: Column32::new(),
            texts_end: AtomicU32::new(1),
            causes: CauseColumn::new(),
            writing: Mutex::new(writing),
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
        let mut writing = self.writing.lock();
        let Writing { ids, terms, recent, bytes } = &mut *writing;
        self.offsets.set(event, offset);
        self.add_id(ids, record.id(), event);
        term::of_record_in(bytes, record, |field, bytes| {
            let mut find = || self.term(terms, field, bytes, event);
            let number = if field.repeats() { recent.find(bytes, find) } else { find() };
            self.add_event(number, event);
            if let Some(cause) = term::local_cause(bytes) {
                self.causes.add(event, cause);
            }
        });
        self.count.store(event + 1, Ordering::Release);
    }

    /// The byte of the segment at which an event's record starts.
    #[inline]
    pub fn offset(&self, event: u32) -> u32 {
        self.offsets.get(event)
    }

    /// The event with this id.
    pub fn find_id(&self, id: &HashedId) -> Option<u32> {
        let wanted = halves(u128::from_le_bytes(id.id.0));
        let is = |event| [self.ids[0].get(event), self.ids[1].get(event)] == wanted;
        // Asked before the table, so that what is put there meanwhile is looked through nevertheless.
        let waiting = self.id_count.load(Ordering::Acquire);
        let found = self.id_table.find(id.hash, is);
        found.or_else(|| (waiting..self.count()).find(|event| is(*event)))
    }

    /// The events of a term.
    pub fn find(self: &Arc<Self>, term: &HashedTerm) -> Option<MemPostings> {
        let hash = term.hash;
        let number = self.term_table.find(hash as u64, |number| self.is_term(number, hash))?;
        Some(self.postings(number))
    }

    /// The events that have the event at this position as a cause.
    pub(crate) fn effects(self: &Arc<Self>, cause: Position) -> Option<MemPostings> {
        self.find(&self.hash_key.hash_term(Term::cause(cause)))
    }

    /// Calls `each` with the text and the postings of every term of a text field (scope, entity, kind or
    /// tag) that starts with `prefix`, in no order.
    pub fn with_prefix(
        self: &Arc<Self>,
        field: Field,
        prefix: &[u8],
        mut each: impl FnMut(&[u8], MemPostings),
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

    /// Calls `each` with the postings of every term of a field, in no order.
    pub fn each_term(self: &Arc<Self>, field: Field, mut each: impl FnMut(MemPostings)) {
        for number in 0..self.terms.count.load(Ordering::Acquire) {
            if self.terms.fields.get(number) == field as u32 {
                each(self.postings(number));
            }
        }
    }

    /// Reads the causes of the events around `event` into a block.
    pub(crate) fn fill_causes(&self, event: u32, block: &mut CauseBlock) {
        self.causes.fill(event, self.count(), block);
    }

    /// The level of an event in the causal graph, if it is known.
    pub fn level(&self, event: u32) -> Option<u32> {
        self.causes.level(event)
    }

    /// Makes the levels of all its events known. `first` is the position of the first one, and `level_of`
    /// gives the levels of events of earlier segments.
    pub fn make_levels(&self, first: Position, level_of: impl Fn(Position) -> Result<u32>) -> Result<()> {
        self.causes.make_levels(self.count(), first, level_of)
    }

    /// Bytes of memory it takes.
    pub fn memory(&self) -> usize {
        let terms = &self.terms;
        [&self.offsets, &self.blocks, &self.texts, &terms.fields, &terms.texts]
            .into_iter()
            .map(Column32::memory)
            .chain(self.ids.iter().map(Column64::memory))
            .chain([terms.rows.memory(), self.id_table.memory(), self.term_table.memory()])
            .chain([self.causes.memory()])
            .sum()
    }

    fn postings(self: &Arc<Self>, term: TermNumber) -> MemPostings {
        MemPostings { index: Arc::clone(self), term, count: self.term_cell(term, EVENTS) }
    }

    fn id_hash(&self, id: EventId) -> u64 {
        self.hash_key.hash(&id.0) as u64
    }

    fn add_id(&self, ids: &mut Filler, id: EventId, event: u32) {
        let [low, high] = halves(u128::from_le_bytes(id.0));
        self.ids[0].set(event, low);
        self.ids[1].set(event, high);
        let waiting = self.id_count.load(Ordering::Relaxed);
        if (event - waiting) as usize + 1 < IDS_TOGETHER {
            return;
        }
        let mut hashes = [0; IDS_TOGETHER];
        for (hash, event) in hashes.iter_mut().zip(waiting..) {
            let id = u128::from(self.ids[0].get(event)) | u128::from(self.ids[1].get(event)) << 64;
            *hash = self.id_hash(EventId(id.to_le_bytes()));
        }
        for (hash, event) in hashes.iter().zip(waiting..) {
            ids.insert(&self.id_table, *hash, event);
        }
        self.id_count.store(event + 1, Ordering::Release);
    }

    fn is_term(&self, number: TermNumber, hash: u128) -> bool {
        let Some(row) = self.terms.rows.get(number) else { return false };
        let cells = quarters(hash).into_iter().zip(&row[HASH..]);
        cells.fold(true, |is, (wanted, cell)| is & (cell.load(Ordering::Relaxed) == wanted))
    }

    fn term_cell(&self, number: TermNumber, cell: usize) -> u32 {
        self.terms.rows.get(number).map_or(0, |row| row[cell].load(Ordering::Acquire))
    }

    /// The number of a term, which is new where no event had it before `event`.
    fn term(&self, table: &mut Filler, field: Field, bytes: &[u8], event: u32) -> TermNumber {
        let hash = self.hash_key.hash(bytes);
        if let Some(number) = table.find(hash as u64, |number| self.is_term(number, hash)) {
            return number;
        }
        let terms = &self.terms;
        let number = terms.count.load(Ordering::Relaxed);
        let row = terms.rows.make(number);
        for (cell, part) in row[HASH..].iter().zip(quarters(hash)) {
            cell.store(part, Ordering::Relaxed);
        }
        terms.fields.set(number, field as u32);
        if field.is_text() {
            terms.texts.set(number, self.add_text(&bytes[1..]));
        }
        row[FIRST].store(event, Ordering::Relaxed);
        row[LAST].store(event, Ordering::Relaxed);
        row[EVENTS].store(1, Ordering::Release);
        terms.count.store(number + 1, Ordering::Release);
        table.insert(&self.term_table, hash as u64, number);
        number
    }

    /// Adds an event to a term, unless it is there already.
    fn add_event(&self, number: TermNumber, event: u32) {
        let row = self.terms.rows.make(number);
        if row[LAST].load(Ordering::Relaxed) == event {
            return;
        }
        let count = row[EVENTS].load(Ordering::Relaxed);
        let (ordinal, at) = block_of(count - 1);
        let mut block = row[LAST_BLOCK].load(Ordering::Relaxed);
        if at == 0 {
            let before = block;
            block = self.blocks_end.load(Ordering::Relaxed);
            self.blocks_end.store(block + BLOCK_HEAD + block_size(ordinal), Ordering::Relaxed);
            self.blocks.set(block, ordinal);
            self.blocks.set(block + 1, before);
        }
        self.blocks.set(block + BLOCK_HEAD + at, event);
        row[LAST_BLOCK].store(block, Ordering::Release);
        row[LAST].store(event, Ordering::Relaxed);
        row[EVENTS].store(count + 1, Ordering::Release);
    }

    /// The `n`-th event of a term. The caller has seen a count above `n`.
    fn posting(&self, number: TermNumber, n: u32) -> u32 {
        if n == 0 {
            return self.term_cell(number, FIRST);
        }
        let (ordinal, at) = block_of(n - 1);
        let mut block = self.term_cell(number, LAST_BLOCK);
        while self.blocks.get(block) > ordinal {
            block = self.blocks.get(block + 1);
        }
        self.blocks.get(block + BLOCK_HEAD + at)
    }

    /// How many of a term's first `count` events come before `event`.
    fn rank(&self, number: TermNumber, count: u32, event: u32) -> u32 {
        if count == 0 || self.term_cell(number, FIRST) >= event {
            return 0;
        }
        if count == 1 {
            return 1;
        }
        let (mut ordinal, _) = block_of(count - 2);
        let mut block = self.term_cell(number, LAST_BLOCK);
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
pub struct MemPostings {
    index: Arc<MemIndex>,
    term: TermNumber,
    count: u32,
}

impl MemPostings {
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

fn quarters(hash: u128) -> [u32; 4] {
    [hash as u32, (hash >> 32) as u32, (hash >> 64) as u32, (hash >> 96) as u32]
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
    use tidegate_format::record::{Facts, Placed};
    use tidegate_format::{Draft, Hash, Micros, Position, Version, record};

    use super::*;

    fn add(index: &MemIndex, entity: String, tags: &[&'static str]) {
        let event = index.count();
        let mut draft = Draft::new(("s", entity), "a.b");
        draft.tags.extend(tags.iter().map(|tag| (*tag).into()));
        let id = EventId(u128::from(event).to_be_bytes());
        let facts = Facts {
            id,
            correlation: id,
            causes: &[],
            key: None,
            notes: &[],
            blind: tidegate_format::Blind::default(),
            batch_end: true,
        };
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

    #[test]
    fn postings_stay_what_they_were_while_the_index_grows() {
        let hash_key = HashKey(1, 2);
        let index = Arc::new(MemIndex::new(hash_key));
        let mut looked_up = Vec::new();
        for event in 0..400 {
            add(&index, format!("e{}", event % 3), &[]);
            let term = Term::new(Field::Entity, b"e1");
            looked_up.extend(index.find(&hash_key.hash_term(term)));
        }
        for postings in looked_up {
            let count = postings.count();
            assert_eq!((postings.get(count - 1), postings.get(count)), (Some(count * 3 - 2), None));
            for event in 0..400 {
                assert_eq!(postings.rank(event), ((event + 1) / 3).min(count), "{event} of {count}");
            }
        }
    }

    #[test]
    fn a_term_is_told_by_all_of_its_hash() {
        let index = MemIndex::new(HashKey(1, 2));
        add(&index, "e".into(), &[]);
        let hash = index.hash_key.hash(&term_bytes(Field::Entity, "e"));
        let number = (0..4).find(|number| index.is_term(*number, hash)).expect("it was added");
        for bit in 0..u128::BITS {
            assert!(!index.is_term(number, hash ^ (1 << bit)), "bit {bit}");
        }
    }

    #[test]
    fn memory_is_that_of_its_parts() {
        let index = MemIndex::new(HashKey(1, 2));
        let tables = 2 * 256 * 8;
        assert_eq!(index.memory(), tables);
        add(&index, "e".into(), &[]);
        // Offsets, fields, texts and where they lie; ids in two halves; rows of eight cells.
        let cells = 256 * 4;
        assert_eq!(index.memory(), tables + 4 * cells + 4 * cells + 8 * cells);
        add(&index, "e".into(), &[]);
        assert_eq!(index.memory(), tables + 16 * cells + cells, "the second event of a term takes a block");
        (0..2998).for_each(|_| add(&index, "e".into(), &[]));
        assert_eq!(index.id_table.memory(), 8192 * 8, "each id is in the table once");
    }

    fn term_bytes(field: Field, value: &str) -> Vec<u8> {
        [&[field as u8], value.as_bytes()].concat()
    }

    /// keeps M2
    #[test]
    fn postings_agree_with_a_plain_list() {
        let hash_key = HashKey(1, 2);
        let index = Arc::new(MemIndex::new(hash_key));
        let mut plain = vec![Vec::new(); 7];
        for event in 0..3000 {
            let entity = (event * event + event / 3) % 7;
            add(&index, format!("e{entity}"), &["t", "t"]);
            plain[entity as usize].push(event);
        }
        for (entity, events) in plain.iter().enumerate() {
            let term = Term::new(Field::Entity, format!("e{entity}").as_bytes());
            let found = index.find(&hash_key.hash_term(term)).map_or(Vec::new(), |postings| {
                (0..3000).for_each(|event| {
                    assert_eq!(postings.rank(event) as usize, events.partition_point(|e| *e < event));
                });
                (0..postings.count()).filter_map(|n| postings.get(n)).collect()
            });
            assert_eq!(&found, events, "entity {entity}");
        }
        let tagged =
            index.find(&hash_key.hash_term(Term::new(Field::Tag, b"t"))).expect("every event has it");
        assert_eq!(tagged.count(), 3000);
        assert!(index.find(&hash_key.hash_term(Term::new(Field::Tag, b"u"))).is_none());
        let find = |id: u32| index.find_id(&hash_key.hash_id(EventId(u128::from(id).to_be_bytes())));
        for event in [0, 63, 64, 2943, 2944, 2999] {
            assert_eq!(find(event), Some(event));
        }
        assert_eq!(find(3000), None);
        assert_eq!(index.offset(77), 770);
    }

    #[test]
    fn prefixes_find_their_texts() {
        let index = Arc::new(MemIndex::new(HashKey(1, 2)));
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
