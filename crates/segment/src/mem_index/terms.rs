//! The terms of an index in memory, by number, and the events of each.
//!
//! A term has a row of cells. Its first event stands there, the others in blocks of which each is twice as large as the
//! one before and leads back to it.

use super::column::{Column32, Rows};
use super::texts::Texts;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::term::{self, Field};

/// Events of a term's first block; every later block is twice as large as the one before. A model checker sees a second
/// block after few events.
const BLOCK: u32 = if cfg!(loom) { 1 } else { 4 };
/// Cells of a block before its events: its ordinal, and the block before it.
const BLOCK_HEADER: u32 = 2;

/// Which term of this index.
pub(super) type TermNumber = u32;

/// Cells of a term's row: its hash (four of them), how many events it has, the first and the last of them, and its last
/// block.
const HASH: usize = 0;
const EVENTS: usize = 4;
const FIRST: usize = 5;
const LAST: usize = 6;
const LAST_BLOCK: usize = 7;

/// The terms of an index.
#[derive(Debug)]
pub(super) struct Terms {
    count: AtomicU32,
    rows: Rows<8>,
    fields: Column32,
    /// Where the value of each stands, if it is kept.
    places: Column32,
    texts: Texts,
    /// Blocks: the ordinal, the block before, then events.
    blocks: Column32,
    blocks_end: AtomicU32,
}

impl Terms {
    pub(super) fn new() -> Self {
        Self {
            count: AtomicU32::new(0),
            rows: Rows::new(),
            fields: Column32::new(),
            places: Column32::new(),
            texts: Texts::new(),
            blocks: Column32::new(),
            // Place 0 stands for no block.
            blocks_end: AtomicU32::new(1),
        }
    }

    /// Returns how many there are.
    pub(super) fn count(&self) -> u32 {
        // Acquire: everything that a number below the count leads to was written before (M3).
        self.count.load(Ordering::Acquire)
    }

    /// Returns the field of a term.
    pub(super) fn field(&self, number: TermNumber) -> u32 {
        self.fields.get(number)
    }

    /// Appends the value of a term to `out`; returns false if it is not kept.
    pub(super) fn value(&self, number: TermNumber, out: &mut Vec<u8>) -> bool {
        let place = self.places.get(number);
        self.texts.read(place, out);
        place != 0
    }

    /// Returns the lower half of the hash of a term.
    pub(super) fn short_hash(&self, number: TermNumber) -> u64 {
        // Relaxed: these cells never change once the number is known.
        let cell = |row: &[AtomicU32; 8], at: usize| u64::from(row[HASH + at].load(Ordering::Relaxed));
        self.rows.get(number).map_or(0, |row| cell(row, 0) | cell(row, 1) << 32)
    }

    /// Adds a term (its field, then its value) with its first event and returns its number, which no other caller knows
    /// until the caller tells it with release order, or the count says so.
    pub(super) fn add(&self, field: Field, bytes: &[u8], hash: u128, event: u32) -> TermNumber {
        // Relaxed: this thread alone stores the count.
        let number = self.count.load(Ordering::Relaxed);
        let row = self.rows.make(number);
        // Relaxed, up to the count: a row that has no number yet is read by this thread alone.
        for (cell, part) in row[HASH..].iter().zip(quarters(hash)) {
            cell.store(part, Ordering::Relaxed);
        }
        self.fields.set(number, field as u32);
        if field != Field::Stream && term::local_cause(bytes).is_none() {
            self.places.set(number, self.texts.add(&bytes[1..]));
        }
        row[FIRST].store(event, Ordering::Relaxed);
        row[LAST].store(event, Ordering::Relaxed);
        row[EVENTS].store(1, Ordering::Relaxed);
        // Release: the caller that counts the term reads its row, field and text (M3).
        self.count.store(number + 1, Ordering::Release);
        number
    }

    /// Returns whether the term has this hash. The caller found its number with acquire order.
    pub(super) fn is(&self, number: TermNumber, hash: u128) -> bool {
        let Some(row) = self.rows.get(number) else { return false };
        let cells = quarters(hash).into_iter().zip(&row[HASH..]);
        // Relaxed: these cells never change once the number is known.
        cells.fold(true, |is, (wanted, cell)| is & (cell.load(Ordering::Relaxed) == wanted))
    }

