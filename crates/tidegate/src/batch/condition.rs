//! Conditions: what must hold at the moment of commit, and what it is called when it does not.
//!
//! [`Condition::fail_if`] follows the Dynamic Consistency Boundary specification
//! ([dcb.events](https://dcb.events/specification/)): `after` is exclusive and may lie beyond the head; left
//! out, any match refuses; a batch is not judged against its own events.

use std::fmt;

use tidegate_format::{Coordinate, Error, ErrorKind, Position, Version};

use crate::read::Query;

/// What must hold when a batch is committed.
///
/// ```
/// use tidegate::{Append, Batch, Condition, Draft, Item, Options, Store, Version};
///
/// let store = Store::in_memory(Options::default())?;
/// let claim = || Batch::from(Draft::new(("users", "u1"), "name.claimed").tag("name:ada"));
/// let free = Condition::fail_if(Item::new().tag("name:ada"));
/// store.append(claim().only_if(free.clone()), Append::default())?;
/// let refused = store.append(claim().only_if(free), Append::default()).unwrap_err();
/// assert_eq!(refused.kind(), tidegate::ErrorKind::Refused);
/// # Ok::<(), tidegate::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The stream has exactly this many events; 0 means none.
    Version(Coordinate, Version),
    /// The stream has an event.
    Exists(Coordinate),
    /// The stream has no event.
    Absent(Coordinate),
    /// No event after a position matches the query. The position may lie beyond the head.
    FailIf(Query, Position),
}

impl Condition {
    /// No event at all matches the query.
    pub fn fail_if(query: impl Into<Query>) -> Self {
        Self::FailIf(query.into(), Position::START)
    }

    /// No event after this position matches the query. Other conditions stay as they are.
    #[must_use]
    pub fn after(self, position: Position) -> Self {
        match self {
            Self::FailIf(query, _) => Self::FailIf(query, position),
            other => other,
        }
    }
}

/// Which kind of condition did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictKind {
    /// An event matches a query that none was to match.
    Boundary,
    /// A stream has another version.
    Version,
    /// A stream has events, or has none.
    Exists,
    /// An id or an idempotency key is in the log already.
    Duplicate,
}

/// Why a batch was refused: the source of an error of kind [`Refused`](ErrorKind::Refused).
///
/// ```
/// # use tidegate::{Append, Batch, Condition, Conflict, Coordinate, Draft, Options, Store, Version};
/// # let store = Store::in_memory(Options::default())?;
/// let stream = Coordinate::new("bank", "alice");
/// let batch = Batch::from(Draft::new(stream.clone(), "money.paid_in"))
///     .only_if(Condition::Version(stream, Version(3)));
/// let refused = store.append(batch, Append::default()).unwrap_err();
/// let conflict = Conflict::of(&refused).unwrap();
/// assert!(conflict.retry, "read again and decide again");
/// # Ok::<(), tidegate::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Which kind of condition did not hold.
    pub kind: ConflictKind,
    /// The event that conflicts, where there is one.
    pub position: Option<Position>,
    /// Whether reading again and judging again can lead to another outcome.
    pub retry: bool,
    /// Whether what moved was read by a gate or a decision, not named by the caller.
    pub(crate) footprint: bool,
}

impl Conflict {
    /// The conflict behind an error, if that is what it is.
    pub fn of(error: &Error) -> Option<&Self> {
        std::error::Error::source(error)?.downcast_ref()
    }

    pub(crate) fn boundary(position: Position, footprint: bool) -> Error {
        let conflict =
            Self { kind: ConflictKind::Boundary, position: Some(position), retry: true, footprint };
        conflict.refused("an event matches what none was to match; read again and decide again")
    }

    pub(crate) fn version(expected: Version, found: Version, position: Option<Position>) -> Error {
        let conflict = Self { kind: ConflictKind::Version, position, retry: true, footprint: false };
        conflict.refused(format!("the stream was to have version {expected}, it has {found}"))
    }

    pub(crate) fn exists(position: Option<Position>) -> Error {
        let conflict = Self { kind: ConflictKind::Exists, position, retry: false, footprint: false };
        let what = if position.is_some() {
            "was to have no event, it has"
        } else {
            "was to have events, it has none"
        };
        conflict.refused(format!("the stream {what}"))
    }

    pub(crate) fn duplicate(message: String, position: Option<Position>) -> Error {
        let conflict = Self { kind: ConflictKind::Duplicate, position, retry: false, footprint: false };
        conflict.refused(message)
    }

    fn refused(self, message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Refused, message).because(self)
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ConflictKind::Boundary => "boundary",
            ConflictKind::Version => "version",
            ConflictKind::Exists => "existence",
            ConflictKind::Duplicate => "duplicate",
        };
        write!(f, "{kind} conflict")?;
        match self.position {
            Some(position) => write!(f, " with position {position}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Conflict {}
