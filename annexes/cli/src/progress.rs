//! Progress: a bar on standard error while long work goes on, if that is a terminal.

use std::io::Read;
use std::time::Duration;

use indicatif::{BinaryBytes, HumanCount, ProgressBar, ProgressStyle};
use tidegate::report::backup::CopyProgress;

use crate::output::counted;

/// A bar that goes away by itself. If standard error is not a terminal it shows nothing.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Of bytes, of which the whole number may be unknown.
    pub(crate) fn of_bytes(total: Option<u64>, json: bool) -> Self {
        Self::new(total, json)
    }

    /// Of events.
    pub(crate) fn of_events(total: u64, json: bool) -> Self {
        Self::new(Some(total), json)
    }

    /// Of the bytes of files that are gone through, as they turn out to be.
    pub(crate) fn of_copying(json: bool) -> Self {
        Self::new(Some(0), json)
    }

    /// Moves the bar to where a copying is.
    pub(crate) fn copied(&self, so_far: CopyProgress) {
        self.0.set_length(so_far.total);
        self.0.set_position(so_far.done);
        if !self.0.is_hidden() {
            let rate = BinaryBytes(per_second(so_far.done, self.0.elapsed()));
            self.0.set_message(format!("{}, {rate}/s", BinaryBytes(so_far.done)));
        }
    }

    fn new(total: Option<u64>, json: bool) -> Self {
        let bar = match total {
            _ if json => ProgressBar::hidden(),
            Some(total) => ProgressBar::new(total),
            None => ProgressBar::no_length(),
        };
        let template = match total {
            Some(_) => "{bar:32.cyan/blue} {percent:>3} %  {msg}  {elapsed}, {eta} left",
            None => "{spinner:.cyan} {msg}  {elapsed}",
        };
        bar.set_style(ProgressStyle::with_template(template).expect("the templates above are well-formed"));
        Self(bar)
    }

    /// Moves the bar as bytes are read.
    pub(crate) fn reading<R: Read>(&self, reader: R) -> impl Read + use<R> {
        self.0.wrap_read(reader)
    }

    /// Moves the bar.
    pub(crate) fn moved_to(&self, done: u64) {
        self.0.set_position(done);
    }

    /// Says how many events are done, and how many a second.
    pub(crate) fn events(&self, count: u64) {
        if !self.0.is_hidden() {
            let rate = HumanCount(per_second(count, self.0.elapsed()));
            self.0.set_message(format!("{}, {rate}/s", counted(count, "event")));
        }
    }
}

/// Returns how much was done a second on average.
fn per_second(done: u64, took: Duration) -> u64 {
    let micros = took.as_micros().max(1);
    u64::try_from(u128::from(done) * 1_000_000 / micros).unwrap_or(u64::MAX)
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[test]
fn rates_are_averages() {
    assert_eq!(per_second(300, Duration::from_secs(3)), 100);
    assert_eq!(per_second(5, Duration::from_millis(10)), 500);
    assert_eq!(per_second(0, Duration::ZERO), 0);
}
