//! What all events of a stream have in common: its own term, and those of its scope, its entity and its lane. They are
//! kept for each stream, so that an event of a known stream needs neither copies nor hashes of them.

use super::column::{Column32, Rows};
use super::terms::TermNumber;
use crate::sync::atomic::{AtomicU32, Ordering};

/// The numbers of the terms of a stream, its scope, its entity and its lane.
pub(super) type StreamTerms = [TermNumber; 4];

/// The terms of each stream. Only the writer of the index reads them, or any thread once nothing is added any more.
#[derive(Debug)]
pub(super) struct Streams {
    count: AtomicU32,
    /// By the number of the stream's term, which row is its own.
    rows: Column32,
    terms: Rows<4>,
}

impl Streams {
    pub(super) fn new() -> Self {
        Self { count: AtomicU32::new(0), rows: Column32::new(), terms: Rows::new() }
    }

    /// Adds a stream.
    pub(super) fn add(&self, terms: StreamTerms) {
        // Relaxed, here and below: one thread alone writes and reads all this.
        let row = self.count.load(Ordering::Relaxed);
        self.rows.set(terms[0], row);
        for (cell, number) in self.terms.make(row).iter().zip(terms) {
            cell.store(number, Ordering::Relaxed);
        }
        self.count.store(row + 1, Ordering::Relaxed);
    }

    /// Returns the terms of the stream whose own term has this number.
    #[inline]
    pub(super) fn terms(&self, stream: TermNumber) -> StreamTerms {
        let row = self.terms.make(self.rows.get(stream));
        std::array::from_fn(|at| row[at].load(Ordering::Relaxed))
    }

    /// Returns the bytes of memory they take.
    pub(super) fn memory(&self) -> usize {
        self.rows.memory() + self.terms.memory()
    }
}
