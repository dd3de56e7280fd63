//! Relations of events: ancestors, common causes, paths.
//!
//! An event's level is above the levels of all its ancestors, so a search backwards for an event of a level leaves out
//! every event that is not above it.

use tidegate_format::{Position, Result};

use super::bitmap::Bitmap;
use super::positions::Traversal;
use super::reader::GraphReader;

/// Cost of a step along causes, beside asking one segment for effects. It takes less time than this says,
/// but where branches come together again a step along effects brings the ends closer: on the history of git
/// weights from 8 on answer a fifth faster than 1, and on graphs made at random none makes a difference.
const UP_COST: u64 = 8;

/// Returns whether `event` is an ancestor of `of`.
///
/// Searches from both ends in turn until the two meet or one of them is exhausted, so an event with few descendants, or
/// with few ancestors, takes little time. Backwards it leaps over many causes at once: over a line of events with one cause
/// each nothing is passed over, and where lines meet the leap is one more way that is tried.
pub(super) fn is_ancestor(reader: &mut GraphReader, event: Position, of: Position) -> Result<bool> {
    reader.check(event)?;
    reader.check(of)?;
    if event >= of {
        return Ok(false);
    }
    let levels = (reader.level(event)?, reader.level(of)?);
    if levels.0 >= levels.1 {
        return Ok(false);
    }
    let mut up = Side::new(of, of);
    let mut down = Side::new(event, of);
    let last = reader.view().segment_of(of);
    let mut found = Vec::new();
    while let (Some(above), Some(below)) = (up.open.last().copied(), down.open.last().copied()) {
        found.clear();
        let side = if up.cost <= down.cost {
            up.cost += UP_COST;
            up.open.pop();
            found.extend_from_slice(reader.causes(above)?);
            if let Some(leap) = reader.leap(above)?.filter(|leap| *leap >= event) {
                // What lies between on a line has no other way back, and is not the event.
                if found.iter().all(|cause| *cause == found[0]) {
                    found.clear();
                }
                found.push(leap);
            }
            if found.iter().any(|cause| down.seen.contains(*cause)) {
                return Ok(true);
            }
            // The event nearest to the other end is pushed last and popped first.
            found.sort_unstable_by(|left, right| right.cmp(left));
            &mut up
        } else {
            down.open.pop();
            let (first, _) = reader.place(below)?;
            // Effects may lie in any later segment, and each is asked.
            down.cost += (last - first + 1) as u64;
            for at in first..=last {
                reader.each_effect(below, at, |effect| found.push(effect))?;
            }
            if found.iter().any(|effect| up.seen.contains(*effect)) {
                return Ok(true);
            }
            &mut down
        };
        for next in found.drain(..).filter(|next| *next > event && *next < of) {
            let level = reader.level(next)?;
            if levels.0 < level && level < levels.1 && side.seen.insert(next) {
                side.open.push(next);
            }
        }
    }
    Ok(false)
}

/// The events found from one end.
struct Side {
    seen: Bitmap,
    open: Vec<Position>,
    cost: u64,
}

impl Side {
    fn new(end: Position, head: Position) -> Self {
        let mut seen = Bitmap::new(head);
        seen.insert(end);
        Self { seen, open: vec![end], cost: 0 }
    }
}

/// Returns all best common causes: events that are, or are ancestors of, each of these events, and are not an ancestor of
/// another such event. This is git's search for merge bases.
///
/// Events are taken from the last to the first, so every effect of an event was taken before the event.
pub(super) fn common_causes(reader: &mut GraphReader, events: &[Position]) -> Result<Vec<Position>> {
    // Most often one of two events led to the other one, which a cheaper search finds.
    if let [one, other] = events
        && is_ancestor(reader, *one.min(other), *one.max(other))?
    {
        return Ok(vec![*one.min(other)]);
    }
    let head = events.iter().max().copied().unwrap_or(Position::START);
    let mut search = MergeBase {
        reached: vec![Bitmap::new(head); events.len()],
        stale: Bitmap::new(head),
        open: Bitmap::new(head),
        fresh: 0,
    };
    for (reached, event) in search.reached.iter_mut().zip(events) {
        reader.check(*event)?;
        reached.insert(*event);
        search.fresh += usize::from(search.open.insert(*event));
    }
    let mut best = Vec::new();
    let mut next = head;
    while search.fresh > 0
        && let Some(event) = search.open.last_up_to(next)
    {
        search.take(event, reader, &mut best)?;
        next = event.before();
    }
    best.reverse();
    Ok(best)
}

