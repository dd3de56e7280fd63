//! The index of a segment in memory, while it grows and until its index file stands.
//!
//! One writer adds events in order; readers search at any time and take no lock.
//!
//! Invariants:
//!
//! M1. Events are counted from 0 within the segment; event `n` has the position `first + n`.
//! M2. The events of a term are in ascending order, each once.
//! M3. A number is published (a count, a table slot) with release order, and only after all that it leads to; a reader
//!     loads it with acquire order before it follows it.

mod column;
mod recent;

mod causes;
mod table;
mod texts;

mod terms;

mod streams;

use std::ops::Range;
use std::sync::Arc;

use tidegate_format::{EventId, Frame, Hash, Offset, Position, Record, Result, Version};

use causes::CauseColumn;
use column::{Column32, Column64};
use recent::Recent;
use streams::{StreamTerms, Streams};
use table::{Table, TableWriter};
use terms::{TermNumber, Terms};

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::term::{self, Field, HashKey, HashedId, HashedTerm, Term};

pub(crate) use causes::{CAUSE_BLOCK, CauseBlock};

/// Ids that wait to be put into their table together: the memory of each is far from that of the others, and together
/// they take little longer than one. A search looks through those that wait. A model checker sees them put there soon.
const IDS_TOGETHER: usize = if cfg!(loom) { 2 } else { 64 };

/// Events that are added together: their streams are looked up one behind the other, so that the memory of one is waited
/// for beside that of the next.
const EVENTS_TOGETHER: usize = 64;

/// Hashes of an event that the caller that writes it has made already.
#[derive(Clone, Copy, Debug)]
pub struct EventHashes {
    /// That of its stream, [`Term::stream`].
    pub stream: u128,
    /// Its leaf hash; [`Hash::ZERO`] if it is not known.
    pub leaf: Hash,
}

/// The last event of a stream, and its version and leaf hash unless they are not known.
pub(crate) type LastEvent = (u32, Option<(Version, Hash)>);

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
    streams: Streams,
    causes: CauseColumn,
    writing: Mutex<Writing>,
}

/// What only the writer of the segment uses. No caller ever waits for it.
#[derive(Debug)]
struct Writing {
    ids: TableWriter,
    terms: TableWriter,
    recent: Recent,
    /// The terms of the streams of events that are added together, as far as they are known.
    streams: Vec<Option<StreamTerms>>,
    /// The terms of one event, one behind the other, and what is known of each.
    bytes: Vec<u8>,
    event_terms: Vec<EventTerm>,
}

/// A term of an event, while that is added.
#[derive(Debug)]
struct EventTerm {
    field: Field,
    hash: u128,
    /// Where it stands in the bytes.
    bytes: Range<usize>,
    number: TermNumber,
}

impl MemIndex {
    /// Creates an empty index.
    pub fn new(hash_key: HashKey) -> Self {
        let (id_table, ids) = Table::new();
        let (term_table, terms) = Table::new();
        let writing = Writing {
            ids,
            terms,
            recent: Recent::default(),
            streams: Vec::new(),
            bytes: Vec::new(),
            event_terms: Vec::new(),
        };
        Self {
            hash_key,
            count: AtomicU32::new(0),
            offsets: Column32::new(),
            ids: [Column64::new(), Column64::new()],
            id_table,
            id_count: AtomicU32::new(0),
            terms: Terms::new(),
            term_table,
            streams: Streams::new(),
            causes: CauseColumn::new(),
            writing: Mutex::new(writing),
        }
    }

    /// Returns how many events it holds, visible or not.
    pub fn count(&self) -> u32 {
        // Acquire: what is known of the events below the count was written before it (M3).
        self.count.load(Ordering::Acquire)
    }

    /// Adds the next event, whose record starts at the byte `offset` of the segment. Only the writer of the segment
    /// calls this.
    pub fn add(&self, record: &Record<'_>, offset: Offset) {
        let stream = self.stream_hash(&mut Vec::new(), record);
        self.add_together(std::iter::once((offset, *record)), &[EventHashes { stream, leaf: Hash::ZERO }]);
    }