    /// Adds an event to a term, unless it is there already.
    pub(super) fn add_event(&self, number: TermNumber, event: u32) {
        let row = self.rows.make(number);
        // Relaxed, here and for all loads below: this thread alone writes them, and no reader asks for the last event.
        if row[LAST].load(Ordering::Relaxed) == event {
            return;
        }
        let count = row[EVENTS].load(Ordering::Relaxed);
        let (ordinal, at) = block_of(count - 1);
        let mut block = row[LAST_BLOCK].load(Ordering::Relaxed);
        if at == 0 {
            let before = block;
            block = self.blocks_end.load(Ordering::Relaxed);
            self.blocks_end.store(block + BLOCK_HEADER + block_size(ordinal), Ordering::Relaxed);
            self.blocks.set(block, ordinal);
            self.blocks.set(block + 1, before);
        }
        self.blocks.set(block + BLOCK_HEADER + at, event);
        // Release: a reader with an older count may meet the new block already, and follows it back by its header.
        row[LAST_BLOCK].store(block, Ordering::Release);
        row[LAST].store(event, Ordering::Relaxed);
        // Release: the caller that counts the event finds it in its block (M3).
        row[EVENTS].store(count + 1, Ordering::Release);
    }

    /// Returns the last event of a term. Only the thread that adds events asks, or any thread once none are added.
    pub(super) fn last_event(&self, number: TermNumber) -> u32 {
        // Relaxed: this thread wrote it, or what told it of the end of writing is ordered behind that.
        self.rows.get(number).map_or(0, |row| row[LAST].load(Ordering::Relaxed))
    }

    /// Returns how many events a term has.
    pub(super) fn events(&self, number: TermNumber) -> u32 {
        // Acquire: the events below the count were written before it.
        self.rows.get(number).map_or(0, |row| row[EVENTS].load(Ordering::Acquire))
    }

    /// Returns the `n`-th event of a term. The caller has seen a count above `n`.
    pub(super) fn event(&self, number: TermNumber, n: u32) -> u32 {
        let Some(row) = self.rows.get(number) else { return 0 };
        if n == 0 {
            return first(row);
        }
        let (ordinal, at) = block_of(n - 1);
        let mut block = last_block(row);
        while self.blocks.get(block) > ordinal {
            block = self.blocks.get(block + 1);
        }
        self.blocks.get(block + BLOCK_HEADER + at)
    }

    /// Puts the events of a term into `out`, in ascending order.
    pub(super) fn read_events(&self, number: TermNumber, out: &mut Vec<u32>) {
        let count = self.events(number);
        out.clear();
        out.resize(count as usize, 0);
        let Some((row, (head, mut rest))) = self.rows.get(number).zip(out.split_first_mut()) else { return };
        *head = first(row);
        let Some(last) = count.checked_sub(2) else { return };
        let (mut ordinal, _) = block_of(last);
        let mut block = last_block(row);
        while self.blocks.get(block) > ordinal {
            block = self.blocks.get(block + 1);
        }
        // From the last block to the first, each of which leads to the one before.
        loop {
            let (earlier, here) = rest.split_at_mut(block_start(ordinal) as usize);
            for (cell, event) in (block + BLOCK_HEADER..).zip(here) {
                *event = self.blocks.get(cell);
            }
            let Some(before) = ordinal.checked_sub(1) else { return };
            (ordinal, rest) = (before, earlier);
            block = self.blocks.get(block + 1);
        }
    }

