//! What opening a store found and did.

use std::fmt;
use std::time::Duration;

use tidegate_format::{Error, Micros, Offset, Position};

/// How far a clock may be behind the log before it is told of: a day, more than time zones and leap seconds explain.
const CLOCK_BEHIND_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns how far the clock is behind the last recorded time, if that is more than a day.
pub(crate) fn clock_behind(now: Micros, last: Micros) -> Option<Duration> {
    let behind = Duration::from_micros(last.0.saturating_sub(now.0));
    (behind > CLOCK_BEHIND_MAX).then_some(behind)
}

/// What opening a store found and did.
#[derive(Clone, Debug, Default)]
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
    /// Index files that were missing or unusable and were built anew.
    pub rebuilt_indexes: usize,
    /// Files left over from an interrupted step that were removed.
    pub removed: Vec<String>,
    /// How far the clock was behind the last recorded time, if that was more than a day: this clock is wrong, or the one
    /// of an earlier writer was. Later events get the last recorded time until the clock has passed it.
    pub clock_behind: Option<Duration>,
    /// For a store opened for reading only: the damage that hides what follows it.
    pub damage: Option<Error>,
    /// For a store opened for reading only: what is written behind the last event that is known to be durable, and
    /// so does not show.
    pub unconfirmed: Option<Unconfirmed>,
}

/// The end of a log that nothing says is durable. A reader withholds it; a writer confirms it as it goes on. If no
/// writer has the store open, one opening for writing keeps what is whole of it, durably, and cuts off the rest.
///
/// A reader cannot find out by itself: it may see in the page cache what a failed sync never brought to the disk.
#[derive(Clone, Debug)]
pub struct Unconfirmed {
    /// The last position that is known to be durable.
    pub after: Position,
    /// How many whole events follow it.
    pub events: u64,
    /// The file they are in, by its name in the store, and the byte at which they begin.
    pub file: String,
    /// See [`file`](Self::file).
    pub from: Offset,
    /// Bytes from there to the end of the file.
    pub bytes: u64,
    /// Why what follows those events is no whole frame, if anything does.
    pub torn: Option<Error>,
    /// Whether a writer was seen to have the store open. Not every system tells.
    pub has_writer: bool,
}

impl fmt::Display for Unconfirmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after, events, file, from, bytes, torn, .. } = self;
        match events {
            0 => write!(f, "what follows position {after} is not a whole frame")?,
            1 => write!(f, "1 event behind position {after} is not known to be durable")?,
            _ => write!(f, "{events} events behind position {after} are not known to be durable")?,
        }
        if *events > 0 && torn.is_some() {
            f.write_str(", and what follows is torn")?;
        }
        write!(f, " ({file}, byte {from}, {bytes} bytes)")?;
        torn.as_ref().map_or(Ok(()), |torn| write!(f, ": {torn}"))
    }
}

impl fmt::Display for OpenReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match (self.created, self.clean) {
            (true, _) => "created",
            (false, true) => "closed in good order",
            (false, false) => "not closed, recovered",
        };
        let plural = if self.segments == 1 { "" } else { "s" };
        write!(f, "{state}; {} segment{plural}, head {}", self.segments, self.head)?;
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
        if let Some(unconfirmed) = &self.unconfirmed {
            write!(f, "; {unconfirmed}")?;
        }
        match &self.damage {
            Some(damage) => write!(f, "; what follows is hidden: {damage}"),
            None => Ok(()),
        }
    }
}