    /// Adds the events of the next frame, which starts at the byte `at` of the segment. `hashes` are those of each
    /// event, if they are known. Only the writer of the segment calls this.
    pub(crate) fn add_frame(&self, frame: &Frame<'_>, at: Offset, hashes: Option<&[EventHashes]>) {
        let mut made = Vec::new();
        let hashes = hashes.unwrap_or_else(|| {
            let mut bytes = Vec::new();
            made.extend(frame.records().map(|(_, record)| {
                let stream = self.stream_hash(&mut bytes, &record);
                EventHashes { stream, leaf: Hash::ZERO }
            }));
            &made
        });
        assert_eq!(hashes.len(), frame.head.count as usize, "each event has a stream");
        let mut records = frame.records().map(|(start, record)| (at.plus(start as u64), record));
        for hashes in hashes.chunks(EVENTS_TOGETHER) {
            self.add_together(records.by_ref().take(hashes.len()), hashes);
        }
    }

    fn stream_hash(&self, bytes: &mut Vec<u8>, record: &Record<'_>) -> u128 {
        bytes.clear();
        term::put_stream_of(record, bytes);
        self.hash_key.hash(bytes)
    }

    /// Adds the next events, which have these hashes.
    pub(crate) fn add_together<'a>(
        &self,
        records: impl Iterator<Item = (Offset, Record<'a>)>,
        hashes: &[EventHashes],
    ) {
        let mut writing = self.writing.lock();
        let writing = &mut *writing;
        // Relaxed: this thread alone stores the count.
        let first = self.count.load(Ordering::Relaxed);
        writing.streams.clear();
        writing.streams.extend(hashes.iter().map(|EventHashes { stream, .. }| {
            let number = writing.terms.find(*stream as u64, |number| self.terms.is(number, *stream))?;
            Some(self.streams.terms(number))
        }));
        let mut end = first;
        for (at, (offset, record)) in records.enumerate() {
            // A segment is shorter than 4 GiB, so a byte of it fits a cell.
            self.offsets.set(end, offset.0 as u32);
            self.add_id(&mut writing.ids, record.id(), end);
            let EventHashes { stream, leaf } = hashes[at];
            let terms = match writing.streams[at] {
                Some(terms) => terms,
                None => *writing.streams[at].insert(self.stream(
                    &mut writing.terms,
                    &mut writing.recent,
                    &record,
                    stream,
                    end,
                )),
            };
            self.streams.set_head(terms[0], record.version(), leaf);
            self.add_kind(writing, record.kind(), end);
            self.add_further(writing, &record, end);
            end += 1;
        }
        for field in 0..size_of::<StreamTerms>() / size_of::<TermNumber>() {
            for (event, terms) in (first..end).zip(writing.streams.iter().flatten()) {
                self.terms.add_event(terms[field], event);
            }
        }
        // Release: the caller that counts the events reads their offsets, ids and causes (M3).
        self.count.store(end, Ordering::Release);
    }

    /// Returns the terms of the stream of an event, which is perhaps the first of the stream here.
    #[cold]
    fn stream(
        &self,
        table: &mut TableWriter,
        recent: &mut Recent,
        record: &Record<'_>,
        hash: u128,
        event: u32,
    ) -> StreamTerms {
        if let Some(number) = table.find(hash as u64, |number| self.terms.is(number, hash)) {
            return self.streams.terms(number);
        }
        let stream = self.add_term(table, Field::Stream, &[], hash, event);
        let mut bytes = Vec::new();
        // New streams have an entity of their own most often, and scope and lane in common.
        let mut term = |field: Field, value: &[u8], is_common: bool| {
            bytes.clear();
            bytes.push(field as u8);
            bytes.extend_from_slice(value);
            let mut find = || self.term(table, field, &bytes, self.hash_key.hash(&bytes), event);
            if is_common { recent.find(&bytes, find) } else { find() }
        };
        let scope = term(Field::Scope, record.scope().as_bytes(), true);
        let entity = term(Field::Entity, record.entity().as_bytes(), false);
        let lane = term(Field::Lane, &record.lane().to_be_bytes(), true);
        let terms = [stream, scope, entity, lane];
        self.streams.add(terms);
        terms
    }

    fn add_kind(&self, writing: &mut Writing, kind: &str, event: u32) {
        let Writing { terms, recent, bytes, .. } = writing;
        bytes.clear();
        bytes.push(Field::Kind as u8);
        bytes.extend_from_slice(kind.as_bytes());
        let number =
            recent.find(bytes, || self.term(terms, Field::Kind, bytes, self.hash_key.hash(bytes), event));
        self.terms.add_event(number, event);
    }

