//! Progress: a bar on standard error while long work goes on, if that is a terminal.

use std::io::Read;

use indicatif::{BinaryBytes, ProgressBar, ProgressStyle};
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
            self.0.set_message(BinaryBytes(so_far.done).to_string());
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

    /// Says how many events are done.
    pub(crate) fn events(&self, count: u64) {
        if !self.0.is_hidden() {
            self.0.set_message(counted(count, "event"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
