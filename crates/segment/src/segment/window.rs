//! Windows: what was read of a segment around the last event.

use std::ops::Range;
use std::sync::Arc;

use tidegate_disk::Block;

use crate::lookup::Lookup;
use crate::ordinal::Ordinal;

/// Bytes read at once at most when reading on.
const WINDOW_BYTES_MAX: u64 = 256 << 10;
/// Bytes read at once when reading on begins.
const WINDOW_BYTES_MIN: u64 = 4 << 10;
/// Bytes of a map that the system is asked for at once, when reading on begins and later.
const AHEAD_BYTES: (usize, usize) = (64 << 10, 2 << 20);
/// Bytes between two events that are read one after the other, up to which those between are read with them.
const NEAR_BYTES: usize = 16 << 10;

/// What was read of an unmapped segment around the last event, so that the next one needs no read. Events that
/// lie far from each other are read one by one; the closer they follow, the more is read at once.
#[derive(Debug, Default)]
pub struct Window {
    ahead: Ahead,
    /// Bytes to be read at once if the next event follows the last one.
    size: u64,
    pub(super) lookup: Option<Arc<Lookup>>,
    /// The whole segment, if that is mapped.
    pub(super) map: Option<Block>,
    /// The event that was read from the map last, and where it starts and ends.
    last: Option<(Ordinal, usize, usize)>,
    /// The part of the map that the system was asked for last, and how many bytes it is asked for at once.
    asked: Range<usize>,
    ahead_bytes: usize,
    pub(super) bytes: Option<Block>,
    pub(super) at: u64,
}

#[derive(Clone, Copy, Debug, Default)]
enum Ahead {
    #[default]
    Nothing,
    Forwards,
    Backwards,
}

impl Window {
    /// Returns a window for reading on, forwards or backwards.
    pub fn ahead(backwards: bool) -> Self {
        let ahead = if backwards { Ahead::Backwards } else { Ahead::Forwards };
        Self { ahead, ..Self::default() }
    }

    /// Forgets what was read: another segment follows.
    pub fn clear(&mut self) {
        (self.map, self.bytes, self.lookup, self.last, self.asked) = (None, None, None, None, 0..0);
    }

    /// Keeps the map of the segment for the events that follow, if any will.
    pub(super) fn keep(&mut self, map: &Block) {
        if !matches!(self.ahead, Ahead::Nothing) {
            self.map = Some(map.clone());
        }
    }

    /// Returns where the record of event `n` or the header of its frame starts, if the event before it was read last.
    #[inline]
    pub(super) fn behind(&self, n: Ordinal) -> Option<(&Block, usize)> {
        let (last, _, end) = self.last?;
        self.map.as_ref().filter(|_| last.next() == n).map(|map| (map, end))
    }

    /// Takes note that event `n` was read from these bytes of the map. If events are read one after the other, the system is
    /// asked for those that follow.
    #[inline]
    pub(super) fn passed(&mut self, n: Ordinal, start: usize, end: usize) {
        let last = self.last.replace((n, start, end));
        let (Some(map), Some((_, last_start, last_end))) = (&self.map, last) else { return };
        let (gap, left) = match self.ahead {
            Ahead::Nothing => return,
            Ahead::Forwards => (start.checked_sub(last_end), self.asked.end.checked_sub(end)),
            Ahead::Backwards => (last_start.checked_sub(end), start.checked_sub(self.asked.start)),
        };
        if gap.is_none_or(|gap| gap > NEAR_BYTES) {
            (self.ahead_bytes, self.asked) = (0, 0..0);
        } else if self.asked.is_empty() || left.is_none_or(|left| left <= self.ahead_bytes / 2) {
            self.ahead_bytes = (self.ahead_bytes * 2).clamp(AHEAD_BYTES.0, AHEAD_BYTES.1);
            let more = match self.ahead {
                Ahead::Backwards => {
                    let to = if self.asked.is_empty() { start } else { self.asked.start.min(start) };
                    to.saturating_sub(self.ahead_bytes)..to
                }
                _ => {
                    let from = self.asked.end.max(end);
                    from..from + self.ahead_bytes
                }
            };
            map.read_ahead(more.clone());
            self.asked = more;
        }
    }

    fn end(&self) -> u64 {
        self.at + self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)
    }

    pub(super) fn holds(&self, start: u64, end: u64) -> bool {
        self.bytes.is_some() && start >= self.at && end <= self.end()
    }

    /// Returns from where to where to read for an event that is not held, in a segment that ends at `tail`.
    pub(super) fn reach(&mut self, start: u64, end: u64, tail: u64) -> (u64, u64) {
        if self.bytes.is_some() {
            let gap = match self.ahead {
                Ahead::Nothing => None,
                Ahead::Forwards => (start >= self.at).then(|| start.saturating_sub(self.end())),
                Ahead::Backwards => (end <= self.end()).then(|| self.at.saturating_sub(end)),
            };
            let near = gap.is_some_and(|gap| gap <= self.size.max(WINDOW_BYTES_MIN / 8));
            self.size = if near { (self.size * 2).clamp(WINDOW_BYTES_MIN, WINDOW_BYTES_MAX) } else { 0 };
        }
        match self.ahead {
            Ahead::Nothing => (start, end),
            Ahead::Forwards => (start, end.max(tail.min(start + self.size))),
            Ahead::Backwards => (start.min(end.saturating_sub(self.size)), end),
        }
    }
}