    /// Adds the terms of an event that its stream and its kind do not tell.
    fn add_further(&self, writing: &mut Writing, record: &Record<'_>, event: u32) {
        let Writing { terms: table, bytes, event_terms, .. } = writing;
        bytes.clear();
        event_terms.clear();
        term::further(record, |field, parts| {
            let start = bytes.len();
            bytes.push(field as u8);
            for part in parts {
                bytes.extend_from_slice(part);
            }
            let term = &bytes[start..];
            if let Some(cause) = term::local_cause(term) {
                self.causes.add(event, cause);
            }
            let hash = self.hash_key.hash(term);
            event_terms.push(EventTerm { field, hash, bytes: start..bytes.len(), number: 0 });
        });
        // Step by step for all of them, as what one step reads of one term is far from what it reads of the next.
        for term in event_terms.iter_mut() {
            term.number = self.term(table, term.field, &bytes[term.bytes.clone()], term.hash, event);
        }
        for term in event_terms.iter() {
            self.terms.add_event(term.number, event);
        }
    }

    /// Returns the byte of the segment at which an event's record starts.
    #[inline]
    pub fn offset(&self, event: u32) -> u32 {
        self.offsets.get(event)
    }

    /// Returns the event with this id, or `None`.
    pub fn find_id(&self, id: &HashedId) -> Option<u32> {
        let wanted = halves(u128::from_le_bytes(id.id.0));
        let is = |event| [self.ids[0].get(event), self.ids[1].get(event)] == wanted;
        // Acquire, and before the table is searched: ids that it counts are in the slots that are read then. Those that
        // are put there meanwhile are looked through nevertheless.
        let waiting = self.id_count.load(Ordering::Acquire);
        let found = self.id_table.find(id.hash, is);
        found.or_else(|| (waiting..self.count()).find(|event| is(*event)))
    }

    /// Returns the events of a term, or `None` if no event has it.
    pub fn find(self: &Arc<Self>, term: &HashedTerm) -> Option<MemPostings> {
        let hash = term.hash;
        let number = self.term_table.find(hash as u64, |number| self.terms.is(number, hash))?;
        Some(self.postings(number))
    }

