//! A new log, written from whole events of another one.
//!
//! Invariants:
//!
//! W1. An event that keeps its position and has no lost event before it keeps all its bytes, and so its leaf.
//! W2. Every segment is durable before one after it exists, and all of them before the store file exists, which
//!     makes the directory a store.

use std::collections::HashMap;

use tidegate_disk::Env;
use tidegate_format::frame::{FRAME_HEADER_BYTES, Sealing};
use tidegate_format::limit::FRAME_BYTES_MAX;
use tidegate_format::record::{Body, ErasedPayload, Facts, Placed};
use tidegate_format::{
    Cause, Draft, EventId, Frame, Hash, Micros, Offset, Position, Record, Result, SegmentHeader, StoreFile,
    StoreId, StreamId, Version, Watermark, frame, record,
};
use tidegate_segment::{ActiveSegment, Term};

use super::fork_point::{LogRoot, Parent};
use crate::backend::{WatermarkFile, keep_store, seed};
use crate::read::ErasedEvent;

/// Bytes at which a segment is followed by a new one.
const SEGMENT_BYTES: u64 = 64 << 20;
/// How much more room a foreign cause takes than a position.
const FOREIGN_BYTES: usize = 24;

/// Events that follow each other in both logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MovedRun {
    /// The position of the first in the old log.
    pub from: Position,
    /// Its position in the new one.
    pub to: Position,
    /// How many they are.
    pub count: u64,
}

/// A log that grows by events of another one.
#[derive(Debug)]
pub(super) struct RebuiltLog<'a> {
    world: &'a Env,
    store: StoreFile,
    /// The store that the events are of.
    from: StoreId,
    active: ActiveSegment,
    /// Room for a frame's head, and events that are not written yet.
    frame: Vec<u8>,
    /// The position of the first of them.
    first: Position,
    epoch: u32,
    head: Position,
    runs: Vec<MovedRun>,
    /// The root over the events that stand as they stood in the old log.
    shared: LogRoot,
    ends: HashMap<Term, (Position, Version, Hash)>,
}

impl<'a> RebuiltLog<'a> {
    /// Begins the log of this store, with its first segment.
    pub(super) fn begin(world: &'a Env, store: StoreFile, from: StoreId) -> Result<Self> {
        let head = SegmentHeader {
            store: store.id,
            salt: store.salt,
            first: Position(1),
            before_first: Position::START,
            before_length: Offset(0),
            created: store.created,
            epoch: 1,
        };
        let active = ActiveSegment::create(&*world.disk, head, seed(store.seed))?;
        Ok(Self {
            world,
            store,
            from,
            active,
            frame: vec![0; FRAME_HEADER_BYTES],
            first: Position(1),
            epoch: 1,
            head: Position::START,
            runs: Vec::new(),
            shared: LogRoot::default(),
            ends: HashMap::new(),
        })
    }

    /// Adds the events of a frame, which come after all before in the old log too.
    pub(super) fn add(&mut self, frame: &Frame<'_>) -> Result<()> {
        self.epoch = self.epoch.max(frame.head.epoch);
        let mut batch = Vec::new();
        for (_, record) in frame.records() {
            batch.push(record);
            if record.ends_batch() {
                self.add_batch(&batch)?;
                batch.clear();
            }
        }
        self.flush()
    }

    /// Makes everything durable and then the directory a store, which names the one that it is a fork of. Says which events
    /// stand where.
    pub(super) fn end(mut self, parent: Option<&Parent>) -> Result<Vec<MovedRun>> {
        if let Some(parent) = parent {
            // keeps W1; a store with more than can be said is told apart by its id alone.
            let points = parent.fork_points(Position(self.shared.size()), self.shared.root());
            self.store.forks = points.unwrap_or_default();
        }
        let disk = &*self.world.disk;
        self.active.sync()?;
        let segment = self.active.segment();
        let mark = Watermark {
            sequence: 0,
            durable: self.head,
            segment: segment.first(),
            tail: segment.tail(),
            salt: self.store.salt,
            epoch: self.epoch,
            clean: true,
        };
        let mut watermark = WatermarkFile::open(disk, None)?;
        watermark.write(mark)?;
        watermark.sync()?;
        keep_store(disk, &self.store)?;
        Ok(self.runs)
    }

