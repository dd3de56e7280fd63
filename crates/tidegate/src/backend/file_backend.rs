//! The file backend: frames go to the active segment of this directory.
//!
//! Invariants:
//!
//! E1. What the active segment holds is durable before a segment after it exists.
//! E2. After a failed sync nothing is written any more, and no later sync is believed.
//! E3. Once the lock file is lost, no sync is acknowledged and no segment is created, so a writer that takes a new lock
//!     sees everything acknowledged before it.
//! E4. Space ahead of the tail is prepared by the one who writes the frames, so that no zero is ever written where a
//!     frame may stand. That it cannot be prepared fails nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use tidegate_disk::{Env, FileLock};
use tidegate_format::frame::{FRAME_HEADER_BYTES, Sealing};
use tidegate_format::{
    Error, ErrorKind, Micros, Offset, Position, Result, SegmentHeader, StoreFile, Watermark, frame,
};
use tidegate_segment::cache::FileCache;
use tidegate_segment::{ActiveSegment, EventHashes, HashKey, Segment};

use super::identity::check_lock;
use super::indexer::Indexer;
use super::log_backend::{LogBackend, PendingSync};
use super::watermark::WatermarkFile;
use crate::published::SharedState;
use crate::settings::StoreOptions;
use crate::sync::Mutex;

/// The directory's active segment and what belongs to writing it.
#[derive(Debug)]
pub(crate) struct FileBackend {
    pub(super) world: Env,
    pub(super) store: StoreFile,
    pub(super) seed: HashKey,
    pub(super) epoch: u32,
    pub(super) segment_bytes: u64,
    pub(super) cache: Arc<FileCache>,
    pub(super) active: ActiveSegment,
    pub(super) watermark: WatermarkFile,
    pub(super) durable: Position,
    pub(super) published: Arc<SharedState>,
    pub(super) indexer: Arc<Indexer>,
    pub(super) syncs: SyncState,
    /// Where the frames end that syncs were asked for and not noted as durable yet, in ascending order.
    pub(super) ends: VecDeque<FrameEnd>,
    pub(super) space: SpaceAhead,
    /// Whether nothing was written yet since the opening.
    pub(super) untouched: bool,
}

/// Bytes of the active segment beyond which closing puts a new one behind it, so that opening, which scans the
/// active segment, is quick after a close for any size of segments.
const CLOSE_BYTES_MAX: u64 = 4 << 20;

/// Serializes syncs and remembers a failure. The kernel reports a lost write to one fsync, once; a repeated or concurrent
/// fsync may succeed although data is gone.
#[derive(Clone, Debug)]
pub(super) struct SyncState {
    failed: Arc<Mutex<Option<Error>>>,
    lock: Weak<dyn FileLock>,
}

impl SyncState {
    /// Creates the state of syncs that count while this lock is held.
    pub(super) fn under(lock: &Arc<dyn FileLock>) -> Self {
        Self { failed: Arc::default(), lock: Arc::downgrade(lock) }
    }

    fn run(&self, segment: &Segment) -> Result<()> {
        let mut failed = self.failed.lock();
        if let Some(error) = &*failed {
            return Err(error.clone());
        }
        // keeps E3: asked after the sync, so that a lock lost during it counts.
        let synced = tidegate_segment::sync(segment).and_then(|()| check_lock(&self.lock));
        synced.inspect_err(|error| *failed = Some(error.clone()))
    }
}

impl FileBackend {
    fn written(&self) -> Position {
        self.active.segment().next().before()
    }

    /// Makes the active segment durable, puts a new one behind it, and publishes both.
    fn roll(&mut self) -> Result<()> {
        self.indexer.keep_up(&self.published)?;
        let old = Arc::clone(self.active.segment());
        // Comes before the sync, and so before anything needs the room.
        self.trim();
        let pending = self.sync_of_all();
        pending.run()?;
        self.published.set_durable(pending.position());
        self.note_durable(pending.position())?;
        self.watermark.sync()?;
        let head = SegmentHeader {
            store: self.store.id,
            salt: self.store.salt,
            first: old.next(),
            before_first: old.first(),
            before_length: old.tail(),
            created: Micros(self.world.clock.now_micros()),
            epoch: self.epoch,
        };
        let active = self.cache.retry(|| ActiveSegment::create(&*self.world.disk, head, self.seed))?;
        old.seal(&head, &self.cache);
        self.published.change_log(|log| log.segments.push(Arc::clone(active.segment())));
        self.published.set_sealed(true);
        self.active = active;
        self.space.synced = self.active.segment().tail();
        Ok(())
    }

