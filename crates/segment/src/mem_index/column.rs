//! Columns: numbers that one writer appends and any number of readers see without a lock.
//!
//! Invariants:
//!
//! C1. A cell never moves: chunks are allocated once and double in size.
//! C2. A column does not say how much of it is filled. A writer publishes a count with release order after the cells
//!     are written, and a reader loads that count with acquire order before it reads them. So cells themselves need no
//!     order: their loads and stores are relaxed.

use crate::sync::OnceLock;
use crate::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Cells of the first chunk, as a power of two. A model checker sees the second and the third chunk after few cells.
const FIRST_BITS: u32 = if cfg!(loom) { 0 } else { 8 };
/// Chunks at most; together they hold more than 2^32 cells. The stack of a modelled thread has room for few.
const CHUNKS: usize = if cfg!(loom) { 8 } else { 33 - FIRST_BITS as usize };

macro_rules! column {
    ($(#[$doc:meta])* $name:ident, $number:ty, $atomic:ty) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name {
            chunks: [OnceLock<Box<[$atomic]>>; CHUNKS],
        }

        impl $name {
            pub(crate) fn new() -> Self {
                Self { chunks: std::array::from_fn(|_| OnceLock::new()) }
            }

            /// Returns what stands in a cell; 0 if nothing was written yet.
            #[inline]
            pub(crate) fn get(&self, index: u32) -> $number {
                let (chunk, at) = place(index);
                // Relaxed: the caller loaded the count that covers this cell with acquire order (C2).
                self.chunks[chunk].get().map_or(0, |cells| cells[at].load(Ordering::Relaxed))
            }

            /// Writes a cell.
            #[inline]
            pub(crate) fn set(&self, index: u32, number: $number) {
                let (chunk, at) = place(index);
                let cells = self.chunks[chunk].get_or_init(|| {
                    let count = 1usize << (FIRST_BITS as usize + chunk.saturating_sub(1));
                    (0..count).map(|_| <$atomic>::new(0)).collect()
                });
                // Relaxed: the caller stores the count that covers this cell with release order afterwards (C2).
                cells[at].store(number, Ordering::Relaxed);
            }

            /// Returns the bytes of memory it takes.
            pub(crate) fn memory(&self) -> usize {
                let cells = self.chunks.iter().filter_map(OnceLock::get).map(|cells| cells.len());
                cells.sum::<usize>() * size_of::<$number>()
            }
        }
    };
}

column! {
    /// A column of 32-bit numbers.
    Column32, u32, AtomicU32
}
column! {
    /// A column of 64-bit numbers.
    Column64, u64, AtomicU64
}

/// Rows of 32-bit cells that are read together, so that they share a cache line.
#[derive(Debug)]
pub(crate) struct Rows<const N: usize> {
    chunks: [OnceLock<Box<[[AtomicU32; N]]>>; CHUNKS],
}

impl<const N: usize> Rows<N> {
    pub(crate) fn new() -> Self {
        Self { chunks: std::array::from_fn(|_| OnceLock::new()) }
    }

    /// Returns the cells of a row, or `None` if no row near it was made yet.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&[AtomicU32; N]> {
        let (chunk, at) = place(index);
        Some(&self.chunks[chunk].get()?[at])
    }

    /// Returns the cells of a row, made of zeros if they are not there yet.
    #[inline]
    pub(crate) fn make(&self, index: u32) -> &[AtomicU32; N] {
        let (chunk, at) = place(index);
        let rows = self.chunks[chunk].get_or_init(|| {
            let count = 1usize << (FIRST_BITS as usize + chunk.saturating_sub(1));
            (0..count).map(|_| std::array::from_fn(|_| AtomicU32::new(0))).collect()
        });
        &rows[at]
    }

    /// Returns the bytes of memory it takes.
    pub(crate) fn memory(&self) -> usize {
        let rows = self.chunks.iter().filter_map(OnceLock::get).map(|rows| rows.len());
        rows.sum::<usize>() * N * size_of::<u32>()
    }
}

