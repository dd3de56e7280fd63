//! Verifying: every checksum, every link, every leaf.

use std::collections::HashMap;

use tidegate_format::{Cause, Error, Hash, Place, Position, Record, Result, Version};
use tidegate_segment::Term;

use crate::read::View;

/// What a verification went through without finding a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Events.
    pub events: u64,
    /// Streams.
    pub streams: u64,
    /// Bytes of their records.
    pub bytes: u64,
}

/// The end of a stream so far.
struct End {
    position: Position,
    version: Version,
    leaf: Hash,
}

/// Reads every frame of a view from its file and checks all that an event says about others. `progress` is
/// called with how much was verified so far, now and then.
pub(crate) fn verify(view: &View, mut progress: impl FnMut(Verified)) -> Result<Verified> {
    let mut done = Verified::default();
    let mut ends: HashMap<Term, End> = HashMap::new();
    let mut time = tidegate_format::Micros(0);
    for (segment, count) in view.segments() {
        segment.verify(count, |record| {
            if record.position() > view.head() {
                return Ok(());
            }
            check(record, &mut ends, &mut time).map_err(|error| error.at(Place::Event(record.position())))?;
            done.events += 1;
            done.bytes += record.as_bytes().len() as u64;
            done.streams = ends.len() as u64;
            if done.events % 4096 == 0 {
                progress(done);
            }
            Ok(())
        })?;
    }
    if done.events != view.head().0 {
        return Err(Error::damaged("the log does not reach its head", view.head(), done.events));
    }
    progress(done);
    Ok(done)
}

fn check(
    record: &Record<'_>,
    ends: &mut HashMap<Term, End>,
    time: &mut tidegate_format::Micros,
) -> Result<()> {
    let term = Term::stream(record.scope(), record.entity(), record.lane());
    let (position, version, leaf) = ends
        .get(&term)
        .map_or((Position::START, Version::EMPTY, Hash::ZERO), |end| (end.position, end.version, end.leaf));
    expect("the version", version.next(), record.version())?;
    expect("the previous position", position, record.previous())?;
    expect("the link", leaf, record.link())?;
    if record.time() < *time {
        return Err(Error::damaged("time runs backwards", format!("{time} or later"), record.time()));
    }
    *time = record.time();
    for cause in record.causes() {
        if let Cause::At(cause) = cause
            && (cause.0 == 0 || cause >= record.position())
        {
            return Err(Error::damaged("a cause does not come before its effect", "an earlier one", cause));
        }
    }
    ends.insert(term, End { position: record.position(), version: record.version(), leaf: record.leaf() });
    Ok(())
}

fn expect<T: PartialEq + std::fmt::Display>(what: &str, expected: T, found: T) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Error::damaged(format!("{what} of an event does not agree with its stream"), expected, found))
}
