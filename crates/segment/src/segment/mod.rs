//! One file of the log: what readers of an active or a sealed segment share.
//!
//! Invariants:
//!
//! S1. Bytes before the tail never change; a sealed segment never changes at all.
//! S2. Event `n` of the segment has the position `first + n`, and its record says so.
//! S3. A sealed segment is opened by the first question that needs its bytes, and again after the cache closed it, and is
//!     then what was sealed: it has the same head and is no shorter.

mod window;

mod source;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use tidegate_disk::{Disk, File, Mode};
use tidegate_format::{
    Error, ErrorKind, FrameHeader, Offset, Position, Record, Result, SEGMENT_HEADER_BYTES, SegmentHeader,
    SegmentName, StreamId,
};

use crate::cache::{FileCache, Slot};
use crate::event::RecordedEvent;
use crate::frame_reader::{FrameFault, FrameReader, read_full};
use crate::lookup::{Lookup, Postings};
use crate::mem_index::MemIndex;
use crate::records::Records;
use crate::term::{self, Field, HashKey, HashedId, HashedTerm};

pub(crate) use source::Source;
pub use window::Window;

/// The folder of the segments.
pub const SEGMENTS: &str = "segments";

/// One file of the log, open for reading.
#[derive(Debug)]
pub struct Segment {
    head: SegmentHeader,
    name: String,
    hash_key: HashKey,
    tail: AtomicU64,
    /// The position behind its last event, once it is sealed.
    end: OnceLock<Position>,
    /// The file, until it is sealed.
    growing: ArcSwapOption<Source>,
    /// What finds its events until it has an index file, or where that is of no use.
    memory: ArcSwapOption<Lookup>,
    /// Its files once it is sealed, while they are open.
    bytes: Arc<Slot<Source>>,
    index: Arc<Slot<Lookup>>,
    /// What opens its files, once it is sealed.
    cache: OnceLock<Arc<FileCache>>,
    /// Held while either file is opened.
    opening: Mutex<()>,
}

impl Segment {
    fn new(head: SegmentHeader, hash_key: HashKey) -> Self {
        Self {
            head,
            name: path(head.first),
            hash_key,
            tail: AtomicU64::new(SEGMENT_HEADER_BYTES as u64),
            end: OnceLock::new(),
            growing: ArcSwapOption::empty(),
            memory: ArcSwapOption::empty(),
            bytes: Slot::empty(),
            index: Slot::empty(),
            cache: OnceLock::new(),
            opening: Mutex::new(()),
        }
    }

    /// A segment that holds nothing yet but its head.
    pub(crate) fn empty(head: SegmentHeader, file: Arc<dyn File>, hash_key: HashKey) -> Self {
        let segment = Self::new(head, hash_key);
        segment.growing.store(Some(Arc::new(Source::File(file))));
        segment.memory.store(Some(Arc::new(Lookup::Memory(Arc::new(MemIndex::new(hash_key))))));
        segment
    }

    /// Opens the segment that starts at `first` and reads its head; its events are not looked at yet.
    pub fn open(disk: &dyn Disk, first: Position, mode: Mode, hash_key: HashKey) -> Result<Self> {
        let (file, head) = open_file(disk, first, mode)?;
        Ok(Self::empty(head, file, hash_key))
    }

    /// Finds the sealed segment before the one with the head `behind`, which says where it ends: reads its head and
    /// its length, and closes it again. Once it is asked, the cache opens it, and so its index file, if `indexed` says
    /// that there is one.
    pub fn find_sealed(
        cache: &Arc<FileCache>,
        behind: &SegmentHeader,
        hash_key: HashKey,
        indexed: bool,
    ) -> Result<Self> {
        let open = || open_whole(cache.disk(), behind.before_first, behind.before_length);
        let (_, head) = cache.retry(open)?;
        let segment = Self::new(head, hash_key);
        if !indexed {
            segment.memory.store(Some(Arc::new(Lookup::Memory(Arc::new(MemIndex::new(hash_key))))));
        }
        segment.end_at(behind, cache);
        Ok(segment)
    }

