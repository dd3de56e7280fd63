//! The indexer: gives every sealed segment its index file, oldest first, beside the writer.
//!
//! Invariants:
//!
//! X1. One segment is indexed at a time, and only when every earlier one is.
//! X2. Nothing waits for it but a writer that has run too many segments ahead.
//! X3. Once it was stopped, which waits for what it is at, it writes no file any more.

use std::cell::RefCell;
use std::sync::Arc;

use tidegate_format::{Error, ErrorKind, Position, Result};
use tidegate_segment::cache::FileCache;
use tidegate_segment::{CauseReader, EventHashes, IndexState, Segment};

use super::filter_groups::{self, Made, breaks};
use super::identity::salvage;
use crate::published::{Log, SharedState};
#[cfg(feature = "proofs")]
use crate::read::{LogTree, View};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering};

/// Sealed segments that may wait for their index before the writer waits for the indexer: each one keeps
/// its index in memory meanwhile.
const WAITING_MAX: usize = 4;

/// Builds index files.
#[derive(Debug)]
pub(crate) struct Indexer {
    cache: Arc<FileCache>,
    /// Whether index files can be kept.
    keep: bool,
    working: Mutex<()>,
    grouping: Mutex<()>,
    /// Looked at under either lock.
    stopped: AtomicBool,
    /// The tree over the log, whose files are written behind the index files.
    #[cfg(feature = "proofs")]
    tree: Option<Arc<LogTree>>,
}

impl Indexer {
    pub(crate) fn new(cache: &Arc<FileCache>, keep: bool) -> Self {
        let cache = Arc::clone(cache);
        let (working, grouping, stopped) = (Mutex::new(()), Mutex::new(()), AtomicBool::new(false));
        Self {
            cache,
            keep,
            working,
            grouping,
            stopped,
            #[cfg(feature = "proofs")]
            tree: None,
        }
    }

    /// Returns an indexer that writes the files of this tree too.
    #[cfg(feature = "proofs")]
    pub(crate) fn with_tree(self, tree: LogTree) -> Self {
        Self { tree: Some(Arc::new(tree)), ..self }
    }

    /// Returns the tree whose files it writes.
    #[cfg(feature = "proofs")]
    pub(crate) fn tree(&self) -> Option<&Arc<LogTree>> {
        self.tree.as_ref()
    }

    /// Hands the leaves of events that were written, from the position `first` on, to the tree.
    #[cfg_attr(not(feature = "proofs"), allow(unused_variables, clippy::unused_self))]
    pub(super) fn take_leaves(&self, first: Position, hashes: &[EventHashes]) {
        #[cfg(feature = "proofs")]
        if let Some(tree) = &self.tree {
            tree.take_leaves(first.before(), hashes.iter().map(|hashes| hashes.leaf));
        }
    }

