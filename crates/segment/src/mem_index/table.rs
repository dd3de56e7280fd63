//! A hash table of small numbers that one writer fills and any number of readers search without a lock.
//!
//! Invariants:
//!
//! T1. A slot is empty (0) or holds a number plus one and, above it, half of its hash; it never changes
//!     once filled.
//! T2. A table that fills up is replaced by one of twice the size with all its numbers; a reader that
//!     still searches the old one finds all that was there when it began.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

type Slots = Box<[AtomicU64]>;

/// Finds numbers by a hash of what they stand for. What that is, the caller knows.
#[derive(Debug)]
pub(crate) struct Table {
    slots: ArcSwap<Slots>,
}

/// What the one who fills a table holds of it.
#[derive(Debug)]
pub(crate) struct Filler {
    slots: Arc<Slots>,
    count: usize,
}

impl Table {
    /// An empty table, and the only one to fill it.
    pub(crate) fn new() -> (Self, Filler) {
        let slots = Arc::new(empty(256));
        (Self { slots: ArcSwap::new(Arc::clone(&slots)) }, Filler { slots, count: 0 })
    }

    /// The number with this hash for which `is` holds.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        find(&self.slots.load(), hash, is)
    }

    /// Bytes of memory it takes.
    pub(crate) fn memory(&self) -> usize {
        self.slots.load().len() * size_of::<u64>()
    }
}

impl Filler {
    /// The number with this hash for which `is` holds.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        find(&self.slots, hash, is)
    }

    /// Adds a number that is not there yet to the table that this one came with.
    pub(crate) fn insert(&mut self, table: &Table, hash: u64, number: u32) {
        self.count += 1;
        if self.count * 3 > self.slots.len() * 2 {
            let larger = empty(self.slots.len() * 2);
            for slot in self.slots.iter() {
                match slot.load(Ordering::Relaxed) {
                    0 => {}
                    filled => put(&larger, filled),
                }
            }
            self.slots = Arc::new(larger);
            put(&self.slots, slot(hash, number));
            table.slots.store(Arc::clone(&self.slots));
        } else {
            put(&self.slots, slot(hash, number));
        }
    }
}

fn empty(count: usize) -> Slots {
    (0..count).map(|_| AtomicU64::new(0)).collect()
}

/// What stands in a slot. A table has fewer than 2^32 slots, so the half of the hash that is kept says its
/// place in a table of any size.
fn slot(hash: u64, number: u32) -> u64 {
    hash << 32 | u64::from(number + 1)
}

fn find(slots: &[AtomicU64], hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
    let mask = slots.len() - 1;
    let kept = hash as u32;
    let mut at = kept as usize & mask;
    loop {
        let slot = slots[at & mask].load(Ordering::Acquire);
        if slot == 0 {
            return None;
        }
        let number = slot as u32 - 1;
        if (slot >> 32) as u32 == kept && is(number) {
            return Some(number);
        }
        at += 1;
    }
}

fn put(slots: &[AtomicU64], filled: u64) {
    let mask = slots.len() - 1;
    let mut at = (filled >> 32) as usize & mask;
    while slots[at].load(Ordering::Relaxed) != 0 {
        at = (at + 1) & mask;
    }
    slots[at].store(filled, Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// keeps T2
    #[test]
    fn what_was_put_is_found_in_a_table_of_any_size() {
        let (table, mut filler) = Table::new();
        let hash = |number: u32| u64::from(number % 977).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for number in 0..5000 {
            assert_eq!(table.find(hash(number), |found| found == number), None);
            filler.insert(&table, hash(number), number);
            assert_eq!(filler.find(hash(number), |found| found == number), Some(number));
        }
        assert!((0..5000).all(|number| table.find(hash(number), |found| found == number) == Some(number)));
        assert_eq!(table.find(hash(5000), |_| false), None);
        assert_eq!(table.memory(), 8192 * 8, "between a third and two thirds are filled");
    }
}