    /// Reads on from the tail up to the byte `end` and takes in every whole frame that `wanted` says yes
    /// to; ends at the first frame that is not whole or not wanted. Only the segment's writer (or the one
    /// follower of another process's writer) calls this, and only before it is sealed.
    pub fn replay(
        &self,
        end: u64,
        mut wanted: impl FnMut(&FrameHeader) -> bool,
    ) -> Result<Option<FrameFault>> {
        let (file, index) = (self.file()?, self.mem_index());
        let mut reader = FrameReader::new(&*file, self.head.salt, self.tail(), end, self.next());
        let fault = reader.run(|at, frame| {
            if !wanted(&frame.head) {
                return Ok(ControlFlow::Break(()));
            }
            for (start, record) in frame.records() {
                index.add(&record, (at.0 + start as u64) as u32);
            }
            self.grow(at.plus(frame.head.frame_bytes() as u64));
            Ok(ControlFlow::Continue(()))
        });
        let place = |error: Error| error.in_file(&self.name, Some(self.tail()));
        match fault {
            Err(error) => Err(place(error)),
            Ok(None) => Ok(None),
            Ok(Some(fault)) => Ok(Some(FrameFault { error: place(fault.error), ..fault })),
        }
    }

    /// Takes note that it ends for good where the segment with the head `behind` says. From now on the cache opens its
    /// file, for reading only: one that is open for writing is not mapped.
    pub fn seal(&self, behind: &SegmentHeader, cache: &Arc<FileCache>) {
        self.end_at(behind, cache);
        // It will be read soon, to be indexed. If that fails now, the first question tries again.
        let _ = self.source();
    }

    fn end_at(&self, behind: &SegmentHeader, cache: &Arc<FileCache>) {
        self.grow(behind.before_length);
        self.end.get_or_init(|| behind.first);
        // Before the file is let go, so that who finds it gone finds what opens it again.
        self.cache.get_or_init(|| Arc::clone(cache));
        self.growing.store(None);
    }

    /// What it says of itself.
    pub fn head(&self) -> &SegmentHeader {
        &self.head
    }

    /// Its file's name within the store.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its file, until it is sealed.
    pub fn file(&self) -> Result<Arc<dyn File>> {
        match self.growing.load().as_deref() {
            Some(Source::File(file)) => Ok(Arc::clone(file)),
            _ => Err(Error::new(ErrorKind::Io, "the segment is sealed, its file is closed")
                .in_file(&self.name, None)),
        }
    }

    /// The length of its file in bytes, until it is sealed.
    pub fn file_length(&self) -> Result<u64> {
        length_of(&*self.file()?, &self.name)
    }

    /// What its terms are hashed with.
    pub fn hash_key(&self) -> HashKey {
        self.hash_key
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
        let found = || self.memory.load().as_ref().map_or(0, |lookup| lookup.count());
        self.end.get().copied().unwrap_or_else(|| self.head.first.plus(u64::from(found())))
    }

    /// How many events it holds.
    pub fn count(&self) -> u64 {
        self.next().0 - self.head.first.0
    }

    /// Whether its index file stands in for what was kept in memory.
    pub fn is_indexed(&self) -> bool {
        !matches!(self.memory.load().as_deref(), Some(Lookup::Memory(_)))
    }

    /// Reads the whole segment, which is sealed, and finds its events in memory from now on.
    pub(crate) fn index_in_memory(&self) -> Result<()> {
        let index = MemIndex::new(self.hash_key);
        self.add_all(&index)?;
        self.hold_in_memory(Lookup::Memory(Arc::new(index)));
        Ok(())
    }

    fn add_all(&self, index: &MemIndex) -> Result<()> {
        for record in Records::new(&self.bytes()?, &self.name, self.head.salt, self.first()) {
            let (start, record) = record?;
            index.add(&record, start);
        }
        self.check_end(u64::from(index.count()))
    }

    /// Refuses a count of events other than the segment behind it says.
    pub(crate) fn check_end(&self, count: u64) -> Result<()> {
        if count == self.count() {
            return Ok(());
        }
        let last = self.first().plus(count).before();
        let error = Error::damaged("a sealed segment ends at a wrong position", self.next().before(), last);
        Err(error.in_file(&self.name, Some(self.tail())))
    }

    /// Asks the lookup. If the index file turns out to be damaged, the segment itself is read, and the answer comes from
    /// there, now and from then on.
    fn ask<T>(&self, question: impl Fn(&Lookup) -> Result<T>) -> Result<T> {
        let answer = self.with_lookup(|lookup| match question(lookup) {
            Err(error) if error.kind() == ErrorKind::Damaged => Err((error, Arc::clone(lookup))),
            other => Ok(other),
        })?;
        answer.unwrap_or_else(|(error, asked)| self.ask_anew(error, asked, question))
    }