/// The state of a search for common causes.
struct MergeBase {
    /// For each of the events, those that lead to it.
    reached: Vec<Bitmap>,
    /// The events that lead to a common cause.
    stale: Bitmap,
    /// The events that were found, taken or not.
    open: Bitmap,
    /// How many were found, not taken, and are not stale.
    fresh: usize,
}

impl MergeBase {
    fn take(&mut self, event: Position, reader: &mut GraphReader, best: &mut Vec<Position>) -> Result<()> {
        let was_stale = self.stale.contains(event);
        let common = was_stale || self.reached.iter().all(|reached| reached.contains(event));
        if !was_stale {
            self.fresh -= 1;
            if common {
                best.push(event);
            }
        }
        for cause in reader.causes(event)? {
            let is_new = self.open.insert(*cause);
            if common {
                let was_fresh = self.stale.insert(*cause) && !is_new;
                self.fresh -= usize::from(was_fresh);
                continue;
            }
            self.fresh += usize::from(is_new);
            for reached in &mut self.reached {
                if reached.contains(event) {
                    reached.insert(*cause);
                }
            }
        }
        Ok(())
    }
}

/// Returns one of the shortest ways along effects from an event to another one, with both, or an empty list if there is
/// none.
pub(super) fn path(reader: &mut GraphReader, from: Position, to: Position) -> Result<Vec<Position>> {
    reader.check(from)?;
    reader.check(to)?;
    if from == to {
        return Ok(vec![from]);
    }
    if from > to {
        return Ok(Vec::new());
    }
    let level = reader.level(from)?;
    let mut seen = Bitmap::new(to);
    // The events found, in the order of their distance, each with the place of the effect that it was found by.
    let mut found = vec![(to, 0)];
    let mut at = 0;
    let mut causes = Vec::new();
    while let Some((event, _)) = found.get(at).copied() {
        causes.clear();
        causes.extend(reader.causes(event)?.iter().copied().filter(|cause| *cause >= from));
        for cause in &causes {
            if *cause == from {
                return Ok(way_back(&found, from, at));
            }
            if seen.insert(*cause) && reader.level(*cause)? > level {
                found.push((*cause, at));
            }
        }
        at += 1;
    }
    Ok(Vec::new())
}

fn way_back(found: &[(Position, usize)], from: Position, mut at: usize) -> Vec<Position> {
    let mut way = vec![from];
    loop {
        let (event, effect) = found[at];
        way.push(event);
        if at == 0 {
            return way;
        }
        at = effect;
    }
}

/// Finds the events on any way along effects from an event to another one, without these two, the first one first.
#[derive(Debug)]
pub(super) struct Between {
    /// The events that lead to the second event and are above the first.
    leading: Bitmap,
    /// The events that the first event leads to.
    led: Bitmap,
    next: Position,
    end: Position,
}

impl Between {
    pub(super) fn of(from: Position, to: Position, reader: &mut GraphReader) -> Result<Self> {
        reader.check(from)?;
        reader.check(to)?;
        let (mut leading, mut led) = (Bitmap::new(to), Bitmap::new(to));
        led.insert(from);
        let level = reader.level(from)?;
        let mut causes = Vec::new();
        let mut next = Some(to).filter(|to| *to > from);
        while let Some(event) = next {
            causes.clear();
            causes.extend(reader.causes(event)?.iter().copied().filter(|cause| *cause > from));
            for cause in &causes {
                if !leading.contains(*cause) && reader.level(*cause)? > level {
                    leading.insert(*cause);
                }
            }
            next = leading.last_up_to(event.before());
        }
        reader.read_ahead();
        Ok(Self { leading, led, next: from.next(), end: to })
    }
}

impl Traversal for Between {
    fn step(&mut self, reader: &mut GraphReader) -> Result<Option<Position>> {
        while let Some(event) = self.leading.next_from(self.next).filter(|event| *event < self.end) {
            self.next = event.next();
            if reader.causes(event)?.iter().any(|cause| self.led.contains(*cause)) {
                self.led.insert(event);
                return Ok(Some(event));
            }
        }
        Ok(None)
    }
}
