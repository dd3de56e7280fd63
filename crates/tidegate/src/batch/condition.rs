//! Conditions: what must hold at the moment of commit, and what it is called when it does not.
//!
//! [`Condition::fail_if`] follows the Dynamic Consistency Boundary specification
//! ([dcb.events](https://dcb.events/specification/)): `after` is exclusive and may lie beyond the head; left
//! out, any match refuses; a batch is not judged against its own events.

use tidegate_format::{Hash, Position, StreamId, Version};
use tidegate_segment::RecordedEvent;

use crate::read::Query;

/// A condition that must hold when a batch is committed.
///
/// ```
/// use tidegate::{Batch, Condition, Draft, QueryItem, Store, Version};
///
/// let store = Store::in_memory()?;
/// let claim = || Batch::from(Draft::new(("users", "u1"), "name.claimed").tag("name:ada"));
/// let free = Condition::fail_if(QueryItem::new().tag("name:ada"));
/// store.append(claim().only_if(free.clone()))?;
/// let refused = store.append(claim().only_if(free)).unwrap_err();
/// assert_eq!(refused.kind(), tidegate::ErrorKind::Conflict);
/// assert_eq!(refused.conflict().unwrap().position, Some(tidegate::Position(1)));
/// # Ok::<(), tidegate::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// The stream has exactly this many events; 0 means none.
    Version(StreamId, Version),
    /// The stream has an event.
    Exists(StreamId),
    /// The stream has no event.
    Absent(StreamId),
    /// No event after a position matches the query. The position may lie beyond the head.
    FailIf(Query, Position),
    /// The event at this position has this leaf: it and all before it are those that the caller has seen.
    Leaf(Position, Hash),
}

impl Condition {
    /// Fails if any event matches the query; [`after`](Self::after) limits it to newer events.
    pub fn fail_if(query: impl Into<Query>) -> Self {
        Self::FailIf(query.into(), Position::START)
    }

    /// Holds if this event is still in the log. If it is, so is everything before it.
    ///
    /// A condition, a cause and a version name events by number, and the numbers of lost events are given again. Events are
    /// lost only if they were not durable when the system or the writer failed: an append with
    /// [`Durability::Synced`](crate::Durability::Synced), the default, is visible after its sync. Add this condition to a batch
    /// that rests on events that other durabilities may have shown, if the store may have been opened again since:
    ///
    /// ```
    /// use tidegate::{Batch, Condition, Draft, Position, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("hall", "12a"), "seat.freed").tag("seat:12a"))?;
    /// let view = store.view()?;
    /// let last = view.at(view.head())?.expect("the log has events");
    /// let sold = Batch::from(Draft::new(("hall", "12a"), "seat.sold").tag("seat:12a"))
    ///     .only_if(Condition::fail_if(Query::tag("seat:12a")).after(last.position()))
    ///     .only_if(Condition::unchanged(&last));
    /// assert_eq!(store.append(sold)?.first(), Position(2));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// Decisions, gates and reactors need none: what they were asked in an earlier opening is refused. Of a receipt that was
    /// kept, `Condition::Leaf` takes the position and the leaf.
    pub fn unchanged(event: &RecordedEvent) -> Self {
        Self::Leaf(event.position(), event.leaf())
    }

    /// Ignores events up to this position: a [`fail_if`](Self::fail_if) then fails only if a later event matches. Other
    /// conditions stay as they are.
    #[must_use]
    pub fn after(self, position: Position) -> Self {
        match self {
            Self::FailIf(query, _) => Self::FailIf(query, position),
            other => other,
        }
    }
}