    /// Returns the events that have the event at this position as a cause, or `None` if there are none.
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
        for number in self.numbers(field) {
            text.clear();
            self.terms.value(number, &mut text);
            if text.starts_with(prefix) {
                each(&text, self.postings(number));
            }
        }
    }

    /// Calls `each` with the postings of every term of a field, in no order.
    pub fn each_term(self: &Arc<Self>, field: Field, mut each: impl FnMut(MemPostings)) {
        self.numbers(field).for_each(|number| each(self.postings(number)));
    }

    /// Returns what ids and terms are hashed with.
    pub(crate) fn hash_key(&self) -> HashKey {
        self.hash_key
    }

    /// Returns the short hash of the id of an event.
    pub(crate) fn short_id_hash(&self, event: u32) -> u64 {
        let id = u128::from(self.ids[0].get(event)) | u128::from(self.ids[1].get(event)) << 64;
        self.id_hash(EventId(id.to_le_bytes()))
    }

    /// Returns how many terms there are, local causes included. They are numbered from 0.
    pub(crate) fn term_count(&self) -> u32 {
        self.terms.count()
    }

    /// Returns the code of the field of a term.
    pub(crate) fn field_of(&self, term: TermNumber) -> u32 {
        self.terms.field(term)
    }

    /// Returns the short hash of a term.
    pub(crate) fn short_hash_of(&self, term: TermNumber) -> u64 {
        self.terms.short_hash(term)
    }

    /// Appends the value of a term to `out`; returns false if it is not kept, which is so for streams and local causes.
    pub(crate) fn read_value(&self, term: TermNumber, out: &mut Vec<u8>) -> bool {
        self.terms.value(term, out)
    }

    /// Returns the event of a term that has only one.
    pub(crate) fn lone_event(&self, term: TermNumber) -> Option<u32> {
        (self.terms.events(term) == 1).then(|| self.terms.event(term, 0))
    }

    /// Puts the events of a term into `out`, in ascending order.
    pub(crate) fn read_events(&self, term: TermNumber, out: &mut Vec<u32>) {
        self.terms.read_events(term, out);
    }

    /// Returns the last event of the stream with this term, and its version and leaf hash unless that is not known; `None`
    /// if the stream has no events here. Only the caller that adds events asks, or any caller once none are added.
    pub(crate) fn stream_head(&self, stream: &HashedTerm) -> Option<LastEvent> {
        let hash = stream.hash;
        let number = self.term_table.find(hash as u64, |number| self.terms.is(number, hash))?;
        Some((self.terms.last_event(number), self.version_and_leaf(number)))
    }

    /// Returns the version and the leaf hash of the last event of the stream with this term, or `None` if its leaf hash is
    /// not known. The same callers ask.
    pub(crate) fn version_and_leaf(&self, stream: TermNumber) -> Option<(Version, Hash)> {
        self.streams.head(stream)
    }

    /// Returns the terms of the scope, the entity and the lane of a stream. Only the caller that adds events asks, or any
    /// caller once none are added.
    pub(crate) fn stream_names(&self, stream: TermNumber) -> [TermNumber; 3] {
        let [_, scope, entity, lane] = self.streams.terms(stream);
        [scope, entity, lane]
    }

    /// Calls `each` with the local causes of an event, in the order in which it gives them.
    pub(crate) fn each_cause(&self, event: u32, each: impl FnMut(Position)) {
        self.causes.each(event, each);
    }

    /// Returns the numbers of the terms of a field.
    fn numbers(&self, field: Field) -> impl Iterator<Item = TermNumber> {
        (0..self.terms.count()).filter(move |number| self.terms.field(*number) == field as u32)
    }

    /// Reads the causes of the events around `event` into a block.
    pub(crate) fn fill_causes(&self, event: u32, block: &mut CauseBlock) {
        self.causes.fill(event, self.count(), block);
    }

    /// Returns the level of an event in the causal graph, if it is known.
    pub fn level(&self, event: u32) -> Option<u32> {
        self.causes.level(event)
    }

    /// Makes the levels of all its events known. `first` is the position of the first one, and `level_of`
    /// gives the levels of events of earlier segments.
    pub fn make_levels(&self, first: Position, level_of: impl Fn(Position) -> Result<u32>) -> Result<()> {
        self.causes.make_levels(self.count(), first, level_of)
    }

    /// Returns the bytes of memory it takes.
    pub fn memory(&self) -> usize {
        self.ids
            .iter()
            .map(Column64::memory)
            .chain([self.offsets.memory(), self.terms.memory(), self.streams.memory(), self.causes.memory()])
            .chain([self.id_table.memory(), self.term_table.memory()])
            .sum()
    }

    fn postings(self: &Arc<Self>, term: TermNumber) -> MemPostings {
        MemPostings { index: Arc::clone(self), term, count: self.terms.events(term) }
    }

    fn id_hash(&self, id: EventId) -> u64 {
        self.hash_key.hash(&id.0) as u64
    }

    fn add_id(&self, ids: &mut TableWriter, id: EventId, event: u32) {
        let [low, high] = halves(u128::from_le_bytes(id.0));
        self.ids[0].set(event, low);
        self.ids[1].set(event, high);
        // Relaxed: this thread alone stores the count.
        let waiting = self.id_count.load(Ordering::Relaxed);
        if (event - waiting) as usize + 1 < IDS_TOGETHER {
            return;
        }
        let mut hashes = [0; IDS_TOGETHER];
        for (hash, event) in hashes.iter_mut().zip(waiting..) {
            *hash = self.short_id_hash(event);
        }
        ids.insert_all(&self.id_table, &hashes, waiting);
        // Release: the caller that no longer looks through these ids finds them in the table.
        self.id_count.store(event + 1, Ordering::Release);
    }

    /// Returns the number of a term, which gets one and `event` if it is new.
    fn term(
        &self,
        table: &mut TableWriter,
        field: Field,
        bytes: &[u8],
        hash: u128,
        event: u32,
    ) -> TermNumber {
        let found = table.find(hash as u64, |number| self.terms.is(number, hash));
        found.unwrap_or_else(|| self.add_term(table, field, bytes, hash, event))
    }

    fn add_term(
        &self,
        table: &mut TableWriter,
        field: Field,
        bytes: &[u8],
        hash: u128,
        event: u32,
    ) -> TermNumber {
        let number = self.terms.add(field, bytes, hash, event);
        table.insert(&self.term_table, hash as u64, number);
        number
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
    /// Returns how many events had this term when it was looked up.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Returns the `n`-th of them, counted from 0, or `None` past the last.
    pub fn get(&self, n: u32) -> Option<u32> {
        (n < self.count).then(|| self.index.terms.event(self.term, n))
    }

    /// Returns how many of them come before `event`.
    pub fn rank(&self, event: u32) -> u32 {
        self.index.terms.rank(self.term, self.count, event)
    }
}

fn halves(hash: u128) -> [u64; 2] {
    [hash as u64, (hash >> 64) as u64]
}

#[cfg(test)]
mod tests;

#[cfg(all(test, loom))]
mod interleavings;
