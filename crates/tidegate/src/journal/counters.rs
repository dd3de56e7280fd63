//! Counters of the way down: groups and their sizes, syncs and their times.

use std::fmt;
use std::time::Duration;

use crate::sync::atomic::{AtomicU64, Ordering};

/// What the writer has done since it was opened. Totals grow and never fall; what an interval brought is the difference of two
/// snapshots. [`Store::metrics`](crate::Store::metrics) takes one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Groups that were written: batches that shared one write.
    pub groups: u64,
    /// The batches in these groups, those that were refused at the commit included.
    pub batches: u64,
    /// The events that these groups put into the log.
    pub events: u64,
    /// The bytes that these batches took in the queue.
    pub bytes: u64,
    /// The most batches of one group.
    pub largest_group: u64,
    /// Batches that wait to be committed now.
    pub queued_batches: u64,
    /// Bytes of the batches that wait now, and of those that are written and not answered yet. An append waits if they would be more
    /// than [`StoreOptions::queue_bytes`](crate::StoreOptions::queue_bytes).
    pub queued_bytes: u64,
    /// Syncs of the log that succeeded. The one with which a segment ends is not among them.
    pub syncs: u64,
    /// How long these took in all.
    pub sync_time: Duration,
    /// How long the longest of them took.
    pub longest_sync: Duration,
    /// How long the last of them took.
    pub last_sync: Duration,
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { groups, batches, events, bytes, largest_group, .. } = self;
        write!(f, "{groups} groups of {batches} batches, {events} events and {bytes} bytes, ")?;
        write!(f, "the largest of {largest_group} batches; ")?;
        write!(f, "{} batches queued, {} bytes; ", self.queued_batches, self.queued_bytes)?;
        let Self { syncs, sync_time, longest_sync, last_sync, .. } = self;
        write!(f, "{syncs} syncs in {sync_time:?}, the longest {longest_sync:?}, the last {last_sync:?}")
    }
}

/// The numbers behind [`Metrics`]. Each stands alone, and nothing is decided by them, so no order is kept between them.
#[derive(Debug, Default)]
pub(super) struct Counters {
    groups: AtomicU64,
    batches: AtomicU64,
    events: AtomicU64,
    bytes: AtomicU64,
    largest_group: AtomicU64,
    syncs: AtomicU64,
    sync_micros: AtomicU64,
    longest_sync_micros: AtomicU64,
    last_sync_micros: AtomicU64,
}

impl Counters {
    /// Counts a group that was written.
    pub(super) fn count_group(&self, batches: usize, events: u64, bytes: usize) {
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.batches.fetch_add(batches as u64, Ordering::Relaxed);
        self.events.fetch_add(events, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.largest_group.fetch_max(batches as u64, Ordering::Relaxed);
    }

    /// Counts a sync that succeeded, and took this long.
    pub(super) fn count_sync(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.sync_micros.fetch_add(micros, Ordering::Relaxed);
        self.longest_sync_micros.fetch_max(micros, Ordering::Relaxed);
        self.last_sync_micros.store(micros, Ordering::Relaxed);
    }

    /// Returns what was counted by now, beside what is queued.
    pub(super) fn snapshot(&self, queued_batches: usize, queued_bytes: usize) -> Metrics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let time = |counter: &AtomicU64| Duration::from_micros(read(counter));
        Metrics {
            groups: read(&self.groups),
            batches: read(&self.batches),
            events: read(&self.events),
            bytes: read(&self.bytes),
            largest_group: read(&self.largest_group),
            queued_batches: queued_batches as u64,
            queued_bytes: queued_bytes as u64,
            syncs: read(&self.syncs),
            sync_time: time(&self.sync_micros),
            longest_sync: time(&self.longest_sync_micros),
            last_sync: time(&self.last_sync_micros),
        }
    }
}
