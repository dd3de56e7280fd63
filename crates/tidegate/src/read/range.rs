//! Ranges: which part of a query's events is read, and in which direction.

use tidegate_format::{Micros, Position};
use tidegate_segment::Ordinal;

/// Which part of what a query selects is read, and in which direction. By default everything is, from the first event
/// on.
///
/// ```
/// use tidegate::{Draft, Position, Query, ReadOptions, Store};
///
/// let store = Store::in_memory()?;
/// for _ in 0..5 {
///     store.append(Draft::new(("shop", "order-7"), "order.changed"))?;
/// }
/// let positions = |read: ReadOptions| -> tidegate::Result<Vec<u64>> {
///     store.read_with(&Query::ALL, read)?.map(|event| Ok(event?.position().0)).collect()
/// };
/// assert_eq!(positions(ReadOptions::new())?, [1, 2, 3, 4, 5]);
/// assert_eq!(positions(ReadOptions::new().backwards(true).limit(2))?, [5, 4]);
/// assert_eq!(positions(ReadOptions::new().after(Position(2)).before(Position(5)))?, [3, 4]);
///
/// let third = store.view()?.at(Position(3))?.expect("it was appended").time();
/// let of_it = store.view()?.count_with(&Query::ALL, ReadOptions::new().since(third))?;
/// let before_it = store.view()?.count_with(&Query::ALL, ReadOptions::new().until(third))?;
/// assert_eq!(of_it + before_it, 5);
/// # Ok::<(), tidegate::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Only events after this position. The default is 0, which is before the first event.
    pub after: Position,
    /// Only events before this position. The default is [`Position::MAX`].
    pub before: Position,
    /// Only events recorded at this time or later. The default is `None`, no such limit.
    pub since: Option<Micros>,
    /// Only events recorded before this time. The default is `None`, no such limit.
    pub until: Option<Micros>,
    /// From the last event to the first. The default is `false`.
    pub backwards: bool,
    /// At most this many events, over all items of the query. The default is `None`, no limit.
    pub limit: Option<usize>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        let (after, before) = (Position::START, Position::MAX);
        Self { after, before, since: None, until: None, backwards: false, limit: None }
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

    /// Reads only events recorded at this time or later; `None` is without that limit. Recorded times never decrease, so a
    /// binary search finds the first one.
    #[must_use]
    pub fn since(mut self, time: impl Into<Option<Micros>>) -> Self {
        self.since = time.into();
        self
    }

    /// Reads only events recorded before this time; `None` is without that limit.
    #[must_use]
    pub fn until(mut self, time: impl Into<Option<Micros>>) -> Self {
        self.until = time.into();
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
}

/// The positions that read options cover in one view: those between two, without these.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) after: Position,
    pub(crate) before: Position,
}

impl Span {
    /// Every position.
    pub(crate) const ALL: Self = Self { after: Position::START, before: Position::MAX };

    /// Returns every position after this one.
    pub(crate) fn after(position: Position) -> Self {
        Self { after: position, ..Self::ALL }
    }

    /// Returns whether it goes on behind this position.
    pub(crate) fn goes_past(&self, head: Position) -> bool {
        let first = self.after.next().max(head.next());
        first < self.before
    }

    /// Returns the part of a segment with `count` events that it covers: the first event, and the one past the
    /// last.
    pub(crate) fn within(&self, first: Position, count: u32) -> (Ordinal, Ordinal) {
        // Neither is more than `count`, so both fit.
        let from = self.after.next().0.saturating_sub(first.0).min(u64::from(count));
        let to = self.before.0.saturating_sub(first.0).min(u64::from(count));
        (Ordinal(from as u32), Ordinal(to as u32))
    }
}
