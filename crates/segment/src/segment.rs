//! One file of the log: what readers of an active or a sealed segment share.
//!
//! Invariants:
//!
//! S1. Bytes before the tail never change; a sealed segment never changes at all.
//! S2. Event `n` of the segment has the position `first + n`, and its record says so.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tidegate_disk::{Block, Disk, File, Mode};
use tidegate_format::{
    Error, ErrorKind, EventId, FrameHead, Offset, Position, Record, Result, SEGMENT_HEAD_BYTES, SegmentHead,
    parse_segment_name, segment_name,
};

use crate::event::Event;
use crate::live::{LiveIndex, LivePostings};
use crate::term::{Field, Seed, Term};
use crate::walk::{Fault, Walk, read_full};

/// The folder of the segments.
pub const SEGMENTS: &str = "segments";

/// One file of the log, open for reading.
#[derive(Debug)]
pub struct Segment {
    head: SegmentHead,
    name: String,
    file: Arc<dyn File>,
    tail: AtomicU64,
    index: Arc<LiveIndex>,
    map: OnceLock<Block>,
}

impl Segment {
    /// A segment that holds nothing yet but its head.
    pub(crate) fn empty(head: SegmentHead, file: Arc<dyn File>, seed: Seed) -> Self {
        Self {
            head,
            name: path(head.first),
            file,
            tail: AtomicU64::new(SEGMENT_HEAD_BYTES as u64),
            index: Arc::new(LiveIndex::new(seed)),
            map: OnceLock::new(),
        }
    }

    /// Opens the segment that starts at `first` and reads its head; its events are not looked at yet.
    pub fn open(disk: &dyn Disk, first: Position, mode: Mode, seed: Seed) -> Result<Self> {
        let name = path(first);
        let io = |cause| Error::new(ErrorKind::Io, "the segment cannot be opened").because(cause);
        let file = disk.open(&name, mode).map_err(|cause| io(cause).in_file(&name, None))?;
        let mut bytes = [0; SEGMENT_HEAD_BYTES];
        let head = read_full(&*file, &mut bytes, 0).and_then(|filled| SegmentHead::read(&bytes[..filled]));
        let head = head.map_err(|error| error.in_file(&name, Some(Offset(0))))?;
        if head.first != first {
            let error = Error::damaged("the segment's name and its head disagree", first, head.first);
            return Err(error.in_file(&name, Some(Offset(0))));
        }
        Ok(Self::empty(head, file, seed))
    }

    /// Reads on from the tail up to the byte `end` and takes in every whole frame that `wanted` says yes
    /// to; ends at the first frame that is not whole or not wanted. Only the segment's writer (or the one
    /// follower of another process's writer) calls this.
    pub fn take_in(&self, end: u64, mut wanted: impl FnMut(&FrameHead) -> bool) -> Result<Option<Fault>> {
        let mut walk = Walk::new(&*self.file, self.head.salt, self.tail(), end, self.next());
        let fault = walk.run(|at, frame| {
            if !wanted(&frame.head) {
                return Ok(ControlFlow::Break(()));
            }
            for (start, record) in frame.records() {
                self.index.add(&record, (at.0 + start as u64) as u32);
            }
            self.grow(at.plus(frame.head.frame_bytes() as u64));
            Ok(ControlFlow::Continue(()))
        });
        let place = |error: Error| error.in_file(&self.name, Some(self.tail()));
        match fault {
            Err(error) => Err(place(error)),
            Ok(None) => Ok(None),
            Ok(Some(fault)) => Ok(Some(Fault { error: place(fault.error), ..fault })),
        }
    }

    /// Takes note that nothing is written to it any more, and maps it where `map` says so.
    pub fn seal(&self, map: bool) -> Result<()> {
        if map && self.map.get().is_none() {
            let block = self.file.map(self.tail().0).map_err(|cause| {
                let error = Error::new(ErrorKind::Io, "the segment cannot be mapped").because(cause);
                error.in_file(&self.name, None)
            })?;
            let _ = self.map.set(block);
        }
        Ok(())
    }

    /// What it says of itself.
    pub fn head(&self) -> &SegmentHead {
        &self.head
    }

    /// Its file's name within the store.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its file.
    pub fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    /// Where its last frame ends.
    pub fn tail(&self) -> Offset {
        Offset(self.tail.load(Ordering::Acquire))
    }

    /// The position of its first event.
    #[inline]
    pub fn first(&self) -> Position {
        self.head.first
    }

    /// The position that its next event has or would have.
    pub fn next(&self) -> Position {
        self.head.first.plus(u64::from(self.index.count()))
    }

    /// Bytes of memory its index takes.
    pub fn memory(&self) -> usize {
        self.index.memory()
    }

    /// The event with this id, whether it is visible or not.
    pub fn find_id(&self, id: EventId) -> Result<Option<u32>> {
        Ok(self.index.find_id(id))
    }

    /// The events of a term, visible or not.
    pub fn find(&self, term: &Term) -> Result<Option<LivePostings>> {
        Ok(self.index.find(term))
    }

