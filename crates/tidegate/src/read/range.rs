//! Ranges: which part of a query's events is read, and in which direction.

use tidegate_format::Position;

/// Which part of the events that a query selects is read, and in which direction. By default that is all of them, from
/// the first to the last.
///
/// ```
/// use tidegate::{Position, ReadOptions};
///
/// let newest = ReadOptions::new().backwards(true).limit(10);
/// let next = ReadOptions::new().after(Position(41)).limit(100);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Only events after this position: 0, which is before all events.
    pub after: Position,
    /// Only events before this position: [`Position::MAX`], which is behind all events.
    pub before: Position,
    /// Whether the last event comes first: `false`.
    pub backwards: bool,
    /// The largest number of events, over all items of the query: without a limit.
    pub limit: Option<usize>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { after: Position::START, before: Position::MAX, backwards: false, limit: None }
    }
}

impl ReadOptions {
    /// Returns the default options: all events, from the first to the last.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads only events after this position.
    #[must_use]
    pub fn after(mut self, position: Position) -> Self {
        self.after = position;
        self
    }

    /// Reads only events before this position.
    #[must_use]
    pub fn before(mut self, position: Position) -> Self {
        self.before = position;
        self
    }

    /// Reads from the last event to the first, or the other way round.
    #[must_use]
    pub fn backwards(mut self, backwards: bool) -> Self {
        self.backwards = backwards;
        self
    }

    /// Reads at most this many events; `None` is without a limit.
    #[must_use]
    pub fn limit(mut self, limit: impl Into<Option<usize>>) -> Self {
        self.limit = limit.into();
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