    #[cold]
    fn ask_anew<T>(
        &self,
        mut error: Error,
        mut asked: Arc<Lookup>,
        question: impl Fn(&Lookup) -> Result<T>,
    ) -> Result<T> {
        loop {
            // Somebody else may have put another in its place.
            let now = self.lookup()?;
            if Arc::ptr_eq(&asked, &now) {
                if matches!(*now, Lookup::Memory(_)) {
                    return Err(error);
                }
                self.index_in_memory()?;
            }
            asked = self.lookup()?;
            match question(&asked) {
                Err(again) if again.kind() == ErrorKind::Damaged => error = again,
                other => return other,
            }
        }
    }

    /// The event with this id, whether it is visible or not.
    pub fn find_id(&self, id: &HashedId) -> Result<Option<u32>> {
        self.ask(|lookup| match lookup {
            Lookup::Memory(index) => Ok(index.find_id(id)),
            Lookup::File(index) => {
                if !index.may_hold(id.hash)? {
                    return Ok(None);
                }
                for event in index.id_candidates(id.hash)? {
                    let start = index.offset(event)?;
                    let found = self.read(lookup, event, start, &mut Window::default());
                    if found.map_err(|error| self.in_place(error, start))?.id() == id.id {
                        return Ok(Some(event));
                    }
                }
                Ok(None)
            }
        })
    }

    /// The events of a term, visible or not.
    pub fn find(&self, term: &HashedTerm) -> Result<Option<Postings>> {
        self.ask(|lookup| lookup.find(term))
    }

    /// The postings of every term of a text field (scope, entity, kind or tag) that starts with `prefix`.
    pub fn find_prefix(&self, field: Field, prefix: &[u8]) -> Result<Vec<Postings>> {
        self.ask(|lookup| {
            let mut found = Vec::new();
            lookup.with_prefix(field, prefix, |_, postings| found.push(postings)).map(|()| found)
        })
    }

    /// Every stream that has events here: its name as `scope/entity`, its lane, and its postings.
    pub fn streams(&self) -> Result<Vec<(StreamId, Postings)>> {
        self.ask(|lookup| {
            let mut found = Vec::new();
            match lookup {
                Lookup::Memory(index) => {
                    index.each_term(Field::Stream, |postings| found.push(Postings::Memory(postings)));
                    let named = found.drain(..).filter_map(|postings| {
                        let first = postings.get(0)?;
                        Some(self.event(first).map(|event| (event.stream(), postings)))
                    });
                    named.collect()
                }
                Lookup::File(index) => {
                    let mut found = Vec::new();
                    index.with_prefix(Field::Stream, b"", |bytes, postings| {
                        found.push((term::parse_stream(bytes), Postings::File(postings)));
                    })?;
                    let named = found.into_iter().map(|(stream, postings)| match stream {
                        Some(stream) => Ok((stream, postings)),
                        None => Err(Error::damaged("a stream in the index has no name", "a name", "none")),
                    });
                    named.collect()
                }
            }
        })
    }

    /// Every term of a text field (scope, entity, kind or tag) that has events here, with its postings.
    pub fn texts(&self, field: Field) -> Result<Vec<(String, Postings)>> {
        self.ask(|lookup| {
            let mut found = Vec::new();
            lookup.with_prefix(field, b"", |text, postings| {
                found.push((String::from_utf8_lossy(text).into_owned(), postings));
            })?;
            Ok(found)
        })
    }

    /// Reads event `n`, which is there.
    pub fn event(&self, n: u32) -> Result<RecordedEvent> {
        self.ask(|lookup| {
            let start = lookup.offset(n)?;
            Ok(self.expected(n, start, self.read(lookup, n, start, &mut Window::default())))
        })?
    }

    /// Reads event `n`, which is there, through a window that keeps what was read beside it.
    #[inline]
    pub fn event_through(&self, n: u32, window: &mut Window) -> Result<RecordedEvent> {
        let lookup = match window.lookup.take() {
            Some(lookup) => lookup,
            None => self.lookup()?,
        };
        let (lookup, start) = match lookup.offset(n) {
            Ok(start) => (lookup, start),
            Err(_) => {
                let start = self.ask(|lookup| lookup.offset(n))?;
                (self.lookup()?, start)
            }
        };
        let read = self.read(&lookup, n, start, window);
        window.lookup = Some(lookup);
        self.expected(n, start, read)
    }

    /// The event that was read from this byte, if it is event `n`.
    #[inline]
    fn expected(&self, n: u32, start: u32, read: Result<RecordedEvent>) -> Result<RecordedEvent> {
        let expected = self.head.first.plus(u64::from(n));
        match read {
            Ok(event) if event.position() == expected => Ok(event),
            Ok(event) => {
                let error = Error::damaged("a record stands at a wrong position", expected, event.position());
                Err(self.in_place(error, start))
            }
            Err(error) => Err(self.in_place(error, start)),
        }
    }