    /// Takes off unused space. If it stays it is no damage: what ends a segment is said elsewhere.
    fn trim(&mut self) {
        if let Err(error) = self.active.trim() {
            tracing::debug!(%error, "the unused space behind the log stays");
        }
    }

    /// Returns the sync of all that was appended.
    fn sync_of_all(&mut self) -> FileSync {
        let segment = Arc::clone(self.active.segment());
        let end = FrameEnd { position: self.written(), segment: segment.first(), tail: segment.tail() };
        if self.ends.back() != Some(&end) {
            self.ends.push_back(end);
        }
        FileSync { segment, position: end.position, syncs: self.syncs.clone() }
    }

    fn mark(&self, end: FrameEnd, clean: bool) -> Watermark {
        let FrameEnd { position: durable, segment, tail } = end;
        let (salt, epoch) = (self.store.salt, self.epoch);
        Watermark { sequence: 0, durable, segment, tail, salt, epoch, clean }
    }
}

impl LogBackend for FileBackend {
    fn append(
        &mut self,
        frame: &mut [u8],
        first: Position,
        slot: Option<u64>,
        hashes: &[EventHashes],
    ) -> Result<()> {
        let tail = self.active.segment().tail().0;
        let empty = self.active.segment().next() == self.active.segment().first();
        if !empty && tail + frame.len() as u64 > self.segment_bytes {
            self.roll()?;
        }
        if self.untouched {
            // Another one that opened it meanwhile, as it was left, would write to the same file.
            check_lock(&self.syncs.lock)?;
            self.untouched = false;
        }
        debug_assert!(frame.len() > FRAME_HEADER_BYTES, "a group has records");
        let sealing = Sealing { first, synced: self.durable, epoch: self.epoch, slot };
        let head = frame::seal(frame, &sealing, self.store.salt);
        let Err(error) = self.active.append(frame, head, Some(hashes)) else {
            self.indexer.take_leaves(first, hashes);
            return Ok(());
        };
        if error.kind() != ErrorKind::Full {
            return Err(unknown(error));
        }
        // Nothing of the frame may stay: the next one starts at the same byte, and this one, should it be whole
        // after all, must not come back when a power cut takes the next.
        self.active.cut().and_then(|()| self.syncs.run(self.active.segment())).map_err(unknown)?;
        Err(error)
    }

    fn pending(&mut self) -> Box<dyn PendingSync> {
        let wanted = self.space.wanted(self.active.segment().tail(), self.active.file_end());
        // Keeps E2: what was written for nothing is not synced.
        if let Some(end) = wanted.filter(|_| self.published.ended().is_none())
            && let Err(error) = self.active.prepare(end)
        {
            // Keeps E4. It is tried again after as much as before the first time.
            self.space.in_row = 0;
            tracing::debug!(%error, "no space was prepared for the log, which grows as it is written");
        }
        Box::new(self.sync_of_all())
    }

    fn note_durable(&mut self, position: Position) -> Result<()> {
        let durable = self.ends.partition_point(|end| end.position <= position);
        let last = self.ends.drain(..durable).next_back();
        if let Some(end) = last.filter(|end| end.position > self.durable) {
            self.durable = end.position;
            self.watermark.write(self.mark(end, false))?;
        }
        Ok(())
    }

    fn begin_segment(&mut self) -> Result<()> {
        if self.active.segment().next() == self.active.segment().first() { Ok(()) } else { self.roll() }
    }

    fn confirm(&mut self) -> Result<()> {
        self.watermark.sync()
    }

