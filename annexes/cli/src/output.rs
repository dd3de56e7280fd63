//! Output: standard output, written in large pieces, and how times look there.

use std::fmt;
use std::io::{self, BufWriter, StdoutLock, Write};

use console::Term;
use indicatif::HumanCount;
use jiff::{SignedDuration, Timestamp, Unit};
use serde::Serialize;
use tidegate::Micros;
use tidegate_json::escape_json;

use crate::escape::escape_lines;
use crate::failure::Result;

/// Standard output.
pub(crate) struct Output {
    out: BufWriter<StdoutLock<'static>>,
    /// Columns of the terminal, if it is one.
    width: Option<usize>,
}

impl Output {
    pub(crate) fn new() -> Self {
        let terminal = Term::stdout();
        let width = terminal.is_term().then(|| usize::from(terminal.size().1).max(20));
        Self { out: BufWriter::with_capacity(1 << 16, io::stdout().lock()), width }
    }

    /// Columns of the terminal, or `None` if the output goes somewhere else.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    /// Writes a line, or several, as text that a terminal obeys nothing of.
    pub(crate) fn line(&mut self, line: impl fmt::Display) -> Result<()> {
        self.styled(escape_lines(line))
    }

    /// Writes a line that holds styles for the terminal. Every name in it went through
    /// [`escape`](crate::escape::escape) before.
    pub(crate) fn styled(&mut self, line: impl fmt::Display) -> Result<()> {
        Ok(writeln!(self.out, "{line}")?)
    }

    /// Writes a value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<()> {
        let json = escape_json(value)?;
        self.styled(json)
    }

    /// Hands on everything written so far.
    pub(crate) fn flush(&mut self) -> Result<()> {
        Ok(self.out.flush()?)
    }

    /// Returns whether the reader has closed the output.
    #[cfg(unix)]
    pub(crate) fn is_closed(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};

        let mut descriptors = [PollFd::new(self.out.get_ref(), PollFlags::empty())];
        let polled = poll(&mut descriptors, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        polled.is_ok() && descriptors[0].revents().intersects(gone)
    }

    /// Returns whether the reader has closed the output, which other systems tell at the next write.
    #[cfg(not(unix))]
    pub(crate) fn is_closed(&self) -> bool {
        false
    }
}

/// Returns a number of things, such as `1,000 events`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", HumanCount(count), if count == 1 { "" } else { "s" })
}

/// Returns a time to be read by people, in UTC, down to the second or to the millisecond.
pub(crate) fn clock_time(time: Micros, with_millis: bool) -> String {
    let format = if with_millis { "%Y-%m-%d %H:%M:%S.%3f" } else { "%Y-%m-%d %H:%M:%S" };
    // One that has no place in a calendar reads as its end.
    timestamp(time).unwrap_or(Timestamp::MAX).strftime(format).to_string()
}

/// Returns a time that passed, to be read by people: exact below a second, else to the millisecond.
pub(crate) fn passed(micros: u64) -> String {
    let exact = SignedDuration::from_micros(i64::try_from(micros).unwrap_or(i64::MAX));
    let rounded = if micros < 1_000_000 { Ok(exact) } else { exact.round(Unit::Millisecond) };
    format!("{:#}", rounded.unwrap_or(exact))
}

fn timestamp(time: Micros) -> Option<Timestamp> {
    i64::try_from(time.0).ok().and_then(|micros| Timestamp::from_microsecond(micros).ok())
}
