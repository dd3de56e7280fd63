//! What is asked of a projection, and what it answers.

use std::ops::Deref;
use std::sync::Arc;

use tidegate_format::{Position, StreamId};

/// How a projection is kept.
///
/// ```
/// use tidegate::project::{Poison, Project};
///
/// let one_account = Project::stream(("bank", "alice"));
/// let patient = Project { poison: Poison::Park(10), ..Project::default() };
/// ```
#[derive(Clone, Debug)]
pub struct Project {
    /// The only stream whose events are taken in; those of all streams if left out.
    pub stream: Option<StreamId>,
    /// What becomes of events that cannot be taken in.
    pub poison: Poison,
    /// The state is saved by itself once so many events were taken in since the last time: 16,384. Without a
    /// number it is saved when [`save`](super::Projector::save) is called.
    pub save_after: Option<u64>,
}

impl Default for Project {
    fn default() -> Self {
        Self { stream: None, poison: Poison::default(), save_after: Some(16_384) }
    }
}

impl Project {
    /// The events of one stream, and the defaults otherwise.
    pub fn stream(stream: impl Into<StreamId>) -> Self {
        Self { stream: Some(stream.into()), ..Self::default() }
    }
}

/// What becomes of an event that cannot be taken in. It is never skipped in silence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Poison {
    /// The projection stops before it, and says where and why whenever it is asked to go on. It tries again
    /// each time.
    #[default]
    Stop,
    /// The event is put aside, at most so many of them; the next one stops the projection. Each answer says
    /// how many there are, and [`parked`](super::Projector::parked) which and why.
    Park(usize),
}

/// An event that was put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// Its place in the log.
    pub position: Position,
    /// Why it was not taken in, in at most 500 characters.
    pub reason: String,
}

/// How new an answer has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Freshness {
    /// It takes in everything up to the head of the log.
    #[default]
    AtHead,
    /// It may lag by so many positions of the log. Where it lags by more, it is brought to the head.
    Within(u64),
}

impl Freshness {
    /// Whatever there is, at no cost.
    pub const ANY: Self = Self::Within(u64::MAX);

    pub(super) fn allows(self, behind: u64) -> bool {
        match self {
            Self::AtHead => behind == 0,
            Self::Within(most) => behind <= most,
        }
    }
}

/// A state, and how new it is. It stays as it is while the projection goes on.
#[derive(Clone, Debug)]
pub struct Reading<P> {
    pub(super) state: Arc<P>,
    pub(super) position: Position,
    pub(super) head: Position,
    pub(super) parked: usize,
    pub(super) version: u16,
}

impl<P> Reading<P> {
    /// The state, to be kept.
    pub fn state(&self) -> &Arc<P> {
        &self.state
    }

    /// The last position that was looked at: the state is the fold of all events up to it.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The head of the log that the answer was compared with.
    pub fn head(&self) -> Position {
        self.head
    }

    /// By how many positions the answer lags.
    pub fn behind(&self) -> u64 {
        self.head.0.saturating_sub(self.position.0)
    }

    /// How many events are missing in the state because they were put aside.
    pub fn parked(&self) -> usize {
        self.parked
    }

    /// The version of the fold that the state comes of: an earlier one while a new one is being built.
    pub fn version(&self) -> u16 {
        self.version
    }

    /// The same answer with the state as another type.
    pub(super) fn becomes<Q>(self) -> Reading<Q>
    where
        P: Clone,
        Q: From<P>,
    {
        let Self { state, position, head, parked, version } = self;
        let state = Arc::new(Q::from(Arc::unwrap_or_clone(state)));
        Reading { state, position, head, parked, version }
    }
}

impl<P> Deref for Reading<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.state
    }
}