    fn close(&mut self) -> Result<()> {
        check_lock(&self.syncs.lock)?;
        if self.active.segment().tail().0 > CLOSE_BYTES_MAX {
            match self.roll() {
                // Without a new segment the next opening scans this one, and is as right.
                Err(error) if error.kind() != ErrorKind::Ended => {
                    tracing::warn!(%error, "the last segment stays active");
                }
                other => other?,
            }
        }
        if !self.untouched {
            // Without a frame of this writer behind it another one may have gone on in this very file.
            self.trim();
        }
        let segment = self.active.segment();
        let end = FrameEnd { position: self.durable, segment: segment.first(), tail: segment.tail() };
        debug_assert_eq!(self.written(), self.durable, "closing comes after the last sync");
        self.watermark.write(self.mark(end, true))?;
        self.watermark.sync()
    }
}

/// How much space is prepared ahead of the tail. A sync of a file that grew writes its length as well, which takes about
/// as long again as a small group does, so syncs of little find zeros to be written over.
///
/// Zeros, since they take no other call than frames do and work on every file system, and frames over them are synced
/// quicker than over space that was given and never written. They are written by the one who is about to sync, and become
/// durable with that sync. A thread of its own would spare a fraction of that caller's time, since any sync of the file
/// waits for them, and would have to be kept from writing zeros over a frame; a sync of its own could take notice of an
/// error that concerns frames.
#[derive(Debug)]
pub(super) struct SpaceAhead {
    /// Where the last sync that was asked for ends.
    synced: Offset,
    /// Bytes that such syncs of little were asked for in a row.
    in_row: u64,
    /// Bytes that are prepared at once at most.
    bytes_max: u64,
    segment_bytes: u64,
}

/// Bytes of a sync from which on its own writing takes most of the time. Zeros would double it.
const SMALL_SYNC_BYTES: u64 = 64 << 10;
/// The part of the most space that is to be taken in by small syncs before any is prepared: a store that takes in little
/// stays small.
const SPACE_PARTS: u64 = 16;

impl SpaceAhead {
    /// Creates the plan for a segment with this tail.
    pub(super) fn behind(tail: Offset, options: &StoreOptions) -> Self {
        let (bytes_max, segment_bytes) = (options.space_ahead, options.segment_bytes);
        Self { synced: tail, in_row: 0, bytes_max, segment_bytes }
    }

    /// Returns up to which byte space is to be prepared, before a sync of what ends at this tail: as much as was taken in by
    /// small syncs so far, within the segment, if another one like this does not fit into what there is.
    fn wanted(&mut self, tail: Offset, file_end: Offset) -> Option<Offset> {
        let bytes = tail.0.saturating_sub(self.synced.0);
        self.synced = tail;
        if bytes >= SMALL_SYNC_BYTES {
            self.in_row = 0;
        }
        if bytes == 0 || bytes >= SMALL_SYNC_BYTES {
            return None;
        }
        self.in_row += bytes;
        let is_wanted = self.in_row >= self.bytes_max / SPACE_PARTS && tail.0 + bytes > file_end.0;
        let end = (tail.0 + self.in_row.min(self.bytes_max)).min(self.segment_bytes);
        (is_wanted && end > file_end.0).then_some(Offset(end))
    }
}

/// Where the frame of a position ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameEnd {
    position: Position,
    segment: Position,
    tail: Offset,
}

/// A sync of the active segment as it was.
#[derive(Debug)]
struct FileSync {
    segment: Arc<Segment>,
    position: Position,
    syncs: SyncState,
}

impl PendingSync for FileSync {
    fn run(&self) -> Result<()> {
        self.syncs.run(&self.segment)
    }

    fn position(&self) -> Position {
        self.position
    }
}

/// A write of unknown outcome ends the writer.
fn unknown(cause: Error) -> Error {
    let place = cause.place().cloned();
    let message = "a write failed, whether its events are kept is unknown; open the store again";
    let error = Error::new(ErrorKind::Ended, message).because(cause);
    match place {
        Some(place) => error.at(place),
        None => error,
    }
}
