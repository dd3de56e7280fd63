//! Readings: answers of a projection, and how stale they may be.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tidegate_format::Position;

/// An event that was parked because it could not be taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoisonEvent {
    /// Its position in the log.
    pub position: Position,
    /// Why it was not taken in, in at most 500 characters.
    pub reason: String,
}

/// How stale a reading may be. A state that is staler is brought to the head of the log first.
///
/// ```
/// use std::time::Duration;
/// use tidegate::project::Staleness;
///
/// let at_head = Staleness::NONE;
/// let recent = Staleness::age(Duration::from_secs(5));
/// let both = Staleness::positions(1000).and_age(Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Staleness {
    /// By how many positions it may lag; `u64::MAX` for any number.
    pub(super) positions: u64,
    /// How old the oldest event may be that it lacks; any age if `None`.
    pub(super) age: Option<Duration>,
}

impl Staleness {
    /// Not stale: everything up to the head of the log is taken in.
    pub const NONE: Self = Self { positions: 0, age: None };

    /// Any staleness: the state as it is, at no cost.
    pub const ANY: Self = Self { positions: u64::MAX, age: None };

    /// Allows a lag of this many positions of the log.
    pub const fn positions(positions: u64) -> Self {
        Self { positions, age: None }
    }

    /// Allows a reading that lacks events, if each of them was recorded no longer ago than `age`. Recorded times are
    /// compared with the clock, or with the last recorded time if the clock is behind that. If the state lags, a read
    /// looks up the first event it lacks, which costs one query.
    pub const fn age(age: Duration) -> Self {
        Self { positions: u64::MAX, age: Some(age) }
    }

    /// Limits the age too: a reading must keep both limits.
    #[must_use]
    pub const fn and_age(self, age: Duration) -> Self {
        Self { age: Some(age), ..self }
    }
}

/// A state with its position. It stays as it is while the projection goes on.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use tidegate::project::{Projection, Staleness};
/// use tidegate::{Draft, Position, Query, RecordedEvent, Result, Store};
///
/// #[derive(Clone, Default, Serialize, Deserialize)]
/// struct Count(u64);
///
/// impl Projection for Count {
///     const NAME: &'static str = "count";
///     const VERSION: u16 = 1;
///     fn query() -> Query {
///         Query::ALL
///     }
///     fn apply(&mut self, _: &RecordedEvent) -> Result<()> {
///         self.0 += 1;
///         Ok(())
///     }
/// }
///
/// let store = Store::in_memory()?;
/// let count = store.projector::<Count>()?;
/// let first = count.read()?;
/// store.append(Draft::new(("shop", "order-1"), "order.placed"))?;
/// let stale = count.read_with(Staleness::ANY)?;
/// assert_eq!((stale.0, stale.position(), stale.head(), stale.behind()), (0, Position(0), Position(1), 1));
/// assert_eq!((count.read()?.0, first.0), (1, 0));
/// # Ok::<(), tidegate::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reading<P> {
    pub(super) state: Arc<P>,
    pub(super) position: Position,
    pub(super) head: Position,
    pub(super) age: Option<Duration>,
    pub(super) parked: usize,
    pub(super) left_out: u64,
    pub(super) version: u16,
    /// The opening of the store that it is of.
    pub(super) generation: u64,
}

impl<P> Reading<P> {
    /// Returns the state, to be shared.
    pub fn state(&self) -> &Arc<P> {
        &self.state
    }

    /// Returns the last position that was looked at: the state is the fold of all events up to it.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Returns the head of the log that the state was compared with.
    pub fn head(&self) -> Position {
        self.head
    }

    /// Returns by how many positions the state lags behind the head.
    pub fn behind(&self) -> u64 {
        self.head.0.saturating_sub(self.position.0)
    }

    /// Returns how old the oldest event is that the state lacks: zero if it lacks none. `None` if it lags and the read
    /// set no limit to the [age](Staleness::age), since looking it up costs a query.
    pub fn age(&self) -> Option<Duration> {
        if self.behind() == 0 { Some(Duration::ZERO) } else { self.age }
    }

    /// Counts the events that the state lacks because they were parked.
    pub fn parked(&self) -> usize {
        self.parked
    }

    /// Counts the events of which the state took in no payload, because it was [erased](super::Projection::erased).
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Returns the version of the fold: an earlier one while a new one is being built.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// Converts the state to another type.
    pub(super) fn converted<Q>(self) -> Reading<Q>
    where
        P: Clone,
        Q: From<P>,
    {
        let Self { state, position, head, age, parked, left_out, version, generation } = self;
        let state = Arc::new(Q::from(Arc::unwrap_or_clone(state)));
        Reading { state, position, head, age, parked, left_out, version, generation }
    }
}

impl<P> Deref for Reading<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.state
    }
}