    fn add_batch(&mut self, batch: &[Record<'_>]) -> Result<()> {
        let bytes: usize = batch.iter().map(|record| record.as_bytes().len()).sum();
        let causes = batch.iter().flat_map(Record::causes);
        let lost = causes.filter(|cause| self.is_lost(*cause, batch[0].position())).count();
        if self.frame.len() + bytes + lost * FOREIGN_BYTES > FRAME_HEADER_BYTES + FRAME_BYTES_MAX {
            self.flush()?;
        }
        // Only a batch of nearly the largest size there is loses its lost causes.
        let keep = FRAME_HEADER_BYTES + bytes + lost * FOREIGN_BYTES <= FRAME_BYTES_MAX;
        for record in batch {
            self.add_record(record, keep);
        }
        Ok(())
    }

    fn add_record(&mut self, record: &Record<'_>, keep_lost: bool) {
        let (old, position) = (record.position(), self.head.next());
        let start = self.frame.len();
        let goes_on = self.runs.last().is_some_and(|run| run.from.plus(run.count) == old);
        let is_same = position == old && (self.runs.is_empty() || (self.runs.len() == 1 && goes_on));
        match self.runs.last_mut().filter(|_| goes_on) {
            Some(run) => run.count += 1,
            None => self.runs.push(MovedRun { from: old, to: position, count: 1 }),
        }
        let term = Term::stream(record.scope(), record.entity(), record.lane());
        // keeps W1
        let (version, leaf) = if is_same {
            self.frame.extend_from_slice(record.as_bytes());
            self.shared.push(record.leaf());
            (record.version(), record.leaf())
        } else {
            let (previous, version, link) =
                self.ends.get(&term).copied().unwrap_or((Position::START, Version::EMPTY, Hash::ZERO));
            let placed = Placed { position, version: version.next(), previous, link, time: record.time() };
            let mut bytes = Vec::new();
            let body = self.encode(record, keep_lost, &mut bytes);
            let leaf = record::place(&mut bytes, &placed, position, &body);
            self.frame.append(&mut bytes);
            (placed.version, leaf)
        };
        debug_assert!(self.frame.len() > start, "a record has bytes");
        self.ends.insert(term, (position, version, leaf));
        self.head = position;
    }

    /// Encodes the event of a record anew, with its causes as they are called in this log.
    fn encode(&self, record: &Record<'_>, keep_lost: bool, bytes: &mut Vec<u8>) -> Body {
        let text = |text: &str| text.to_owned().into();
        let draft = Draft {
            stream: StreamId::new(record.scope().to_owned(), record.entity().to_owned()).lane(record.lane()),
            kind: text(record.kind()),
            schema: record.schema(),
            payload_type: record.payload_type(),
            payload: self.payload_of(record).into(),
            tags: record.tags().map(text).collect(),
            causes: Vec::new(),
            correlation: None,
            metadata: record.metadata().map(|(name, value)| (text(name), value.to_vec().into())).collect(),
            id: None,
            subject: None,
        };
        let called = |cause: Cause| match cause {
            Cause::At(at) => match self.new_position(at) {
                Some(position) => Some(Cause::At(position)),
                None => keep_lost.then(|| Cause::Foreign(self.from, lost_id(self.from, at))),
            },
            other => Some(other),
        };
        let causes: Vec<Cause> = record.causes().filter_map(called).collect();
        let facts = Facts {
            id: record.id(),
            correlation: record.correlation(),
            causes: &causes,
            key: record.key(),
            notes: &[],
            blind: record.blind().unwrap_or_default(),
            batch_end: record.ends_batch(),
        };
        if record.is_erased() {
            let (commitment, length) = (record.commitment(), record.payload_bytes() as u32);
            return record::encode_erased(&draft, &facts, &ErasedPayload { commitment, length }, bytes);
        }
        record::encode(&draft, &facts, bytes)
    }

    /// Returns what the payload of a record says in this log: of what is erased, the positions here.
    fn payload_of(&self, record: &Record<'_>) -> Vec<u8> {
        let payload = record.payload().unwrap_or_default().to_vec();
        let Some(erased) = ErasedEvent::in_record(record) else { return payload };
        let each = erased.positions.runs().iter().flat_map(|(first, last)| (first.0..=last.0).map(Position));
        let here = each.filter_map(|old| self.new_position(old)).collect();
        erased.payload_for(&here).into_bytes()
    }

    /// Returns where an event of the old log stands in this one, if it does.
    fn new_position(&self, old: Position) -> Option<Position> {
        let run = self.runs.partition_point(|run| run.from <= old).checked_sub(1)?;
        let MovedRun { from, to, count } = self.runs[run];
        (old < from.plus(count)).then(|| to.plus(old.0 - from.0))
    }

    fn is_lost(&self, cause: Cause, batch: Position) -> bool {
        matches!(cause, Cause::At(at) if at < batch && self.new_position(at).is_none())
    }

    /// Writes the events so far as one frame.
    fn flush(&mut self) -> Result<()> {
        if self.frame.len() == FRAME_HEADER_BYTES {
            return Ok(());
        }
        let segment = self.active.segment();
        let empty = segment.next() == segment.first();
        if !empty && segment.tail().0 + self.frame.len() as u64 > SEGMENT_BYTES {
            self.roll()?;
        }
        // No caller reads this before the store file is there, and until then everything is durable (W2).
        let synced = self.first.before();
        let sealing = Sealing { first: self.first, synced, epoch: self.epoch, slot: None };
        let head = frame::seal(&mut self.frame, &sealing, self.store.salt);
        self.active.append(&self.frame, head, None)?;
        self.first = self.head.next();
        self.frame.truncate(FRAME_HEADER_BYTES);
        Ok(())
    }

    fn roll(&mut self) -> Result<()> {
        self.active.sync()?;
        let old = self.active.segment();
        let head = SegmentHeader {
            store: self.store.id,
            salt: self.store.salt,
            first: old.next(),
            before_first: old.first(),
            before_length: old.tail(),
            created: Micros(self.world.clock.now_micros()),
            epoch: self.epoch,
        };
        self.active = ActiveSegment::create(&*self.world.disk, head, seed(self.store.seed))?;
        Ok(())
    }
}

/// Returns what a lost event is called. Its own id is lost with it; this one is the same for all its effects.
fn lost_id(store: StoreId, position: Position) -> EventId {
    EventId::from_key(&store.to_string(), &position.to_string())
}
