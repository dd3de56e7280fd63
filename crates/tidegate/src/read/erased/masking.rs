//! Masks the segments of a published log: what an event says is erased is not shown from then on.

use std::sync::Arc;

use tidegate_format::{Position, Result};
use tidegate_segment::{Field, Mask, Ordinal, Segment, Term, Window};

use super::event::{ERASED, ErasedEvent, RETIRED, retired_before};
use super::positions::ErasedPositions;
use crate::published::Log;

/// The masks that segments had before, to be put back.
pub(crate) type MasksBefore = Vec<(Arc<Segment>, Option<Arc<Mask>>)>;

/// Has every segment of a log that holds any of these positions show them as erased, and returns those segments with
/// the masks that they had.
pub(crate) fn mask(log: &Log, positions: &ErasedPositions) -> MasksBefore {
    let mut before = Vec::new();
    for segment in log.recorded() {
        let last = segment.next().before();
        let runs: Vec<_> = positions.within(segment.first(), last).collect();
        if runs.is_empty() {
            continue;
        }
        let earlier = segment.mask();
        let more = mask_of(segment, &runs);
        let mask = earlier.as_ref().map_or_else(|| more.clone(), |earlier| earlier.union(&more));
        segment.set_mask(Some(Arc::new(mask)));
        before.push((Arc::clone(segment), earlier));
    }
    before
}

/// Puts masks back.
pub(crate) fn unmask(before: MasksBefore) {
    for (segment, mask) in before {
        segment.set_mask(mask);
    }
}

/// Returns the mask over these runs, and over the content hashes of the batches they are in. A batch whose records cannot be read
/// is damaged, and nothing of it is shown anyway.
fn mask_of(segment: &Segment, runs: &[(Position, Position)]) -> Mask {
    let mut window = Window::ahead(true);
    let (mut payloads, mut contents) = (Vec::with_capacity(runs.len()), Vec::new());
    for (first, last) in runs {
        let (first, last) = (segment.ordinal(*first), segment.ordinal(*last));
        payloads.push((first, last));
        match first_of_batch(segment, first, &mut window) {
            // A batch begins within the run, or before it: only then its content hash is not under the run itself.
            Ok(start) if start < first => contents.push(start),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "the batch of an event that is erased cannot be read");
            }
        }
    }
    Mask::new(payloads, contents)
}

/// Returns the first event of the batch that an event is in. A batch lies in one segment.
fn first_of_batch(segment: &Segment, event: Ordinal, window: &mut Window) -> Result<Ordinal> {
    let mut first = event;
    let mut kept = None;
    while first > Ordinal::FIRST {
        segment.read_event(first.before(), window, &mut kept)?;
        if kept.as_ref().is_none_or(|event| event.record().ends_batch()) {
            break;
        }
        first = first.before();
    }
    Ok(first)
}

/// Returns the events of a log that say what is erased, after one position and up to another, with their positions.
pub(crate) fn events_between(
    log: &Log,
    after: Position,
    until: Position,
) -> Result<Vec<(Position, ErasedPositions)>> {
    let mut found = Vec::new();
    if until <= after {
        return Ok(found);
    }
    let kind = log.seed().hash_term(Term::new(Field::Kind, ERASED.as_bytes()));
    for (_, segment) in log.newest_first(kind.hash as u64) {
        // What an event names that was retired was retired before it.
        if segment.next() <= after.next() || segment.is_retired() {
            break;
        }
        let Some(postings) = segment.find(&kind)? else { continue };
        let mut next = postings.next_from(segment.ordinal(after.next()));
        let mut here = Vec::new();
        while let Some(event) = next.filter(|event| segment.position(*event) <= until) {
            let event_read = segment.event(event)?;
            here.push((event_read.position(), ErasedEvent::read(&event_read.record())?.positions));
            next = postings.next_from(event.next());
        }
        // Segments come from the last to the first.
        here.append(&mut found);
        found = here;
    }
    Ok(found)
}

/// Returns the floor that the last event names which comes after one position and up to another and says what is retired.
pub(crate) fn floor_between(log: &Log, after: Position, until: Position) -> Result<Option<Position>> {
    if until <= after {
        return Ok(None);
    }
    let kind = log.seed().hash_term(Term::new(Field::Kind, RETIRED.as_bytes()));
    for (_, segment) in log.newest_first(kind.hash as u64) {
        if segment.next() <= after.next() || segment.is_retired() {
            break;
        }
        let Some(postings) = segment.find(&kind)? else { continue };
        let last = postings.last_before(segment.ordinal(until.next()));
        if let Some(event) = last.filter(|event| segment.position(*event) > after) {
            return Ok(retired_before(&segment.event(event)?.record()));
        }
    }
    Ok(None)
}
