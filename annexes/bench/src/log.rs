//! What the two sides have in common: a log that takes batches.

use std::sync::atomic::{AtomicU64, Ordering};

use tidegate::{AppendOptions, Batch, Draft, Store};

use crate::Failure;
use crate::floor::Floor;
use crate::sample::{SCOPE, Sample};

/// A log that takes batches of samples.
pub(crate) trait Log: Sync {
    /// Appends a batch and returns when it is written, or synced.
    fn append(&self, batch: Vec<Sample>, synced: bool) -> Result<(), Failure>;
}

impl Log for Floor {
    fn append(&self, batch: Vec<Sample>, synced: bool) -> Result<(), Failure> {
        Ok(Floor::append(self, &batch, synced)?)
    }
}

impl Log for Store {
    fn append(&self, batch: Vec<Sample>, synced: bool) -> Result<(), Failure> {
        let append = if synced { AppendOptions::new().synced() } else { AppendOptions::new().buffered() };
        let batch: Batch = batch.into_iter().map(draft).collect();
        Store::append_with(self, batch, append)?;
        Ok(())
    }
}

/// Returns a sample as a draft.
pub(crate) fn draft(sample: Sample) -> Draft {
    Draft::new((SCOPE, sample.entity), sample.kind).message_pack(sample.payload)
}

/// Hands out the numbers of samples, each once.
#[derive(Debug)]
pub(crate) struct Source {
    next: AtomicU64,
    entities: u64,
}

impl Source {
    pub(crate) fn new(entities: u64) -> Self {
        Self { next: AtomicU64::new(0), entities }
    }

    /// Returns the next samples.
    pub(crate) fn batch(&self, count: usize) -> Vec<Sample> {
        let first = self.next.fetch_add(count as u64, Ordering::Relaxed);
        (first..first + count as u64).map(|number| Sample::new(number, self.entities)).collect()
    }
}
