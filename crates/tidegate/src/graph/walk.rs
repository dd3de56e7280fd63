//! Walks along all causes or all effects.
//!
//! Invariants:
//!
//! W1. Every event comes once, in the order of positions: backwards along causes, forwards along effects.
//! W2. A walk keeps a few bits an event, and only for pages of the log in which it found something.

use tidegate_format::{Position, Result};
use tidegate_segment::index::FilterGroup;
use tidegate_segment::{Postings, Term};

use super::ground::Ground;
use super::marks::Marks;
use super::positions::Step;
use crate::published::SegmentFilter;

/// Asking an event for its effects costs as much as looking at the causes of so many events in a row.
const LOOKUP_COST: u64 = 32;

/// All ancestors, the last one first.
#[derive(Debug)]
pub(super) struct Ancestors {
    marks: Marks,
    next: Position,
}

impl Ancestors {
    pub(super) fn of(events: &[Position], ground: &mut Ground) -> Result<Self> {
        let mut marks = Marks::new(ground.head());
        for event in events {
            for cause in ground.causes(*event)? {
                marks.insert(*cause);
            }
        }
        Ok(Self { marks, next: ground.head() })
    }

    /// What was found.
    pub(super) fn into_marks(self) -> Marks {
        self.marks
    }
}

impl Step for Ancestors {
    #[inline]
    fn step(&mut self, ground: &mut Ground) -> Result<Option<Position>> {
        let Some(event) = self.marks.last_up_to(self.next) else { return Ok(None) };
        for cause in ground.causes(event)? {
            self.marks.insert(*cause);
        }
        self.next = event.before();
        Ok(Some(event))
    }

    fn backwards(&self) -> bool {
        true
    }
}

/// The effects of one event, the first one first.
#[derive(Debug)]
pub(super) struct Effects {
    event: Position,
    /// The hash of the term of a cause, and the segments that may have it.
    hash: u64,
    sieve: SegmentFilter,
    at: usize,
    /// The effects in the segment before `at`: where it starts, how many are visible, how many came.
    here: Option<(Position, Postings, u32, u32)>,
}

impl Effects {
    pub(super) fn of(event: Position, ground: &mut Ground) -> Result<Self> {
        let (at, _) = ground.place(event)?;
        let hash = ground.view().log().seed().seek(Term::cause(event)).hash as u64;
        Ok(Self { event, hash, sieve: SegmentFilter::default(), at, here: None })
    }
}

impl Step for Effects {
    fn step(&mut self, ground: &mut Ground) -> Result<Option<Position>> {
        loop {
            if let Some((first, postings, visible, n)) = &mut self.here
                && n < visible
                && let Some(effect) = postings.get(*n)
            {
                *n += 1;
                return Ok(Some(first.plus(u64::from(effect))));
            }
            let (log, may_hold) = (ground.view().log(), |roster: &FilterGroup| roster.may_hold(self.hash));
            let Some(at) = self.sieve.find(log, self.at, false, may_hold) else {
                return ground.view().check_end().map(|()| None);
            };
            let first = log.segments[at].first();
            let effects = ground.effects(self.event, at)?;
            self.here = effects.map(|(postings, visible)| (first, postings, visible, 0));
            self.at = at + 1;
        }
    }
}

/// All descendants, the first one first.
///
/// Where few events were found so far, each is asked for its effects in a segment; where many were, the causes
/// of the segment's events are looked at in a row.
#[derive(Debug)]
pub(super) struct Descendants {
    /// The events it started from, and all found since.
    found: Marks,
    /// Those that are effects of found ones.
    reached: Marks,
    /// How many were found before `next`.
    count: u64,
    next: Position,
    /// The segment being walked, where it ends, and whether its events are looked at in a row.
    at: usize,
    end: Position,
    in_a_row: bool,
    /// How many lookups in this segment are still cheaper.
    lookups: u64,
    /// The segment after it.
    behind: usize,
}

impl Descendants {
    pub(super) fn of(events: &[Position], ground: &mut Ground) -> Result<Self> {
        ground.read_ahead();
        let mut found = Marks::new(ground.head());
        for event in events {
            ground.check(*event)?;
            found.insert(*event);
        }
        let next = events.iter().min().copied().unwrap_or(Position::MAX);
        let at = ground.view().segment_of(next);
        let reached = Marks::new(ground.head());
        Ok(Self { found, reached, count: 0, next, at, end: next, in_a_row: false, lookups: 0, behind: at })
    }

    /// Goes on to the next segment; says whether there is one.
    fn enter(&mut self, ground: &mut Ground) -> Result<bool> {
        let found = ground.segment(self.behind).map(|(segment, count)| (segment.first(), count));
        let Some((first, count)) = found.filter(|(_, count)| *count > 0) else { return Ok(false) };
        (self.at, self.behind) = (self.behind, self.behind + 1);
        self.next = self.next.max(first);
        self.end = first.plus(u64::from(count));
        let lookups = (u64::from(count) / LOOKUP_COST).checked_sub(self.count);
        (self.in_a_row, self.lookups) = (lookups.is_none(), lookups.unwrap_or(0));
        if !self.in_a_row {
            let mut from = Position::START;
            while let Some(event) = self.found.next_from(from).filter(|event| *event < first) {
                self.reach(event, ground)?;
                from = event.next();
            }
        }
        Ok(true)
    }

    /// Marks the effects that an event has in this segment.
    fn reach(&mut self, event: Position, ground: &mut Ground) -> Result<()> {
        let Self { found, reached, .. } = self;
        ground.each_effect(event, self.at, |effect| {
            found.insert(effect);
            reached.insert(effect);
        })
    }

    /// The next descendant of the segment, found as an effect.
    fn step_by_effects(&mut self, ground: &mut Ground) -> Result<Option<Position>> {
        while let Some(event) = self.found.next_from(self.next).filter(|event| *event < self.end) {
            self.next = event.next();
            self.count += 1;
            match self.lookups.checked_sub(1) {
                Some(left) => {
                    self.lookups = left;
                    self.reach(event, ground)?;
                }
                None => self.in_a_row = true,
            }
            if self.reached.contains(event) {
                return Ok(Some(event));
            }
            if self.in_a_row {
                return Ok(None);
            }
        }
        self.next = self.end;
        Ok(None)
    }

    /// The next descendant of the segment, found by its causes.
    fn step_in_a_row(&mut self, ground: &mut Ground) -> Result<Option<Position>> {
        while self.next < self.end {
            let event = self.next;
            self.next = event.next();
            let reached = ground.causes(event)?.iter().any(|cause| self.found.contains(*cause));
            if reached {
                self.found.insert(event);
                self.count += 1;
                return Ok(Some(event));
            }
            self.count += u64::from(self.found.contains(event));
        }
        Ok(None)
    }
}

impl Step for Descendants {
    #[inline]
    fn step(&mut self, ground: &mut Ground) -> Result<Option<Position>> {
        loop {
            while self.next < self.end {
                let found =
                    if self.in_a_row { self.step_in_a_row(ground)? } else { self.step_by_effects(ground)? };
                if found.is_some() {
                    return Ok(found);
                }
            }
            if !self.enter(ground)? {
                return ground.view().check_end().map(|()| None);
            }
        }
    }
}
