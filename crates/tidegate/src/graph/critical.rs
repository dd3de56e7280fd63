//! Critical paths: what took the longest.
//!
//! Positions and recorded times go together, so the longest way to an event begins with the earliest of its
//! ancestors, and all ways from there take the same time. Of these the critical one goes, from the event back,
//! to the latest cause each time: the one that was waited for. Only the records on it are read.

use tidegate_format::{Error, Micros, Position, Result};

use super::ground::Ground;
use super::positions::Step;
use super::walk::Ancestors;

/// One event of a critical path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Which event.
    pub event: Position,
    /// When it was recorded.
    pub time: Micros,
    /// Microseconds after the hop before it; 0 for the first.
    pub waited: u64,
}

pub(super) fn path(ground: &mut Ground, event: Position) -> Result<Vec<Hop>> {
    ground.check(event)?;
    let mut ancestors = Ancestors::of(&[event], ground)?;
    let mut earliest = event;
    while let Some(ancestor) = ancestors.step(ground)? {
        earliest = ancestor;
    }
    // What the earliest one leads to, among the ancestors.
    let marks = ancestors.into_marks();
    let mut led = super::marks::Marks::new(event);
    led.insert(earliest);
    ground.read_ahead();
    let mut next = marks.next_from(earliest.next());
    while let Some(ancestor) = next {
        if ground.causes(ancestor)?.iter().any(|cause| led.contains(*cause)) {
            led.insert(ancestor);
        }
        next = marks.next_from(ancestor.next());
    }
    let mut way = vec![event];
    let mut at = event;
    while at != earliest {
        let latest = ground.causes(at)?.iter().copied().filter(|cause| led.contains(*cause)).max();
        let Some(latest) = latest else { break };
        way.push(latest);
        at = latest;
    }
    way.reverse();
    hops(ground, &way)
}

fn hops(ground: &Ground, way: &[Position]) -> Result<Vec<Hop>> {
    let mut hops: Vec<Hop> = Vec::with_capacity(way.len());
    for event in way {
        let Some(record) = ground.view().at(*event)? else {
            return Err(Error::damaged("an event of the graph is not in the log", event, "none"));
        };
        let time = record.time();
        let waited = hops.last().map_or(0, |last| time.0.saturating_sub(last.time.0));
        hops.push(Hop { event: *event, time, waited });
    }
    Ok(hops)
}