    /// Stops it for good, and waits for what it is at (keeps X3).
    pub(crate) fn stop(&self) {
        // Before the locks are taken: a thread that gets one of them later sees it.
        self.stopped.store(true, Ordering::SeqCst);
        drop(self.working.lock());
        drop(self.grouping.lock());
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Indexes every sealed segment that waits for it, and makes the filter groups that are wanting. A segment that
    /// is damaged itself is an error.
    pub(crate) fn run(&self, published: &SharedState) -> Result<usize> {
        let (mut count, mut repaired) = (0, false);
        loop {
            count += self.run_waiting(published)?;
            let _grouping = self.grouping.lock();
            if self.is_stopped() {
                return Ok(count);
            }
            #[cfg(feature = "proofs")]
            if self.write_tree(published) {
                continue;
            }
            match filter_groups::make(&self.cache, published) {
                Ok(Made::One) => {}
                Ok(Made::Nothing) => return Ok(count),
                // The index file is built anew, once.
                Ok(Made::IndexMissing) if !repaired => repaired = true,
                made => {
                    // It can be made at any later time; the answers are the same.
                    let error = made.err().unwrap_or_else(breaks);
                    tracing::warn!(%error, "a filter group was not made");
                    return Ok(count);
                }
            }
        }
    }

    /// Indexes every sealed segment that waits for it, and makes nothing of those that no question has asked yet.
    pub(crate) fn run_waiting(&self, published: &SharedState) -> Result<usize> {
        let mut count = 0;
        while self.step(&published.log(), true)? {
            count += 1;
        }
        Ok(count)
    }

    /// Writes the next hashes of the tree over the sealed segments; says whether there are more.
    #[cfg(feature = "proofs")]
    fn write_tree(&self, published: &SharedState) -> bool {
        let Some(tree) = &self.tree else { return false };
        tree.write_next(&sealed(published)).unwrap_or_else(|error| {
            // What is missing is computed when it is needed.
            tracing::warn!(%error, "the tree over the log was not written");
            false
        })
    }

    /// Takes part of the work if the writer has run too far ahead.
    pub(crate) fn keep_up(&self, published: &SharedState) -> Result<()> {
        let log = published.log();
        let sealed = log.segments.len().saturating_sub(1);
        let waiting = log.segments[..sealed].iter().rev().take_while(|segment| !segment.is_indexed()).count();
        if waiting >= WAITING_MAX { self.step(&log, true).map(|_| ()) } else { Ok(()) }
    }

    /// Indexes these segments before they are published, all of them sealed, and says how many had to be.
    pub(crate) fn prepare(&self, segments: &[Arc<Segment>]) -> Result<usize> {
        let log = Log { segments: segments.to_vec(), ..Log::default() };
        let mut count = 0;
        while self.step(&log, false)? {
            count += 1;
        }
        Ok(count)
    }

    /// Builds all index files anew. One that cannot be kept is an error here.
    pub(crate) fn rebuild(&self, published: &SharedState) -> Result<usize> {
        let _working = self.working.lock();
        if self.is_stopped() {
            return Err(ended());
        }
        let log = published.log();
        let recorded = log.recorded();
        let sealed = &recorded[..recorded.len().saturating_sub(1)];
        for segment in sealed {
            let reader = RefCell::default();
            // From the records: what is in memory may be what has to be mended.
            let built = segment.build_index_anew(|position| level_of(&log, segment, &reader, position))?;
            segment.keep_index(&self.cache, &built.ok_or_else(breaks)?)?;
        }
        let _grouping = self.grouping.lock();
        filter_groups::make_all(&self.cache, published)?;
        #[cfg(feature = "proofs")]
        if let Some(tree) = &self.tree {
            tree.rewrite(&self::sealed(published))?;
        }
        Ok(sealed.len())
    }

    /// Writes what is to stay of a sealed segment when it is retired, made of its records anew, and returns the bytes of that
    /// file.
    pub(crate) fn write_remainder(&self, published: &SharedState, segment: &Segment) -> Result<u64> {
        self.run_waiting(published)?;
        let _working = self.working.lock();
        if self.is_stopped() {
            return Err(ended());
        }
        let (log, reader) = (published.log(), RefCell::default());
        let built = segment.build_index_anew(|position| level_of(&log, segment, &reader, position))?;
        segment.write_remainder(&self.cache, built.ok_or_else(breaks)?)
    }

    /// Indexes the first segment that waits for it; says whether there was one.
    fn step(&self, log: &Log, last_is_active: bool) -> Result<bool> {
        let _working = self.working.lock();
        if self.is_stopped() {
            return Ok(false);
        }
        let sealed = log.segments.len() - usize::from(last_is_active && !log.segments.is_empty());
        // A damaged index of an earlier segment shows while a later one is built, and is then first in turn.
        for _ in 0..=sealed {
            let waiting = log.segments[..sealed].iter().find(|segment| !segment.is_indexed());
            let Some(segment) = waiting else { return Ok(false) };
            match self.index(log, segment) {
                Ok(IndexState::InUse) => return Ok(true),
                Ok(IndexState::Missing) => {}
                Err(error) if error.kind() == ErrorKind::Damaged => return Err(salvage(error)),
                Err(error) => return Err(error),
            }
        }
        Err(breaks())
    }

    /// Gives a segment its index, on the heap if no file can be kept; says that it is missing if that of an earlier
    /// segment is.
    fn index(&self, log: &Log, segment: &Segment) -> Result<IndexState> {
        let Some(built) = build(log, segment)? else { return Ok(IndexState::Missing) };
        if self.keep {
            match segment.keep_index(&self.cache, &built) {
                Ok(()) => return Ok(IndexState::InUse),
                // The file can be built at any later time; the answers are the same.
                Err(error) => {
                    tracing::warn!(%error, segment = segment.name(), "an index file was not kept");
                }
            }
        }
        segment.use_index(built)?;
        Ok(IndexState::InUse)
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Ended, "the store was opened again meanwhile; ask for this once more")
}

/// Builds the index of a segment, or returns `None` if that of an earlier one is missing.
fn build(log: &Log, segment: &Segment) -> Result<Option<Vec<u8>>> {
    let reader = RefCell::default();
    segment.build_index(|position| level_of(log, segment, &reader, position))
}

/// Returns the level of a cause of an event of `segment`, or `None` if the index of its segment is missing.
fn level_of(
    log: &Log,
    segment: &Segment,
    reader: &RefCell<CauseReader>,
    position: Position,
) -> Result<Option<u32>> {
    match log.locate(position) {
        Some((_, earlier)) if earlier.first() < segment.first() => {
            let event = earlier.ordinal(position);
            // `None` if its file turned out to be damaged just now; it is built first (X1).
            earlier.level(event, &mut reader.borrow_mut())
        }
        _ => Err(Error::damaged("a cause is not in an earlier segment", "an earlier event", position)),
    }
}

/// Returns the log up to the end of its sealed segments.
#[cfg(feature = "proofs")]
fn sealed(published: &SharedState) -> View {
    let last = published.log().segments.last().map_or(Position::START, |active| active.first().before());
    View::up_to(published, last)
}