    #[cold]
    fn in_place(&self, error: Error, start: u32) -> Error {
        error.in_file(&self.name, Some(Offset(u64::from(start))))
    }

    /// The byte at which event `n` ends at the latest; a frame's head may lie before it.
    fn end_of(&self, lookup: &Lookup, n: u32) -> Result<u32> {
        if n + 1 < lookup.count() { lookup.offset(n + 1) } else { Ok(self.tail().0 as u32) }
    }

    /// Walks over all its frames and checks them, and calls `each` with every record in order.
    pub fn verify(&self, count: u32, mut each: impl FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
        let mut next = self.first();
        for record in Records::new(&self.bytes()?, &self.name, self.head.salt, next) {
            let (_, record) = record?;
            each(&record)?;
            next = next.next();
        }
        let expected = self.first().plus(u64::from(count));
        if next >= expected {
            return Ok(());
        }
        let error = Error::damaged("the segment ends early", expected.before(), next.before());
        Err(error.in_file(&self.name, Some(self.tail())))
    }

    /// Moves the tail behind a frame that was written or taken in.
    pub(crate) fn grow(&self, to: Offset) {
        self.tail.store(to.0, Ordering::Release);
    }

    /// Makes the file durable. A file that is closed was sealed, and durable before that.
    pub(crate) fn sync_file(&self) -> std::io::Result<()> {
        self.file().map_or(Ok(()), |file| file.sync())
    }

    /// The index while the segment grows.
    pub(crate) fn mem_index(&self) -> Arc<MemIndex> {
        match self.memory.load().as_deref() {
            Some(Lookup::Memory(index)) => Arc::clone(index),
            _ => unreachable!("a segment grows before it has an index file"),
        }
    }
}

/// Opens the file of the segment that starts at `first`, and reads its head.
fn open_file(disk: &dyn Disk, first: Position, mode: Mode) -> Result<(Arc<dyn File>, SegmentHeader)> {
    let name = path(first);
    let io = |cause| Error::new(ErrorKind::Io, "the segment cannot be opened").because(cause);
    let file = disk.open(&name, mode).map_err(|cause| io(cause).in_file(&name, None))?;
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    let head = read_full(&*file, &mut bytes, 0).and_then(|filled| SegmentHeader::read(&bytes[..filled]));
    let head = head.map_err(|error| error.in_file(&name, Some(Offset(0))))?;
    if head.first != first {
        let error = Error::damaged("the segment's name and its head disagree", first, head.first);
        return Err(error.in_file(&name, Some(Offset(0))));
    }
    Ok((file, head))
}

/// The same, for a segment that is at least so long.
fn open_whole(disk: &dyn Disk, first: Position, end: Offset) -> Result<(Arc<dyn File>, SegmentHeader)> {
    let (file, head) = open_file(disk, first, Mode::Read)?;
    let name = path(first);
    let length = length_of(&*file, &name)?;
    if length < end.0 {
        let (expected, found) = (format!("{end} bytes"), format!("{length} bytes"));
        let error = Error::damaged("a sealed segment was cut short", expected, found);
        return Err(error.in_file(&name, Some(Offset(length))));
    }
    Ok((file, head))
}

fn length_of(file: &dyn File, name: &str) -> Result<u64> {
    file.length().map_err(|cause| {
        let error = Error::new(ErrorKind::Io, "the length of the segment is unknown").because(cause);
        error.in_file(name, None)
    })
}

/// The name within the store of the segment that starts at `first`.
pub fn path(first: Position) -> String {
    format!("{SEGMENTS}/{}.seg", SegmentName::new(first))
}

/// Whether a name is that of a segment in a later generation.
fn is_replaced(name: &str) -> bool {
    name.strip_suffix(".seg").and_then(SegmentName::parse).is_some_and(|name| name.generation != 0)
}

/// Returns the first position in a segment's file name, or `None` for any other name.
pub fn parse_segment_name(name: &str) -> Option<Position> {
    let name = SegmentName::parse(name.strip_suffix(".seg")?)?;
    (name.generation == 0).then_some(name.first)
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
    // The format defines generations, and this version of the program does not tell which one counts.
    if let Some(name) = names.iter().find(|name| is_replaced(name)) {
        let message =
            "a segment was replaced by a newer generation, which this program does not read; upgrade it";
        return Err(Error::new(ErrorKind::Newer, message).in_file(&format!("{SEGMENTS}/{name}"), None));
    }
    let mut firsts: Vec<_> = names.iter().filter_map(|name| parse_segment_name(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}