    /// Calls `each` with the postings of every term of a text field that starts with `prefix`.
    pub fn with_prefix(
        &self,
        field: Field,
        prefix: &[u8],
        each: impl FnMut(&[u8], LivePostings),
    ) -> Result<()> {
        self.index.with_prefix(field, prefix, each);
        Ok(())
    }

    /// Reads event `n`, which is there.
    pub fn event(&self, n: u32) -> Result<Event> {
        self.event_through(n, &mut Window::default())
    }

    /// Reads event `n`, which is there, through a window that keeps what was read beside it.
    #[inline]
    pub fn event_through(&self, n: u32, window: &mut Window) -> Result<Event> {
        let start = self.index.offset(n) as usize;
        let event = match self.map.get() {
            Some(map) => Event::read(map, start),
            None => self.read(n, start as u64, window),
        };
        let expected = self.head.first.plus(u64::from(n));
        match event {
            Ok(event) if event.position() == expected => Ok(event),
            Ok(event) => Err(self.misplaced(start, expected, event.position())),
            Err(error) => Err(error.in_file(&self.name, Some(Offset(start as u64)))),
        }
    }

    #[cold]
    fn misplaced(&self, start: usize, expected: Position, found: Position) -> Error {
        let error = Error::damaged("a record stands at a wrong position", expected, found);
        error.in_file(&self.name, Some(Offset(start as u64)))
    }

    fn read(&self, n: u32, start: u64, window: &mut Window) -> Result<Event> {
        let end =
            if n + 1 < self.index.count() { u64::from(self.index.offset(n + 1)) } else { self.tail().0 };
        let held =
            start >= window.at && end <= window.at + window.bytes.as_ref().map_or(0, |b| b.len() as u64);
        if !held {
            let (from, to) = match window.ahead {
                Ahead::Nothing => (start, end),
                Ahead::Forwards => (start, end.max(self.tail().0.min(start + WINDOW_BYTES))),
                Ahead::Backwards => (start.min(end.saturating_sub(WINDOW_BYTES)), end),
            };
            let mut bytes = vec![0; (to - from) as usize];
            let filled = read_full(&*self.file, &mut bytes, from)?;
            bytes.truncate(filled);
            window.bytes = Some(bytes.into());
            window.at = from;
        }
        match &window.bytes {
            Some(bytes) => Event::read(bytes, (start - window.at) as usize),
            None => Event::read(&Vec::new().into(), 0),
        }
    }

    /// Walks over all its frames and checks them, and calls `each` with every record in order.
    pub fn verify(&self, mut each: impl FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
        let from = Offset(SEGMENT_HEAD_BYTES as u64);
        let mut walk = Walk::new(&*self.file, self.head.salt, from, self.tail().0, self.first());
        let fault = walk.run(|_, frame| {
            frame.records().try_for_each(|(_, record)| each(&record))?;
            Ok(ControlFlow::Continue(()))
        })?;
        let (tail, next) = (walk.tail(), walk.next());
        match fault {
            Some(fault) => Err(fault.error.in_file(&self.name, Some(tail))),
            None if next == self.next() => Ok(()),
            None => {
                let error = Error::damaged("the segment ends early", self.next().before(), next.before());
                Err(error.in_file(&self.name, Some(tail)))
            }
        }
    }

    /// Moves the tail behind a frame that was written or taken in.
    pub(crate) fn grow(&self, to: Offset) {
        self.tail.store(to.0, Ordering::Release);
    }

    /// The index while the segment grows.
    pub(crate) fn live(&self) -> &LiveIndex {
        &self.index
    }
}

/// Bytes read at once when reading on.
const WINDOW_BYTES: u64 = 256 << 10;

/// What was read of an unmapped segment around the last event, so that the next one needs no read.
#[derive(Debug, Default)]
pub struct Window {
    ahead: Ahead,
    bytes: Option<Block>,
    at: u64,
}

#[derive(Clone, Copy, Debug, Default)]
enum Ahead {
    #[default]
    Nothing,
    Forwards,
    Backwards,
}

impl Window {
    /// A window for reading on, forwards or backwards.
    pub fn ahead(backwards: bool) -> Self {
        let ahead = if backwards { Ahead::Backwards } else { Ahead::Forwards };
        Self { ahead, bytes: None, at: 0 }
    }

    /// Forgets what was read: another segment follows.
    pub fn clear(&mut self) {
        self.bytes = None;
    }
}

/// The name within the store of the segment that starts at `first`.
pub fn path(first: Position) -> String {
    format!("{SEGMENTS}/{}", segment_name(first))
}

/// The first positions of the segments that are there, in order.
pub fn list(disk: &dyn Disk) -> Result<Vec<Position>> {
    let names = match disk.list(SEGMENTS) {
        Ok(names) => names,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => {
            let error = Error::new(ErrorKind::Io, "the segments cannot be listed").because(cause);
            return Err(error.in_file(SEGMENTS, None));
        }
    };
    let mut firsts: Vec<_> = names.iter().filter_map(|name| parse_segment_name(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}
