//! Windows: what was read of a segment around the last event.

use std::sync::Arc;

use tidegate_disk::Block;

use crate::lookup::Lookup;

/// Bytes read at once at most when reading on.
const WINDOW_BYTES_MAX: u64 = 256 << 10;
/// Bytes read at once when reading on begins.
const WINDOW_BYTES_MIN: u64 = 4 << 10;

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
        (self.map, self.bytes, self.lookup) = (None, None, None);
    }

    /// Keeps the map of the segment for the events that follow, if any will.
    pub(super) fn keep(&mut self, map: &Block) {
        if !matches!(self.ahead, Ahead::Nothing) {
            self.map = Some(map.clone());
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
