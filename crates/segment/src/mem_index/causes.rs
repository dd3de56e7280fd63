//! The local causes of events, and their levels, as long as a segment has no index file.
//!
//! Invariants:
//!
//! L1. The causes of an event are written before the event is counted.
//! L2. A level is given out only once it is known; levels become known in the order of events.

use std::ops::Range;

use tidegate_format::{Position, Result};

use super::column::{Column32, Column64};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU32, Ordering};

/// Events of a block of causes. The index file cuts its section of parents alike.
pub(crate) const CAUSE_BLOCK: u32 = 32;

/// Causes and levels in memory.
#[derive(Debug)]
pub(crate) struct CauseColumn {
    /// For each event, one more than the cell of its first cause; 0 if it has none.
    starts: Column32,
    /// Positions of causes, each shifted by one bit, which says whether another cause of the event follows.
    causes: Column64,
    causes_end: AtomicU32,
    /// Levels of the events that have causes.
    levels: Column32,
    leveled: AtomicU32,
    leveling: Mutex<()>,
}

impl CauseColumn {
    pub(crate) fn new() -> Self {
        Self {
            starts: Column32::new(),
            causes: Column64::new(),
            causes_end: AtomicU32::new(0),
            levels: Column32::new(),
            leveled: AtomicU32::new(0),
            leveling: Mutex::new(()),
        }
    }

    /// Adds a cause to the newest event. Only the writer of the segment calls this.
    pub(crate) fn add(&self, event: u32, cause: Position) {
        // Relaxed, here and below: this thread alone reads and writes the end.
        let end = self.causes_end.load(Ordering::Relaxed);
        if self.starts.get(event) == 0 {
            self.starts.set(event, end + 1);
        } else {
            self.causes.set(end - 1, self.causes.get(end - 1) | 1);
        }
        self.causes.set(end, cause.0 << 1);
        self.causes_end.store(end + 1, Ordering::Relaxed);
    }

    /// Fills a block with the causes of the events around `event`, as far as `count` goes.
    pub(crate) fn fill(&self, event: u32, count: u32, block: &mut CauseBlock) {
        for event in block.begin(event, count) {
            self.each(event, |cause| block.causes.push(cause));
            block.end_event();
        }
    }

    /// Calls `each` with the causes of an event, in the order in which it gives them.
    pub(crate) fn each(&self, event: u32, mut each: impl FnMut(Position)) {
        let Some(mut cell) = self.starts.get(event).checked_sub(1) else { return };
        loop {
            let code = self.causes.get(cell);
            each(Position(code >> 1));
            if code & 1 == 0 {
                return;
            }
            cell += 1;
        }
    }

    /// Returns the level of an event, if it is known.
    pub(crate) fn level(&self, event: u32) -> Option<u32> {
        // Acquire: the level was written before the event was counted here (L2).
        (event < self.leveled.load(Ordering::Acquire)).then(|| self.levels.get(event))
    }

    /// Makes the levels of the first `count` events known. `first` is the position of the first event, and
    /// `level_of` gives the levels of events of earlier segments.
    pub(crate) fn make_levels(
        &self,
        count: u32,
        first: Position,
        level_of: impl Fn(Position) -> Result<u32>,
    ) -> Result<()> {
        let _leveling = self.leveling.lock();
        // Relaxed: the lock orders this with the thread that stored it.
        for event in self.leveled.load(Ordering::Relaxed)..count {
            let (mut level, mut failed) = (0, None);
            self.each(event, |cause| {
                let of_cause = match cause.0.checked_sub(first.0) {
                    Some(earlier) => Ok(self.levels.get(earlier as u32)),
                    None => level_of(cause),
                };
                match of_cause {
                    Ok(of_cause) => level = level.max(of_cause.saturating_add(1)),
                    Err(error) => failed = Some(error),
                }
            });
            if let Some(error) = failed {
                return Err(error);
            }
            if level > 0 {
                self.levels.set(event, level);
            }
            // Release: a reader that counts the event reads its level (L2).
            self.leveled.store(event + 1, Ordering::Release);
        }
        Ok(())
    }

    /// Bytes of memory it takes.
    pub(crate) fn memory(&self) -> usize {
        self.starts.memory() + self.causes.memory() + self.levels.memory()
    }
}

/// The local causes of events that follow each other, read at once.
#[derive(Debug, Default)]
pub(crate) struct CauseBlock {
    ahead: bool,
    first: u32,
    /// For each event, where its causes end.
    ends: Vec<u32>,
    causes: Vec<Position>,
}

