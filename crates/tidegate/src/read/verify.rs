//! Verifying: every checksum, every link, every leaf.

use std::collections::HashMap;

use tidegate_format::{Cause, Error, ErrorPlace, Frame, Hash, Micros, Position, Record, Result, Version};
use tidegate_segment::Term;

use super::erased::{ErasureCheck, ErasureFinding, events_between};
use super::view::View;

/// Counts of what a verification found sound.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// How many events.
    pub events: u64,
    /// How many streams.
    pub streams: u64,
    /// Bytes of the events' records.
    pub bytes: u64,
    /// How many of the events have no payload any more, because it was erased.
    pub erased: u64,
    /// How many hashes of the tree over the log stand in its files and are those of the events. The tree is derived, and may
    /// not have been written yet.
    pub tree_hashes: u64,
    /// How many hashes in these files are others. No answer rests on them: they are made anew when the next segment is sealed,
    /// or by [`reindex`](crate::store::Upkeep::reindex).
    pub tree_hashes_wrong: u64,
}

/// Reads every frame of a view from its file and checks each event against those before it. Calls `progress` with the
/// counts so far every 4,096 events, and `take_leaf` with each leaf. `now` returns the log as it is by then: payloads may be
/// erased meanwhile.
pub(crate) fn verify(
    view: &View,
    now: impl FnOnce() -> Result<View>,
    mut take_leaf: impl FnMut(Position, Hash),
    mut progress: impl FnMut(VerifyReport),
) -> Result<VerifyReport> {
    let (mut done, mut erasures) = (VerifyReport::default(), ErasureCheck::default());
    let mut chain = Chain::above(view.floor());
    for (segment, count) in view.recorded() {
        segment.verify(count, |record| {
            if record.position() > view.head() {
                return Ok(());
            }
            let leaf = chain.take(record).map_err(|error| error.at(ErrorPlace::Event(record.position())))?;
            take_leaf(record.position(), leaf);
            erasures.take(record, Position::MAX);
            done.events += 1;
            done.bytes += record.as_bytes().len() as u64;
            done.streams = chain.streams();
            if done.events % 4096 == 0 {
                progress(done);
            }
            Ok(())
        })?;
    }
    let reached = view.floor().before().plus(done.events);
    if reached != view.head() {
        return Err(Error::damaged("the log does not reach its head", view.head(), reached));
    }
    done.erased = erasures.erased();
    progress(done);
    view.check_end()?;
    check_erasures(view, &erasures, now)?;
    Ok(done)
}

/// Refuses payloads that are gone without an event that says so, and those that are there although one does.
fn check_erasures(view: &View, erasures: &ErasureCheck, now: impl FnOnce() -> Result<View>) -> Result<()> {
    // What is masked is on its way. Below the floor nothing is left.
    let is_masked = |position: Position| {
        position < view.floor()
            || view.log().locate(position).is_some_and(|(_, segment)| {
                segment.mask().is_some_and(|mask| mask.of(segment.ordinal(position)).is_some())
            })
    };
    let mut found = erasures.findings(is_masked);
    if found.iter().any(ErasureFinding::may_be_named_elsewhere) {
        let now = now()?;
        if !events_between(now.log(), view.head(), now.head())?.is_empty() {
            found.retain(|finding| !finding.may_be_named_elsewhere());
        }
    }
    found.into_iter().next().map_or(Ok(()), |finding| Err(finding.into_error()))
}

/// The end of a stream so far.
#[derive(Clone, Copy, Debug, Default)]
struct StreamEnd {
    position: Position,
    version: Version,
    leaf: Hash,
}

/// What the events so far say of those that follow: versions, links and times.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    ends: HashMap<Term, StreamEnd>,
    time: Micros,
    /// Positions that nothing is known of, in order.
    lost: Vec<(Position, Position)>,
}

impl Chain {
    /// Returns the chain of a log that begins at this position: nothing is known of the events that were retired.
    pub(crate) fn above(floor: Position) -> Self {
        let mut chain = Self::default();
        if floor > Position(1) {
            chain.lose(Position(1), floor.before());
        }
        chain
    }

    /// Takes the next event, if it agrees with those before it, and returns its leaf.
    pub(crate) fn take(&mut self, record: &Record<'_>) -> Result<Hash> {
        let term = Term::stream(record.scope(), record.entity(), record.lane());
        let known = self.ends.get(&term).copied().unwrap_or_default();
        self.check(record, &known)?;
        self.time = record.time();
        let (position, version) = (record.position(), record.version());
        let leaf = record.leaf();
        self.ends.insert(term, StreamEnd { position, version, leaf });
        Ok(leaf)
    }

    /// Takes all events of a frame, or none of them: then it says at which byte of the frame the first stands that
    /// does not agree. Nothing is known of the positions from `next` up to the frame.
    pub(crate) fn take_frame(&mut self, frame: &Frame<'_>, next: Position) -> Result<(), (usize, Error)> {
        let (time, losses, mut before) = (self.time, self.lost.len(), Vec::new());
        if next < frame.head.first {
            self.lose(next, frame.head.first.before());
        }
        for (start, record) in frame.records() {
            let term = Term::stream(record.scope(), record.entity(), record.lane());
            before.push((term.clone(), self.ends.get(&term).copied()));
            let Err(error) = self.take(&record) else { continue };
            self.time = time;
            self.lost.truncate(losses);
            for (term, end) in before.into_iter().rev() {
                match end {
                    Some(end) => self.ends.insert(term, end),
                    None => self.ends.remove(&term),
                };
            }
            return Err((start, error));
        }
        Ok(())
    }

    /// Takes note that nothing is known of these positions, which follow those before.
    pub(crate) fn lose(&mut self, first: Position, last: Position) {
        self.lost.push((first, last));
    }

    /// Returns the streams so far.
    pub(crate) fn streams(&self) -> u64 {
        self.ends.len() as u64
    }

    fn check(&self, record: &Record<'_>, known: &StreamEnd) -> Result<()> {
        let previous = record.previous();
        let after_a_loss = previous > known.position && self.is_lost(previous);
        if after_a_loss {
            let least = known.version.next().next();
            if record.version() < least {
                return disagrees("the version", format!("{least} or more"), record.version());
            }
        } else {
            expect("the version", known.version.next(), record.version())?;
            expect("the previous position", known.position, previous)?;
            expect("the link", known.leaf, record.link())?;
        }
        if record.time() < self.time {
            let expected = format!("{} or later", self.time);
            return Err(Error::damaged("time runs backwards", expected, record.time()));
        }
        for cause in record.causes() {
            if let Cause::At(cause) = cause
                && (cause.0 == 0 || cause >= record.position())
            {
                let message = "a cause does not come before its effect";
                return Err(Error::damaged(message, "an earlier one", cause));
            }
        }
        Ok(())
    }

    fn is_lost(&self, position: Position) -> bool {
        let before = self.lost.partition_point(|(first, _)| *first <= position);
        before > 0 && position <= self.lost[before - 1].1
    }
}

fn expect<T: PartialEq + std::fmt::Display>(what: &str, expected: T, found: T) -> Result<()> {
    if expected == found { Ok(()) } else { disagrees(what, expected, found) }
}

fn disagrees(what: &str, expected: impl std::fmt::Display, found: impl std::fmt::Display) -> Result<()> {
    Err(Error::damaged(format!("{what} of an event does not agree with its stream"), expected, found))
}
