//! Conditions: what must hold at the moment of commit, and what it is called when it does not.
//!
//! [`Condition::fail_if`] follows the Dynamic Consistency Boundary specification
//! ([dcb.events](https://dcb.events/specification/)): `after` is exclusive and may lie beyond the head; left
//! out, any match refuses; a batch is not judged against its own events.

use tidegate_format::{Position, StreamId, Version};

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
}

impl Condition {
    /// Fails if any event matches the query; [`after`](Self::after) limits it to newer events.
    pub fn fail_if(query: impl Into<Query>) -> Self {
        Self::FailIf(query.into(), Position::START)
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
