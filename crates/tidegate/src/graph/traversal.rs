//! Traversals along all causes or all effects.
//!
//! Invariants:
//!
//! T1. Every event comes once, in the order of positions: backwards along causes, forwards along effects.
//! T2. A traversal keeps a few bits an event, and only for pages of the log in which it found an event.

use tidegate_format::{Position, Result};
use tidegate_segment::index::FilterGroup;
use tidegate_segment::{Postings, Term};

use super::bitmap::Bitmap;
use super::positions::Traversal;
use super::reader::GraphReader;
use crate::published::SegmentFilter;

/// Asking an event for its effects costs as much as reading the causes of this many events in a row.
const LOOKUP_COST: u64 = 32;

/// Finds all ancestors, the last one first.
#[derive(Debug)]
pub(super) struct Ancestors {
    bitmap: Bitmap,
    next: Position,
}

impl Ancestors {
    pub(super) fn of(events: &[Position], reader: &mut GraphReader) -> Result<Self> {
        let mut bitmap = Bitmap::new(reader.head());
        for event in events {
            for cause in reader.causes(*event)? {
                bitmap.insert(*cause);
            }
        }
        Ok(Self { bitmap, next: reader.head() })
    }

    /// Returns the events that were found.
    pub(super) fn into_bitmap(self) -> Bitmap {
        self.bitmap
    }
}

impl Traversal for Ancestors {
    #[inline]
    fn step(&mut self, reader: &mut GraphReader) -> Result<Option<Position>> {
        let Some(event) = self.bitmap.last_up_to(self.next) else { return Ok(None) };
        for cause in reader.causes(event)? {
            self.bitmap.insert(*cause);
        }
        self.next = event.before();
        Ok(Some(event))
    }

    fn backwards(&self) -> bool {
        true
    }
}

/// Finds the effects of one event, the first one first.
#[derive(Debug)]
pub(super) struct Effects {
    event: Position,
    /// The hash of the term of a cause, and the segments that may have it.
    hash: u64,
    filter: SegmentFilter,
    at: usize,
    /// The effects in the segment before `at`: where it starts, how many are visible, how many came.
    here: Option<(Position, Postings, u32, u32)>,
}

impl Effects {
    pub(super) fn of(event: Position, reader: &mut GraphReader) -> Result<Self> {
        let (at, _) = reader.place(event)?;
        let hash = reader.view().log().seed().hash_term(Term::cause(event)).hash as u64;
        Ok(Self { event, hash, filter: SegmentFilter::default(), at, here: None })
    }
}

impl Traversal for Effects {
    fn step(&mut self, reader: &mut GraphReader) -> Result<Option<Position>> {
        loop {
            if let Some((first, postings, visible, n)) = &mut self.here
                && n < visible
                && let Some(effect) = postings.get(*n)
            {
                *n += 1;
                return Ok(Some(first.plus(u64::from(effect.0))));
            }
            let (log, may_hold) =
                (reader.view().log(), |filter_group: &FilterGroup| filter_group.may_hold(self.hash));
            let Some(at) = self.filter.find(log, self.at, false, may_hold) else {
                return reader.view().check_end().map(|()| None);
            };
            let first = log.segments[at].first();
            let effects = reader.effects(self.event, at)?;
            self.here = effects.map(|(postings, visible)| (first, postings, visible, 0));
            self.at = at + 1;
        }
    }
}

/// Finds all descendants, the first one first.
///
/// If few events were found so far, each is asked for its effects in a segment; if many were, the causes of the segment's
/// events are read in a row.
#[derive(Debug)]
pub(super) struct Descendants {
    /// The events it started from, and all found since.
    found: Bitmap,
    /// Those that are effects of found ones.
    reached: Bitmap,
    /// How many were found before `next`.
    count: u64,
    next: Position,
    /// The segment being read, where it ends, and whether its causes are read in a row.
    at: usize,
    end: Position,
    in_a_row: bool,
    /// How many lookups in this segment are still cheaper.
    lookups: u64,
    /// The segment after it.
    behind: usize,
}

impl Descendants {
    pub(super) fn of(events: &[Position], reader: &mut GraphReader) -> Result<Self> {
        reader.read_ahead();
        let mut found = Bitmap::new(reader.head());
        for event in events {
            reader.check(*event)?;
            found.insert(*event);
        }
        let next = events.iter().min().copied().unwrap_or(Position::MAX);
        let at = reader.view().segment_of(next);
        let reached = Bitmap::new(reader.head());
        Ok(Self { found, reached, count: 0, next, at, end: next, in_a_row: false, lookups: 0, behind: at })
    }

    /// Goes on to the next segment; returns whether there is one.
    fn enter(&mut self, reader: &mut GraphReader) -> Result<bool> {
        let found = reader.segment(self.behind).map(|(segment, count)| (segment.first(), count));
        let Some((first, count)) = found.filter(|(_, count)| *count > 0) else { return Ok(false) };
        (self.at, self.behind) = (self.behind, self.behind + 1);
        self.next = self.next.max(first);
        self.end = first.plus(u64::from(count));
        let lookups = (u64::from(count) / LOOKUP_COST).checked_sub(self.count);
        (self.in_a_row, self.lookups) = (lookups.is_none(), lookups.unwrap_or(0));
        if !self.in_a_row {
            let mut from = Position::START;
            while let Some(event) = self.found.next_from(from).filter(|event| *event < first) {
                self.reach(event, reader)?;
                from = event.next();
            }
        }
        Ok(true)
    }

    /// Marks the effects that an event has in this segment.
    fn reach(&mut self, event: Position, reader: &mut GraphReader) -> Result<()> {
        let Self { found, reached, .. } = self;
        reader.each_effect(event, self.at, |effect| {
            found.insert(effect);
            reached.insert(effect);
        })
    }

    /// Returns the next descendant of the segment, found as an effect.
    fn step_by_effects(&mut self, reader: &mut GraphReader) -> Result<Option<Position>> {
        while let Some(event) = self.found.next_from(self.next).filter(|event| *event < self.end) {
            self.next = event.next();
            self.count += 1;
            match self.lookups.checked_sub(1) {
                Some(left) => {
                    self.lookups = left;
                    self.reach(event, reader)?;
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

    /// Returns the next descendant of the segment, found by its causes.
    fn step_in_a_row(&mut self, reader: &mut GraphReader) -> Result<Option<Position>> {
        while self.next < self.end {
            let event = self.next;
            self.next = event.next();
            let reached = reader.causes(event)?.iter().any(|cause| self.found.contains(*cause));
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

impl Traversal for Descendants {
    #[inline]
    fn step(&mut self, reader: &mut GraphReader) -> Result<Option<Position>> {
        loop {
            while self.next < self.end {
                let found =
                    if self.in_a_row { self.step_in_a_row(reader)? } else { self.step_by_effects(reader)? };
                if found.is_some() {
                    return Ok(found);
                }
            }
            if !self.enter(reader)? {
                return reader.view().check_end().map(|()| None);
            }
        }
    }
}
