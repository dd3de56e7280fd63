//! A hash table of small numbers that one writer fills and any number of readers search without a lock.
//!
//! Invariants:
//!
//! T1. A slot is empty (0) or holds a number plus one, and never changes once filled.
//! T2. A table that fills up is replaced by one of twice the size with all its numbers; a reader that
//!     still searches the old one finds all that was there when it began.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arc_swap::ArcSwap;

/// Finds numbers by a hash of what they stand for. What that is, the caller knows.
#[derive(Debug)]
pub(crate) struct Table {
    slots: ArcSwap<Box<[AtomicU32]>>,
    count: AtomicU32,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { slots: ArcSwap::from_pointee(empty(256)), count: AtomicU32::new(0) }
    }

    /// The number with this hash for which `is` holds.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        let slots = self.slots.load();
        let mask = slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            match slots[at].load(Ordering::Acquire) {
                0 => return None,
                number if is(number - 1) => return Some(number - 1),
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// Adds a number that is not there yet. `hash_of` gives the hashes of those that are.
    pub(crate) fn insert(&self, hash: u64, number: u32, hash_of: impl Fn(u32) -> u64) {
        let count = self.count.load(Ordering::Relaxed) + 1;
        let slots = self.slots.load_full();
        if count as usize * 3 <= slots.len() * 2 {
            put(&slots, hash, number);
        } else {
            let larger = empty(slots.len() * 2);
            for slot in slots.iter() {
                if let Some(old) = slot.load(Ordering::Relaxed).checked_sub(1) {
                    put(&larger, hash_of(old), old);
                }
            }
            put(&larger, hash, number);
            self.slots.store(Arc::new(larger));
        }
        self.count.store(count, Ordering::Relaxed);
    }

    /// Bytes of memory it takes.
    pub(crate) fn memory(&self) -> usize {
        self.slots.load().len() * size_of::<u32>()
    }
}

fn empty(count: usize) -> Box<[AtomicU32]> {
    (0..count).map(|_| AtomicU32::new(0)).collect()
}

fn put(slots: &[AtomicU32], hash: u64, number: u32) {
    let mask = slots.len() - 1;
    let mut at = hash as usize & mask;
    while slots[at].load(Ordering::Relaxed) != 0 {
        at = (at + 1) & mask;
    }
    slots[at].store(number + 1, Ordering::Release);
}
