//! What the index in memory keeps of each stream: the numbers of its own term and of those of its scope, its entity and its
//! lane, so that an event of a known stream needs neither copies nor hashes of them; and the version and the leaf hash of
//! its last event, so that the next one is linked to it without reading it.
//!
//! Invariant D1: only the thread that adds events reads them, or any thread once none are added any more. Cells are
//! written again with each event of the stream, so another reader could see parts of two.

use tidegate_format::{Hash, Version};

use super::column::{Column32, Rows};
use super::terms::TermNumber;
use crate::sync::atomic::{AtomicU32, Ordering};

/// The numbers of the terms of a stream, its scope, its entity and its lane.
pub(super) type StreamTerms = [TermNumber; 4];

/// Cells of a row: the terms, the version in two of them, and the leaf hash.
const VERSION: usize = 4;
const LEAF: usize = 6;
const CELLS: usize = LEAF + 8;

/// The streams of an index. Keeps D1.
#[derive(Debug)]
pub(super) struct Streams {
    count: AtomicU32,
    /// By the number of the stream's term, which row is its own.
    numbers: Column32,
    rows: Rows<CELLS>,
}

impl Streams {
    pub(super) fn new() -> Self {
        Self { count: AtomicU32::new(0), numbers: Column32::new(), rows: Rows::new() }
    }

    /// Adds a stream.
    pub(super) fn add(&self, terms: StreamTerms) {
        // Relaxed, here and below: one thread alone writes and reads all this (D1).
        let row = self.count.load(Ordering::Relaxed);
        self.numbers.set(terms[0], row);
        for (cell, number) in self.rows.make(row).iter().zip(terms) {
            cell.store(number, Ordering::Relaxed);
        }
        self.count.store(row + 1, Ordering::Relaxed);
    }

    /// Returns the terms of the stream whose own term has this number.
    #[inline]
    pub(super) fn terms(&self, stream: TermNumber) -> StreamTerms {
        let row = self.row(stream);
        std::array::from_fn(|at| row[at].load(Ordering::Relaxed))
    }

    /// Notes the version and the leaf hash of the newest event of a stream. The leaf hash is [`Hash::ZERO`] if it is not
    /// known, which no leaf hash is.
    pub(super) fn set_head(&self, stream: TermNumber, version: Version, leaf: Hash) {
        let halves = [version.0 as u32, (version.0 >> 32) as u32];
        let words =
            leaf.0.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        for (cell, part) in self.row(stream)[VERSION..].iter().zip(halves.into_iter().chain(words)) {
            cell.store(part, Ordering::Relaxed);
        }
    }

    /// Returns them, or `None` if the leaf hash is not known.
    pub(super) fn head(&self, stream: TermNumber) -> Option<(Version, Hash)> {
        let row = self.row(stream);
        let cell = |at: usize| row[at].load(Ordering::Relaxed);
        let version = u64::from(cell(VERSION)) | u64::from(cell(VERSION + 1)) << 32;
        let mut leaf = [0; 32];
        for (at, word) in leaf.chunks_exact_mut(4).enumerate() {
            word.copy_from_slice(&cell(LEAF + at).to_le_bytes());
        }
        (leaf != Hash::ZERO.0).then_some((Version(version), Hash(leaf)))
    }

    #[inline]
    fn row(&self, stream: TermNumber) -> &[AtomicU32; CELLS] {
        self.rows.make(self.numbers.get(stream))
    }

    /// Returns the bytes of memory they take.
    pub(super) fn memory(&self) -> usize {
        self.numbers.memory() + self.rows.memory()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_last_event_is_told_and_none_without_its_leaf() {
        let streams = Streams::new();
        streams.add([7, 8, 9, 10]);
        streams.add([11, 8, 9, 12]);
        assert_eq!((streams.head(7), streams.terms(7)), (None, [7, 8, 9, 10]));
        streams.set_head(7, Version(1 << 40 | 3), Hash([9; 32]));
        streams.set_head(11, Version(4), Hash([1; 32]));
        assert_eq!(streams.head(7), Some((Version(1 << 40 | 3), Hash([9; 32]))));
        streams.set_head(7, Version(1 << 40 | 4), Hash::ZERO);
        assert_eq!((streams.head(7), streams.terms(7)), (None, [7, 8, 9, 10]));
        assert_eq!(
            (streams.head(11), streams.terms(11)),
            (Some((Version(4), Hash([1; 32]))), [11, 8, 9, 12])
        );
    }
}
