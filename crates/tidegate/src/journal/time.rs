//! The times of events: those of the clock, but never earlier than the one before.
//!
//! So one wild clock decides for good: once it was a year ahead, every later event has that time until a year is over.
//! A clock that is more than a day behind the log is told of, and [`Options::time_step_max`] refuses a wild one.
//!
//! [`Options::time_step_max`]: crate::StoreOptions::time_step_max

use std::time::Duration;

use tidegate_format::{Error, ErrorKind, Micros, Result};

use crate::backend::clock_behind;

/// The last recorded time, and how far the next one may be from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogTime {
    last: Micros,
    step_max: Option<Duration>,
    /// Whether the clock was behind at the last write. It is told once, and again only after the clock was right.
    behind: bool,
    /// What is to be told, once no lock is held: a program's log is its own code.
    untold: Option<Duration>,
}

impl LogTime {
    pub(crate) fn new(last: Micros, step_max: Option<Duration>) -> Self {
        Self { last, step_max, behind: false, untold: None }
    }

    /// Returns the time of the last event.
    pub(crate) fn last(&self) -> Micros {
        self.last
    }

    /// Refuses to record events while the clock says `now`, if that is too far ahead. It notes nothing, so a group of
    /// which every batch is refused leaves no trace.
    pub(crate) fn check(&self, now: Micros) -> Result<()> {
        let step = Duration::from_micros(now.0.saturating_sub(self.last.0));
        match self.step_max {
            // The first event has nothing to be compared with.
            Some(max) if step > max && self.last != Micros(0) => {
                let message = format!(
                    "the clock is {step:?} ahead of the last recorded time, and time_step_max is {max:?}; set the clock, or \
                     open the store with a larger step"
                );
                Err(Error::new(ErrorKind::Refused, message))
            }
            _ => Ok(()),
        }
    }

    /// Returns the time that another store recorded a batch at, if events after `last` can have it; `now` is the time
    /// that others get.
    pub(crate) fn imported(&self, recorded: Micros, last: Micros, now: Micros) -> Result<Micros> {
        if recorded < last {
            let message = format!(
                "the batch was recorded at {recorded} us since 1970, before the last event of this log, at {last}: times \
                 never decrease; import into an empty store, or leave the time out"
            );
            return Err(Error::new(ErrorKind::Refused, message));
        }
        let step = Duration::from_micros(recorded.0.saturating_sub(now.0));
        match self.step_max {
            Some(max) if step > max => {
                let message = format!(
                    "the batch was recorded {step:?} ahead of the clock, and time_step_max is {max:?}; leave its time out, or \
                     open the store with a larger step"
                );
                Err(Error::new(ErrorKind::Refused, message))
            }
            _ => Ok(recorded),
        }
    }

    /// Returns how far the clock is behind, if that is news.
    pub(crate) fn take_untold(&mut self) -> Option<Duration> {
        self.untold.take()
    }

    /// Notes that events up to this time were written while the clock said `now`.
    pub(crate) fn record(&mut self, time: Micros, now: Micros) {
        let behind = clock_behind(now, self.last);
        self.untold = self.untold.or(behind.filter(|_| !self.behind));
        self.behind = behind.is_some();
        self.last = self.last.max(time);
    }
}
