//! One file of the log: what readers of an active or a sealed segment share.
//!
//! Invariants:
//!
//! S1. Bytes before the tail never change; a sealed segment changes by getting another file alone, of a later generation.
//! S2. Event `n` of the segment has the position `first + n`, and its record says so.
//! S3. A sealed segment is opened by the first question that needs its bytes, and again after the cache closed it, and is
//!     then what was sealed: it has the same head and is no shorter.
//! S4. What a mask covers is shown to no one who reads an event, whichever file that comes from.

pub mod files;
mod window;

pub(crate) mod remainder;

mod source;

mod events;
mod lookups;
mod replay;
mod erased_copy;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use tidegate_disk::{Disk, File, Mode};
use tidegate_format::{
    Error, ErrorKind, Offset, Position, Result, SEGMENT_HEADER_BYTES, SegmentHeader, SegmentName,
};

use crate::cache::{FileCache, Slot};
use crate::event::Mask;
use crate::lookup::Lookup;
use crate::mem_index::MemIndex;
use crate::ordinal::Ordinal;
use crate::term::HashKey;

use files::{length_of, open_file, open_newest, open_whole};
use source::Source;

pub use files::{SEGMENTS, list, path};
pub use window::Window;

/// One file of the log, open for reading.
#[derive(Debug)]
pub struct Segment {
    head: SegmentHeader,
    /// Which generation it was found in.
    file_name: SegmentName,
    /// Whether its file was longer than the segment when it was found.
    has_rest: bool,
    name: String,
    hash_key: HashKey,
    tail: AtomicU64,
    /// The position behind its last event, once it is sealed.
    end: OnceLock<Position>,
    /// The file, until it is sealed.
    growing: ArcSwapOption<Source>,
    /// What finds its events until it has an index file, or if that cannot be used.
    memory: ArcSwapOption<Lookup>,
    /// Its files once it is sealed, while they are open.
    bytes: Arc<Slot<Source>>,
    index: Arc<Slot<Lookup>>,
    /// Which generation of its index file is used, as far as is known.
    index_generation: AtomicU32,
    /// What opens its files, once it is sealed.
    cache: OnceLock<Arc<FileCache>>,
    /// Held while either file is opened.
    opening: Mutex<()>,
    /// Held while all its records are read to find its events without an index file. Locked before `opening`.
    indexing: Mutex<()>,
    /// What is erased and stands in the file still.
    mask: ArcSwapOption<Mask>,
    /// Whether there is a mask: asked before each event is shown.
    is_masked: AtomicBool,
    /// Whether its records were retired, so that it is found by what stays of it alone.
    is_retired: bool,
}

impl Segment {
    fn new(file_name: SegmentName, head: SegmentHeader, hash_key: HashKey) -> Self {
        Self {
            head,
            file_name,
            has_rest: false,
            name: path(file_name),
            hash_key,
            tail: AtomicU64::new(SEGMENT_HEADER_BYTES as u64),
            end: OnceLock::new(),
            growing: ArcSwapOption::empty(),
            memory: ArcSwapOption::empty(),
            bytes: Slot::empty(),
            index: Slot::empty(),
            index_generation: AtomicU32::new(0),
            cache: OnceLock::new(),
            opening: Mutex::new(()),
            indexing: Mutex::new(()),
            mask: ArcSwapOption::empty(),
            is_masked: AtomicBool::new(false),
            is_retired: false,
        }
    }

    /// Returns the same segment, which is sealed, in another file. It is found by the same index.
    pub(crate) fn in_file(&self, file_name: SegmentName, cache: &Arc<FileCache>) -> Self {
        let segment =
            Self { index: Arc::clone(&self.index), ..Self::new(file_name, self.head, self.hash_key) };
        segment.know_index(self.index_name());
        segment.tail.store(self.tail().0, Ordering::Release);
        segment.end.get_or_init(|| self.next());
        segment.cache.get_or_init(|| Arc::clone(cache));
        segment.memory.store(self.memory.load_full());
        segment
    }

