//! A hash table of small numbers that one writer fills and any number of readers search without a lock.
//!
//! Invariants:
//!
//! T1. A slot is empty (0) or holds a number plus one and, above it, half of its hash; it never changes once filled.
//! T2. A table that fills up is replaced by one of twice the size with all its numbers; a reader that still searches
//!     the old one finds all that was there when it began.

use std::sync::Arc;

use crate::sync::ArcSwap;
use crate::sync::atomic::{AtomicU64, Ordering};

/// Slots of an empty table. A model checker sees the table replaced after few numbers.
const FIRST_SLOTS: usize = if cfg!(loom) { 4 } else { 256 };

type Slots = Box<[AtomicU64]>;

/// Finds numbers by a hash of what they stand for. What that is, the caller knows.
#[derive(Debug)]
pub(crate) struct Table {
    slots: ArcSwap<Slots>,
}

/// Fills a table. There is one for each.
#[derive(Debug)]
pub(crate) struct TableWriter {
    slots: Arc<Slots>,
    count: usize,
}

impl Table {
    /// Returns an empty table, and the only one to fill it.
    pub(crate) fn new() -> (Self, TableWriter) {
        let slots = Arc::new(empty(FIRST_SLOTS));
        (Self { slots: ArcSwap::new(Arc::clone(&slots)) }, TableWriter { slots, count: 0 })
    }

    /// Returns the number with this hash for which `is` holds, if there is one.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        find(&self.slots.load(), hash, is)
    }

    /// Returns the bytes of memory it takes.
    pub(crate) fn memory(&self) -> usize {
        self.slots.load().len() * size_of::<u64>()
    }
}

impl TableWriter {
    /// Returns the number with this hash for which `is` holds, if there is one.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        find(&self.slots, hash, is)
    }

    /// Adds numbers that are not there yet, `first` and those behind it, one for each hash.
    pub(crate) fn insert_all(&mut self, table: &Table, hashes: &[u64], first: u32) {
        let mask = self.slots.len() - 1;
        // Relaxed: what is read is not used. Its memory is far, and none of these reads waits for another one, while
        // those of `put` do: where one ends is not known before it was read.
        let near =
            |near: u64, hash: &u64| near ^ self.slots[*hash as u32 as usize & mask].load(Ordering::Relaxed);
        std::hint::black_box(hashes.iter().fold(0, near));
        for (hash, number) in hashes.iter().zip(first..) {
            self.insert(table, *hash, number);
        }
    }

    /// Adds a number that is not there yet to the table that this one came with.
    pub(crate) fn insert(&mut self, table: &Table, hash: u64, number: u32) {
        self.count += 1;
        if self.count * 3 > self.slots.len() * 2 {
            let larger = empty(self.slots.len() * 2);
            for slot in self.slots.iter() {
                // Relaxed: this thread alone writes slots.
                match slot.load(Ordering::Relaxed) {
                    0 => {}
                    filled => put(&larger, filled),
                }
            }
            self.slots = Arc::new(larger);
            put(&self.slots, slot(hash, number));
            // After all numbers are in it (T2). Replacing the pointer releases them to readers that load it.
            table.slots.store(Arc::clone(&self.slots));
        } else {
            put(&self.slots, slot(hash, number));
        }
    }
}

fn empty(count: usize) -> Slots {
    (0..count).map(|_| AtomicU64::new(0)).collect()
}

/// Returns what stands in a slot. A table has fewer than 2^32 slots, so the half of the hash that is kept says its
/// place in a table of any size.
fn slot(hash: u64, number: u32) -> u64 {
    hash << 32 | u64::from(number + 1)
}

fn find(slots: &[AtomicU64], hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
    let mask = slots.len() - 1;
    // The lower half: that is what a slot keeps.
    let kept = hash as u32;
    let mut at = kept as usize & mask;
    loop {
        // Acquire: `is` reads what the number stands for, which was written before the slot was filled.
        let slot = slots[at & mask].load(Ordering::Acquire);
        if slot == 0 {
            return None;
        }
        // The lower half holds the number plus one, the upper half the hash (T1).
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
    // Relaxed: this thread alone writes slots.
    while slots[at].load(Ordering::Relaxed) != 0 {
        at = (at + 1) & mask;
    }
    // Release: the caller that reads the number reads what it stands for (M3).
    slots[at].store(filled, Ordering::Release);
}

#[cfg(all(test, loom))]
mod interleavings {
    use super::*;
    use crate::mem_index::column::Column32;
    use crate::sync::explore;

    /// keeps T2
    #[test]
    fn a_reader_finds_what_was_there_and_what_it_stands_for() {
        explore(3, || {
            let (table, mut writer) = Table::new();
            let shared = Arc::new((table, Column32::new()));
            // All in one place, so that a search passes the others.
            let hash = |number: u32| u64::from(number) << 3 | 1;
            let insert =
                move |writer: &mut TableWriter, (table, stands_for): &(Table, Column32), number: u32| {
                    stands_for.set(number, number + 7);
                    writer.insert(table, hash(number), number);
                };
            insert(&mut writer, &shared, 0);
            let read = Arc::clone(&shared);
            let reading = loom::thread::spawn(move || {
                let (table, stands_for) = &*read;
                let is = |found: u32, number: u32| {
                    assert_eq!(stands_for.get(found), found + 7, "what a slot says was written");
                    found == number
                };
                let find = |number: u32| table.find(hash(number), |found| is(found, number));
                let last = find(3);
                assert!(last.is_none_or(|number| number == 3));
                for number in 0..3 {
                    // Numbers are inserted in order, so one that is seen says that those before it are there.
                    let is_there = number == 0 || last.is_some();
                    let expected = if is_there { &[Some(number)][..] } else { &[None, Some(number)] };
                    assert!(expected.contains(&find(number)), "number {number} after {last:?}");
                }
            });
            (1..4).for_each(|number| insert(&mut writer, &shared, number));
            reading.join().unwrap();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// keeps T2
    #[test]
    fn what_was_put_is_found_in_a_table_of_any_size() {
        let (table, mut writer) = Table::new();
        let hash = |number: u32| u64::from(number % 977).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let count = if cfg!(miri) { 500 } else { 5000 };
        for number in 0..count {
            assert_eq!(table.find(hash(number), |found| found == number), None);
            writer.insert(&table, hash(number), number);
            assert_eq!(writer.find(hash(number), |found| found == number), Some(number));
        }
        assert!((0..count).all(|number| table.find(hash(number), |found| found == number) == Some(number)));
        assert_eq!(table.find(hash(count), |_| false), None);
        let places = if cfg!(miri) { 1024 } else { 8192 };
        assert_eq!(table.memory(), places * 8, "between a third and two thirds are filled");
    }
}
