//! What opening a store found and did.

use std::fmt;
use std::time::Duration;

use tidegate_format::{Error, Micros, Position};

/// How far a clock may be behind the log before it is told of: a day, more than time zones and leap seconds explain.
const CLOCK_BEHIND_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns how far the clock is behind the last recorded time, if that is more than a day.
pub(crate) fn clock_behind(now: Micros, last: Micros) -> Option<Duration> {
    let behind = Duration::from_micros(last.0.saturating_sub(now.0));
    (behind > CLOCK_BEHIND_MAX).then_some(behind)
}

/// What opening a store found and did.
#[derive(Debug, Default)]
pub struct OpenReport {
    /// The store did not exist and was created.
    pub created: bool,
    /// The store was last closed in good order, and nothing had to be repaired.
    pub clean: bool,
    /// The last position found.
    pub head: Position,
    /// Segments found.
    pub segments: usize,
    /// Bytes of a torn, never acknowledged tail that were cut off the active segment.
    pub dropped_bytes: u64,
    /// Why the tail was torn.
    pub dropped_because: Option<Error>,
    /// Index files that were missing or of no use and were built anew.
    pub rebuilt_indexes: usize,
    /// Files left over from an interrupted step that were removed.
    pub removed: Vec<String>,
    /// How far the clock was behind the last recorded time, if that was more than a day: this clock is wrong, or the one
    /// of an earlier writer was. Later events get the last recorded time until the clock has passed it.
    pub clock_behind: Option<Duration>,
    /// For a store opened for reading only: the damage that hides what follows it.
    pub damage: Option<Error>,
}

impl fmt::Display for OpenReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match (self.created, self.clean) {
            (true, _) => "created",
            (false, true) => "closed in good order",
            (false, false) => "not closed, recovered",
        };
        write!(f, "{state}; {} segments, head {}", self.segments, self.head)?;
        if self.dropped_bytes > 0 {
            write!(f, "; a torn tail of {} bytes was cut off", self.dropped_bytes)?;
        }
        if self.rebuilt_indexes > 0 {
            write!(f, "; {} index files were built anew", self.rebuilt_indexes)?;
        }
        if !self.removed.is_empty() {
            write!(f, "; leftovers removed: {}", self.removed.join(", "))?;
        }
        if let Some(behind) = self.clock_behind {
            write!(f, "; the clock is {} hours behind the last recorded time", behind.as_secs() / 3600)?;
        }
        match &self.damage {
            Some(damage) => write!(f, "; what follows is hidden: {damage}"),
            None => Ok(()),
        }
    }
}