    /// Returns the segment in a later generation, if a file of one is there. It is sealed.
    pub fn in_later_generation(&self, cache: &Arc<FileCache>) -> Result<Option<Self>> {
        let newest = files::find(cache.disk(), self.first())?;
        Ok(newest.filter(|newest| *newest > self.file_name).map(|newest| self.in_file(newest, cache)))
    }

    /// Returns what is erased and stands in its file still.
    pub fn mask(&self) -> Option<Arc<Mask>> {
        self.mask.load_full()
    }

    /// Shows from now on what this mask covers as erased, instead of the mask before. Keeps S4.
    pub fn set_mask(&self, mask: Option<Arc<Mask>>) {
        let is_masked = mask.is_some();
        // The flag is raised last, so that who sees it finds the mask. Without one, it only costs a look.
        self.mask.store(mask);
        self.is_masked.store(is_masked, Ordering::Release);
    }

    /// Returns whether it is sealed.
    pub fn is_sealed(&self) -> bool {
        self.end.get().is_some()
    }

    /// Lets go of its file, which a later generation took the place of: the next question opens that one.
    pub fn close_file(&self) {
        self.bytes.clear();
    }
    /// Creates a segment that holds nothing yet but its head.
    pub(crate) fn empty(
        file_name: SegmentName,
        head: SegmentHeader,
        file: Arc<dyn File>,
        hash_key: HashKey,
    ) -> Self {
        let segment = Self::new(file_name, head, hash_key);
        segment.growing.store(Some(Arc::new(Source::File(file))));
        segment.memory.store(Some(Arc::new(Lookup::Memory(Arc::new(MemIndex::new(hash_key))))));
        segment
    }

    /// Opens a segment and reads its head; its events are not looked at yet.
    pub fn open(disk: &dyn Disk, name: SegmentName, mode: Mode, hash_key: HashKey) -> Result<Self> {
        let (file, head) = open_file(disk, name, mode)?;
        Ok(Self::empty(name, head, file, hash_key))
    }

    /// Opens a segment for reading, in a newer generation if one took the place of this file meanwhile.
    pub fn open_newest(disk: &dyn Disk, name: SegmentName, hash_key: HashKey) -> Result<Self> {
        let (name, file, head) = open_newest(disk, name)?;
        Ok(Self::empty(name, head, file, hash_key))
    }

    /// Finds the sealed segment of this name before the one with the head `behind`, which says where it ends: reads its
    /// head and its length, and closes it again. Once it is asked, the cache opens it, and so its index file, if `indexed` says
    /// that there is one.
    pub fn find_sealed(
        cache: &Arc<FileCache>,
        name: SegmentName,
        behind: &SegmentHeader,
        hash_key: HashKey,
        indexed: bool,
    ) -> Result<Self> {
        let (name, _, head, has_rest) =
            cache.retry(|| open_whole(cache.disk(), name, behind.before_length))?;
        let segment = Self { has_rest, ..Self::new(name, head, hash_key) };
        if !indexed {
            segment.memory.store(Some(Arc::new(Lookup::Memory(Arc::new(MemIndex::new(hash_key))))));
        }
        segment.end_at(behind, cache);
        Ok(segment)
    }

    /// Finds what stays of a retired segment before the one with the head `behind`: reads the head of its remainder file, and
    /// closes it again.
    pub fn find_retired(
        cache: &Arc<FileCache>,
        first: Position,
        behind: &SegmentHeader,
        hash_key: HashKey,
    ) -> Result<Self> {
        let head = cache.retry(|| remainder::read_head(cache.disk(), first, behind, hash_key))?;
        let segment = Self { is_retired: true, ..Self::new(SegmentName::new(first), head, hash_key) };
        segment.end_at(behind, cache);
        Ok(segment)
    }

    /// Returns whether its records were retired.
    pub fn is_retired(&self) -> bool {
        self.is_retired
    }

    /// Ends it for good where the segment with the head `behind` says. From now on the cache opens its
    /// file, for reading only: one that is open for writing is not mapped.
    pub fn seal(&self, behind: &SegmentHeader, cache: &Arc<FileCache>) {
        self.end_at(behind, cache);
        // It will be asked soon. If that fails now, the first question tries again.
        let _ = self.source();
    }

