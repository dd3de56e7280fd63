//! Critical paths: the way to an event that took the longest.
//!
//! Recorded times never decrease, so the longest way to an event begins with the earliest of its ancestors, and all ways
//! from there take the same time. The critical one of these goes, from the event back, to the latest cause at each step:
//! the cause that the event waited for. Only the records on it are read.

use tidegate_format::{Error, Micros, Position, Result};

use super::positions::Traversal;
use super::reader::GraphReader;
use super::traversal::Ancestors;

/// One event of a critical path.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The event's position.
    pub event: Position,
    /// When it was recorded.
    pub time: Micros,
    /// Microseconds after the hop before it; 0 for the first.
    pub waited: u64,
}

pub(super) fn path(reader: &mut GraphReader, event: Position) -> Result<Vec<Hop>> {
    reader.check(event)?;
    let mut ancestors = Ancestors::of(&[event], reader)?;
    let mut earliest = event;
    while let Some(ancestor) = ancestors.step(reader)? {
        earliest = ancestor;
    }
    // The ancestors that the earliest one leads to.
    let bitmap = ancestors.into_bitmap();
    let mut led = super::bitmap::Bitmap::new(event);
    led.insert(earliest);
    reader.read_ahead();
    let mut next = bitmap.next_from(earliest.next());
    while let Some(ancestor) = next {
        if reader.causes(ancestor)?.iter().any(|cause| led.contains(*cause)) {
            led.insert(ancestor);
        }
        next = bitmap.next_from(ancestor.next());
    }
    let mut way = vec![event];
    let mut at = event;
    while at != earliest {
        let latest = reader.causes(at)?.iter().copied().filter(|cause| led.contains(*cause)).max();
        let Some(latest) = latest else { break };
        way.push(latest);
        at = latest;
    }
    way.reverse();
    hops(reader, &way)
}

fn hops(reader: &GraphReader, way: &[Position]) -> Result<Vec<Hop>> {
    let mut hops: Vec<Hop> = Vec::with_capacity(way.len());
    for event in way {
        let Some(record) = reader.view().at(*event)? else {
            return Err(Error::damaged("an event of the graph is not in the log", event, "none"));
        };
        let time = record.time();
        let waited = hops.last().map_or(0, |last| time.0.saturating_sub(last.time.0));
        hops.push(Hop { event: *event, time, waited });
    }
    Ok(hops)
}
