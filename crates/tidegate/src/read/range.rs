//! Ranges: which part of a query's events is read, and in which direction.

use tidegate_format::Position;

/// Which part of what a query selects is read, and in which direction.
///
/// ```
/// use tidegate::{Position, ReadOptions};
/// let newest = ReadOptions::backwards().limit(10);
/// let next = ReadOptions::after(Position(41)).limit(100);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// Only events after this position.
    pub after: Position,
    /// Only events before this position.
    pub before: Position,
    /// From the last to the first.
    pub backwards: bool,
    /// At most so many, over all items of the query.
    pub limit: Option<usize>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { after: Position::START, before: Position::MAX, backwards: false, limit: None }
    }
}

impl ReadOptions {
    /// Everything, from the first event on.
    pub fn all() -> Self {
        Self::default()
    }

    /// From the event after this position on.
    pub fn after(position: Position) -> Self {
        Self { after: position, ..Self::default() }
    }

    /// From the last event to the first.
    pub fn backwards() -> Self {
        Self { backwards: true, ..Self::default() }
    }

    /// Only events before this position.
    #[must_use]
    pub fn before(mut self, position: Position) -> Self {
        self.before = position;
        self
    }

    /// At most so many events.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Whether it wants events behind this position.
    pub(crate) fn goes_past(&self, head: Position) -> bool {
        let first = self.after.next().max(head.next());
        first < self.before
    }

    /// The part of a segment with `count` events that it covers: the first event, and the one past the
    /// last.
    pub(crate) fn within(&self, first: Position, count: u32) -> (u32, u32) {
        let from = self.after.next().0.saturating_sub(first.0).min(u64::from(count));
        let to = self.before.0.saturating_sub(first.0).min(u64::from(count));
        (from as u32, to as u32)
    }
}