/// Returns the chunk of a cell and its place there. Chunk 0 and chunk 1 have the first size, each later one twice
/// the size of the one before.
#[inline]
fn place(index: u32) -> (usize, usize) {
    let group = index >> FIRST_BITS;
    if group == 0 {
        return (0, index as usize);
    }
    let chunk = group.ilog2() + 1;
    (chunk as usize, (index - (1 << (chunk - 1 + FIRST_BITS))) as usize)
}

#[cfg(all(test, loom))]
mod interleavings {
    use std::sync::Arc;

    use super::*;
    use crate::sync::atomic::Ordering::{Acquire, Relaxed, Release};
    use crate::sync::explore;

    /// One thread appends to a column and counts with these orderings; the other reads all cells that are counted.
    fn append_and_read(store: Ordering, load: Ordering, counts_first: bool) {
        explore(3, move || {
            let shared = Arc::new((Column32::new(), Rows::<2>::new(), AtomicU32::new(0)));
            let read = Arc::clone(&shared);
            let reading = loom::thread::spawn(move || {
                let (column, rows, count) = &*read;
                for index in 0..count.load(load) {
                    assert_eq!(column.get(index), index + 7);
                    assert_eq!(rows.get(index).map(|row| row[1].load(Relaxed)), Some(index + 9));
                }
            });
            let (column, rows, count) = &*shared;
            for index in 0..3 {
                if counts_first {
                    count.store(index + 1, store);
                }
                column.set(index, index + 7);
                rows.make(index)[1].store(index + 9, Relaxed);
                count.store(index + 1, store);
            }
            reading.join().unwrap();
        });
    }

    /// keeps C2
    #[test]
    fn a_reader_of_the_count_sees_the_cells() {
        append_and_read(Release, Acquire, false);
    }

    #[test]
    #[should_panic(expected = "left")]
    fn a_count_that_is_stored_relaxed_is_caught() {
        append_and_read(Relaxed, Acquire, false);
    }

    #[test]
    #[should_panic(expected = "left")]
    fn a_count_that_is_loaded_relaxed_is_caught() {
        append_and_read(Release, Relaxed, false);
    }

    #[test]
    #[should_panic(expected = "left")]
    fn a_count_before_its_cells_is_caught() {
        append_and_read(Release, Acquire, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_has_its_own_cell() {
        let mut expected = (0, 0);
        for index in 0..if cfg!(miri) { 600 } else { 100_000 } {
            assert_eq!(place(index), expected);
            let count = 1 << (FIRST_BITS as usize + expected.0.saturating_sub(1));
            expected =
                if expected.1 + 1 == count { (expected.0 + 1, 0) } else { (expected.0, expected.1 + 1) };
        }
        assert!(place(u32::MAX).0 < CHUNKS);
    }

    #[test]
    fn cells_keep_what_was_written() {
        let column = Column32::new();
        let count = if cfg!(miri) { 500 } else { 5000 };
        (0..count).for_each(|index| column.set(index, index * 3));
        assert!((0..count).all(|index| column.get(index) == index * 3));
        assert_eq!(column.get(1_000_000), 0);
    }

    #[test]
    fn memory_is_that_of_the_chunks_that_were_written_to() {
        let (column, wide, rows) = (Column32::new(), Column64::new(), Rows::<3>::new());
        assert_eq!((column.memory(), wide.memory(), rows.memory()), (0, 0, 0));
        // The second chunk is as long as the first, the third twice as long.
        for (index, cells) in [(255, 256), (256, 512), (511, 512), (512, 1024)] {
            column.set(index, 1);
            wide.set(index, 1);
            rows.make(index);
            assert_eq!((column.memory(), wide.memory(), rows.memory()), (cells * 4, cells * 8, cells * 12));
        }
    }
}