    fn end_at(&self, behind: &SegmentHeader, cache: &Arc<FileCache>) {
        self.grow(behind.before_length);
        self.end.get_or_init(|| behind.first);
        // Before the file is let go, so that who finds it gone finds what opens it again.
        self.cache.get_or_init(|| Arc::clone(cache));
        self.growing.store(None);
    }

    /// Returns its header.
    pub fn head(&self) -> &SegmentHeader {
        &self.head
    }

    /// Returns the generation in which it was found.
    pub fn file_name(&self) -> SegmentName {
        self.file_name
    }

    /// Returns its file's name within the store.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether its file was longer than the segment when that was found sealed: what is behind is not read.
    pub fn has_rest(&self) -> bool {
        self.has_rest
    }

    /// Returns its file, until it is sealed.
    pub fn file(&self) -> Result<Arc<dyn File>> {
        match self.growing.load().as_deref() {
            Some(Source::File(file)) => Ok(Arc::clone(file)),
            _ => Err(Error::new(ErrorKind::Io, "the segment is sealed, its file is closed")
                .in_file(&self.name, None)),
        }
    }

    /// Returns the length of its file in bytes, until it is sealed.
    pub fn file_length(&self) -> Result<u64> {
        length_of(&*self.file()?, &self.name)
    }

    /// Returns the key that its terms and ids are hashed with.
    pub fn hash_key(&self) -> HashKey {
        self.hash_key
    }

    /// Returns the byte at which its last frame ends.
    pub fn tail(&self) -> Offset {
        // Acquire: the bytes below the tail were written, and their events are in the index, before it moved.
        Offset(self.tail.load(Ordering::Acquire))
    }

    /// Returns the position of its first event.
    #[inline]
    pub fn first(&self) -> Position {
        self.head.first
    }

    /// Returns the position of an event. Keeps S2.
    #[inline]
    pub fn position(&self, event: Ordinal) -> Position {
        self.head.first.plus(u64::from(event.0))
    }

    /// Returns which event here has this position, whether it is there or not; the first one if the position is before
    /// all of them.
    #[inline]
    pub fn ordinal(&self, position: Position) -> Ordinal {
        Ordinal(u32::try_from(position.0.saturating_sub(self.head.first.0)).unwrap_or(u32::MAX))
    }

    /// Returns the position that its next event has or would have.
    pub fn next(&self) -> Position {
        let found = || self.memory.load().as_ref().map_or(0, |lookup| lookup.count());
        self.end.get().copied().unwrap_or_else(|| self.head.first.plus(u64::from(found())))
    }

    /// Returns how many events it holds.
    pub fn count(&self) -> u64 {
        self.next().0 - self.head.first.0
    }

    /// Returns whether its index file stands in for what was kept in memory.
    pub fn is_indexed(&self) -> bool {
        !matches!(self.memory.load().as_deref(), Some(Lookup::Memory(_)))
    }

    /// Moves the tail behind a frame that was written or replayed.
    pub(crate) fn grow(&self, to: Offset) {
        // Release: the caller that sees the tail sees the events before it in the index.
        self.tail.store(to.0, Ordering::Release);
    }

    /// Makes the file durable. A file that is closed was sealed, and was made durable before that: nothing is left to
    /// sync.
    pub(crate) fn sync_file(&self) -> std::io::Result<()> {
        self.file().map_or(Ok(()), |file| file.sync())
    }

    /// Returns the index in memory while the segment grows.
    pub(crate) fn mem_index(&self) -> Arc<MemIndex> {
        match self.memory.load().as_deref() {
            Some(Lookup::Memory(index)) => Arc::clone(index),
            _ => unreachable!("a segment grows before it has an index file"),
        }
    }

    /// Returns the index in memory, if it holds all events of the segment, which is sealed.
    pub(crate) fn whole_mem_index(&self) -> Option<Arc<MemIndex>> {
        match self.memory.load().as_deref() {
            Some(Lookup::Memory(index)) if u64::from(index.count()) == self.count() => {
                Some(Arc::clone(index))
            }
            _ => None,
        }
    }
}