impl CauseBlock {
    /// An empty one; `ahead` says whether the events behind one that is asked for are read with it.
    pub(crate) fn new(ahead: bool) -> Self {
        Self { ahead, ..Self::default() }
    }

    /// Empties it, to hold the causes of `event` and of those near it, out of `count`; returns which.
    pub(crate) fn begin(&mut self, event: u32, count: u32) -> Range<u32> {
        self.first = event / CAUSE_BLOCK * CAUSE_BLOCK;
        self.ends.clear();
        self.causes.clear();
        let end = if self.ahead { self.first.saturating_add(CAUSE_BLOCK) } else { event + 1 };
        self.first..end.min(count)
    }

    /// Adds a cause to the event that comes next.
    #[inline]
    pub(crate) fn add(&mut self, cause: Position) {
        self.causes.push(cause);
    }

    /// Ends the causes of the event that comes next.
    #[inline]
    pub(crate) fn end_event(&mut self) {
        self.ends.push(self.causes.len() as u32);
    }

    /// The causes of an event, if they were read.
    #[inline]
    pub(crate) fn of(&self, event: u32) -> Option<&[Position]> {
        let at = event.checked_sub(self.first)? as usize;
        let end = *self.ends.get(at)? as usize;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        self.causes.get(start..end)
    }
}

#[cfg(all(test, loom))]
mod interleavings {
    use std::sync::Arc;

    use super::*;
    use crate::sync::explore;

    /// keeps L1 and L2
    #[test]
    fn a_reader_sees_whole_causes_and_known_levels() {
        explore(3, || {
            let shared = Arc::new((CauseColumn::new(), AtomicU32::new(0)));
            let read = Arc::clone(&shared);
            let reading = loom::thread::spawn(move || {
                let (causes, count) = &*read;
                let count = count.load(Ordering::Acquire);
                let mut block = CauseBlock::new(true);
                causes.fill(0, count, &mut block);
                let expected: [&[Position]; 2] = [&[Position(3), Position(5)], &[Position(10)]];
                for event in 0..count {
                    assert_eq!(block.of(event), Some(expected[event as usize]));
                }
                let levels = [causes.level(1), causes.level(0)];
                let allowed = [[None, None], [None, Some(5)], [Some(6), Some(5)]];
                assert!(allowed.contains(&levels), "{levels:?}");
            });
            let (causes, count) = &*shared;
            for (event, cause) in [(0, 3), (0, 5), (1, 10)] {
                causes.add(event, Position(cause));
                // The second cause of event 0 comes before it is counted (L1).
                if cause > 3 {
                    count.store(event + 1, Ordering::Release);
                }
            }
            causes.make_levels(2, Position(10), |_| Ok(4)).unwrap();
            reading.join().unwrap();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// keeps L2
    #[test]
    fn levels_count_the_longest_way_up() {
        let causes = CauseColumn::new();
        for (event, cause) in [(0, 3), (1, 10), (2, 11), (2, 10), (4, 12), (4, 4), (4, 11)] {
            causes.add(event, Position(cause));
        }
        assert_eq!(causes.level(0), None);
        let of_earlier = |cause: Position| Ok(cause.0 as u32 * 10);
        causes.make_levels(3, Position(10), of_earlier).unwrap();
        assert_eq!(causes.level(3), None);
        causes.make_levels(5, Position(10), of_earlier).unwrap();
        let levels: Vec<_> = (0..5).map(|event| causes.level(event)).collect();
        assert_eq!(levels, [Some(31), Some(32), Some(33), Some(0), Some(41)]);
        let mut block = CauseBlock::new(true);
        causes.fill(4, 5, &mut block);
        assert_eq!(block.of(4), Some(&[Position(12), Position(4), Position(11)][..]));
        assert_eq!((block.of(3), block.of(5)), (Some(&[][..]), None));
    }

    #[test]
    fn memory_is_that_of_its_parts() {
        let causes = CauseColumn::new();
        assert_eq!(causes.memory(), 0);
        causes.add(0, Position(3));
        assert_eq!(causes.memory(), 256 * 4 + 256 * 8);
        causes.make_levels(1, Position(10), |_| Ok(0)).unwrap();
        assert_eq!(causes.memory(), 256 * 4 + 256 * 8 + 256 * 4);
    }
}
