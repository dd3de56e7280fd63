//! Options of a projector, each with a default.

use tidegate_format::StreamId;

use crate::subscription::StateDir;

/// Options of a projector: the events it takes in, what it does with poison, and when it saves.
///
/// ```
/// use tidegate::project::{Poison, ProjectorOptions};
///
/// let one_account = ProjectorOptions::new().stream(("bank", "alice"));
/// let patient = ProjectorOptions::new().poison(Poison::Park(10)).save_after(None);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProjectorOptions {
    /// The only stream whose events are taken in. Default: `None`, events of all streams.
    pub stream: Option<StreamId>,
    /// What happens to an event that cannot be taken in. Default: [`Poison::Stop`].
    pub poison: Poison,
    /// Number of events after which a read saves the state by itself. Default: 16,384. `None` saves only when
    /// [`save`](super::Projector::save) is called.
    pub save_after: Option<u64>,
    /// The directory that keeps saved states. Default: `None`, the store itself, in which only its writer saves.
    pub state_dir: Option<StateDir>,
}

impl Default for ProjectorOptions {
    fn default() -> Self {
        Self { stream: None, poison: Poison::default(), save_after: Some(16_384), state_dir: None }
    }
}

impl ProjectorOptions {
    /// Returns the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`stream`](Self::stream).
    #[must_use]
    pub fn stream(self, stream: impl Into<StreamId>) -> Self {
        Self { stream: Some(stream.into()), ..self }
    }

    /// Sets [`poison`](Self::poison).
    #[must_use]
    pub fn poison(self, poison: Poison) -> Self {
        Self { poison, ..self }
    }

    /// Sets [`save_after`](Self::save_after).
    #[must_use]
    pub fn save_after(self, save_after: impl Into<Option<u64>>) -> Self {
        Self { save_after: save_after.into(), ..self }
    }

    /// Sets [`state_dir`](Self::state_dir).
    #[must_use]
    pub fn state_dir(self, state_dir: &StateDir) -> Self {
        Self { state_dir: Some(state_dir.clone()), ..self }
    }
}

/// What happens to an event that cannot be taken in. It is never skipped in silence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Poison {
    /// The projection stops before it, and returns its position and the reason whenever it is asked to go on. It tries
    /// again each time.
    #[default]
    Stop,
    /// The event is parked, up to this many of them; the next one stops the projection. Every reading counts the parked
    /// events, and [`parked`](super::Projector::parked) lists them with their reasons.
    Park(usize),
}