    /// Returns how many of a term's first `count` events come before `event`. The caller has seen that count.
    pub(super) fn rank(&self, number: TermNumber, count: u32, event: u32) -> u32 {
        let Some(row) = self.rows.get(number) else { return 0 };
        if count == 0 || first(row) >= event {
            return 0;
        }
        if count == 1 {
            return 1;
        }
        let (mut ordinal, _) = block_of(count - 2);
        let mut block = last_block(row);
        loop {
            let found = self.blocks.get(block);
            if found <= ordinal && (found == 0 || self.blocks.get(block + BLOCK_HEADER) < event) {
                ordinal = found;
                break;
            }
            block = self.blocks.get(block + 1);
        }
        let before = 1 + block_start(ordinal);
        let (mut low, mut high) = (0, block_size(ordinal).min(count - before));
        while low < high {
            let middle = low.midpoint(high);
            if self.blocks.get(block + BLOCK_HEADER + middle) < event {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        before + low
    }

    /// Returns the bytes of memory they take.
    pub(super) fn memory(&self) -> usize {
        let columns = [&self.fields, &self.places, &self.blocks].into_iter().map(Column32::memory);
        columns.sum::<usize>() + self.rows.memory() + self.texts.memory()
    }
}

fn first(row: &[AtomicU32; 8]) -> u32 {
    // Relaxed: the cell never changes once the term's number is known.
    row[FIRST].load(Ordering::Relaxed)
}

fn last_block(row: &[AtomicU32; 8]) -> u32 {
    // Acquire: the block may be newer than the count that the caller has seen, and its header is read.
    row[LAST_BLOCK].load(Ordering::Acquire)
}

/// Cuts a hash into the numbers of its cells, the lowest first.
fn quarters(hash: u128) -> [u32; 4] {
    [hash as u32, (hash >> 32) as u32, (hash >> 64) as u32, (hash >> 96) as u32]
}

/// Returns the ordinal of the block that holds event `n` of those behind the very first, and its place there.
fn block_of(n: u32) -> (u32, u32) {
    let ordinal = (n / BLOCK + 1).ilog2();
    (ordinal, n - block_start(ordinal))
}

fn block_start(ordinal: u32) -> u32 {
    BLOCK * ((1 << ordinal) - 1)
}

fn block_size(ordinal: u32) -> u32 {
    BLOCK << ordinal
}

#[cfg(all(test, loom))]
mod interleavings {
    use std::sync::Arc;

    use super::*;
    use crate::sync::explore;

    /// Events 1, 3, 5, ... are added to a term, `before` of them before the reader begins, and the last block is a new
    /// one.
    fn add_and_read(before: u32, added: u32) {
        explore(2, move || {
            let terms = Arc::new(Terms::new());
            let event = |n: u32| 2 * n + 1;
            terms.add(Field::Key, &[Field::Key as u8], 7, event(0));
            (1..before).for_each(|n| terms.add_event(0, event(n)));
            let read = Arc::clone(&terms);
            let reading = loom::thread::spawn(move || {
                let count = read.events(0);
                assert!((before..=before + added).contains(&count));
                for n in [0, count - 1] {
                    assert_eq!(read.event(0, n), event(n));
                    assert_eq!(read.rank(0, count, event(n)), n);
                    assert_eq!(read.rank(0, count, event(n) + 1), n + 1);
                }
            });
            (before..before + added).for_each(|n| terms.add_event(0, event(n)));
            reading.join().unwrap();
        });
    }

    /// keeps M2 and M3
    #[test]
    fn a_reader_finds_each_event_that_it_counts() {
        add_and_read(1, 2);
        add_and_read(3, 2);
    }

    /// keeps M3
    #[test]
    fn a_counted_term_is_whole() {
        explore(3, || {
            let terms = Arc::new(Terms::new());
            let read = Arc::clone(&terms);
            let reading = loom::thread::spawn(move || {
                let mut text = Vec::new();
                for number in 0..read.count() {
                    let (event, expected) = if number == 0 { (4, "abcde") } else { (9, "f") };
                    text.clear();
                    assert!(read.value(number, &mut text));
                    assert_eq!(
                        (read.field(number), text.as_slice()),
                        (Field::Tag as u32, expected.as_bytes())
                    );
                    assert!(read.is(number, 1 << 100 | u128::from(event)));
                    assert_eq!((read.events(number), read.event(number, 0)), (1, event));
                }
            });
            for (event, text) in [(4, "\x06abcde"), (9, "\x06f")] {
                terms.add(Field::Tag, text.as_bytes(), 1 << 100 | u128::from(event), event);
            }
            reading.join().unwrap();
        });
    }
}
