//! Options of a cursor, each with a default.

use std::time::Duration;

use tidegate_format::Position;

use crate::subscription::state_dir::StateDir;

/// Options of a cursor: how it begins, redelivers, parks and commits.
///
/// ```
/// use std::time::Duration;
/// use tidegate::subscription::cursor::CursorOptions;
///
/// let patient = CursorOptions::new().max_attempts(20).retry_after(Duration::from_secs(60));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CursorOptions {
    /// Where a cursor begins that does not exist yet: after this position. Default: 0, before the first event. A
    /// cursor that exists continues where it was.
    pub start: Position,
    /// How long an event may stay unacknowledged. After that it is delivered again, and that counts as a failure.
    /// Default: 30 seconds.
    pub ack_timeout: Duration,
    /// How many times an event is tried before it is parked. Default: 5. Zero means 1.
    pub max_attempts: u32,
    /// How long an event waits after a failure, and its stream with it. Default: 1 second.
    pub retry_after: Duration,
    /// How many events may be parked. Default: 1,000. At that number an event that fails is tried again and again, and
    /// holds up its stream.
    pub max_parked: usize,
    /// How many unacknowledged events are held in memory, delivered and waiting together. Default: 1,024. Zero means 1.
    pub max_in_flight: usize,
    /// How long an acknowledgement may stay in memory only. Default: 100 milliseconds. What was acknowledged is also
    /// committed before the cursor waits, when it is dropped, and when the store is closed. Zero commits each one at
    /// once, which takes two syncs.
    pub commit_interval: Duration,
    /// The directory that keeps the cursor's state. Default: `None`, the store itself, which must be open for writing then.
    pub state_dir: Option<StateDir>,
}

impl Default for CursorOptions {
    fn default() -> Self {
        Self {
            start: Position::START,
            ack_timeout: Duration::from_secs(30),
            max_attempts: 5,
            retry_after: Duration::from_secs(1),
            max_parked: 1000,
            max_in_flight: 1024,
            commit_interval: Duration::from_millis(100),
            state_dir: None,
        }
    }
}

impl CursorOptions {
    /// Returns the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`start`](Self::start).
    #[must_use]
    pub fn start(self, start: Position) -> Self {
        Self { start, ..self }
    }

    /// Sets [`ack_timeout`](Self::ack_timeout).
    #[must_use]
    pub fn ack_timeout(self, ack_timeout: Duration) -> Self {
        Self { ack_timeout, ..self }
    }

    /// Sets [`max_attempts`](Self::max_attempts).
    #[must_use]
    pub fn max_attempts(self, max_attempts: u32) -> Self {
        Self { max_attempts, ..self }
    }

    /// Sets [`retry_after`](Self::retry_after).
    #[must_use]
    pub fn retry_after(self, retry_after: Duration) -> Self {
        Self { retry_after, ..self }
    }

    /// Sets [`max_parked`](Self::max_parked).
    #[must_use]
    pub fn max_parked(self, max_parked: usize) -> Self {
        Self { max_parked, ..self }
    }

    /// Sets [`max_in_flight`](Self::max_in_flight).
    #[must_use]
    pub fn max_in_flight(self, max_in_flight: usize) -> Self {
        Self { max_in_flight, ..self }
    }

    /// Sets [`state_dir`](Self::state_dir).
    #[must_use]
    pub fn state_dir(self, state_dir: &StateDir) -> Self {
        Self { state_dir: Some(state_dir.clone()), ..self }
    }

    /// Sets [`commit_interval`](Self::commit_interval).
    #[must_use]
    pub fn commit_interval(self, commit_interval: Duration) -> Self {
        Self { commit_interval, ..self }
    }
}
