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
use crate::failure::{Result, note_none};
use crate::pager::Pager;

/// Standard output.
pub(crate) struct Output {
    out: BufWriter<Sink>,
    /// Columns of the terminal, if it is one.
    width: Option<usize>,
    /// Whether long output may go through a pager.
    may_page: bool,
}

/// Where output goes.
enum Sink {
    Stdout(StdoutLock<'static>),
    /// To this pager, which is started with the first output.
    PagerCommand(String, StdoutLock<'static>),
    Pager(Pager),
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Self::PagerCommand(line, _) = self {
            // Without a pager the output goes where it would have gone.
            *self = Pager::start(line).map_or_else(|_| Self::Stdout(io::stdout().lock()), Self::Pager);
        }
        match self {
            Self::Stdout(out) | Self::PagerCommand(_, out) => out.write(bytes),
            Self::Pager(pager) => pager.input().map_or(Ok(bytes.len()), |input| input.write(bytes)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) | Self::PagerCommand(_, out) => out.flush(),
            Self::Pager(pager) => pager.input().map_or(Ok(()), Write::flush),
        }
    }
}

impl Output {
    /// Returns the output of a command. On a terminal long output goes through a pager, if that is allowed.
    pub(crate) fn new(may_page: bool) -> Self {
        let terminal = Term::stdout();
        let width = terminal.is_term().then(|| usize::from(terminal.size().1).max(20));
        let out = BufWriter::with_capacity(1 << 16, Sink::Stdout(io::stdout().lock()));
        Self { out, width, may_page }
    }

    /// Has what follows go through a pager, if the output is a terminal. Nothing was written before.
    pub(crate) fn page(&mut self) {
        if self.width.is_none() || !self.may_page {
            return;
        }
        if let Some(line) = Pager::wanted() {
            *self.out.get_mut() = Sink::PagerCommand(line, io::stdout().lock());
        }
    }

    /// Columns of the terminal, or `None` if the output goes somewhere else.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    /// Says on a terminal that a list is empty. A program sees that by itself.
    pub(crate) fn note_none(&self, count: u64, what: &str, json: bool) {
        if self.width.is_some() {
            note_none(count, what, json);
        }
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

    /// Writes a text as it is, which this program made.
    pub(crate) fn text(&mut self, text: &str) -> Result<()> {
        Ok(self.out.write_all(text.as_bytes())?)
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

        // What goes on until its reader is gone is not paged.
        let (Sink::Stdout(out) | Sink::PagerCommand(_, out)) = self.out.get_ref() else { return false };
        let mut descriptors = [PollFd::new(out, PollFlags::empty())];
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
