//! Reads causes, effects and levels by position, as of one moment of the log.
//!
//! Invariants:
//!
//! G1. Records are never read; the bytes read follow the number of causes and effects, not their payloads.
//! G2. A cause has a lower position than its effect, so positions are an order of the graph.

use std::sync::Arc;

use tidegate_format::{Error, ErrorKind, ErrorPlace, Position, Result};
use tidegate_segment::{CauseReader, Lookup, Ordinal, Postings, Segment};

use crate::read::View;

/// Reads the graph of a view, and keeps the blocks that it read last.
#[derive(Debug)]
pub(super) struct GraphReader {
    view: View,
    /// The segment of the last position: its place in the view's list, its first position, its next one.
    at: usize,
    first: Position,
    next: Position,
    causes: CauseReader,
    levels: CauseReader,
    /// The lookup that was last asked for effects, for each segment.
    effects: Vec<Option<Arc<Lookup>>>,
}

impl GraphReader {
    pub(super) fn new(view: &View) -> Self {
        let (first, next) = (Position::START, Position::START);
        let (causes, levels) = (CauseReader::default(), CauseReader::default());
        Self { view: view.clone(), at: 0, first, next, causes, levels, effects: Vec::new() }
    }

    /// Prepares for being asked for the causes of events in ascending order, mostly.
    pub(super) fn read_ahead(&mut self) {
        self.causes = CauseReader::ahead();
    }

    pub(super) fn view(&self) -> &View {
        &self.view
    }

    pub(super) fn head(&self) -> Position {
        self.view.head()
    }

    /// Refuses a position at which the view has no event.
    pub(super) fn check(&self, event: Position) -> Result<()> {
        if (Position(1)..=self.head()).contains(&event) {
            return Ok(());
        }
        if event > self.head() {
            self.view.check_end()?;
        }
        let message = format!("there is no event at this position, the last one is {}", self.head());
        Err(Error::new(ErrorKind::Missing, message).at(ErrorPlace::Event(event)))
    }

    /// Returns the place of an event's segment in the view's list, and the event's number in it.
    #[inline]
    pub(super) fn place(&mut self, event: Position) -> Result<(usize, Ordinal)> {
        if event < self.first || event >= self.next {
            self.check(event)?;
            self.at = self.view.segment_of(event);
            let part = self.view.segment(self.at).map(|(segment, count)| (segment.first(), u64::from(count)));
            (self.first, self.next) =
                part.map_or_else(Default::default, |(first, count)| (first, first.plus(count)));
            if !(self.first..self.next).contains(&event) {
                return Err(Error::damaged("an event has no segment", "a segment", "none"));
            }
        }
        // A segment holds fewer events than `u32::MAX`.
        Ok((self.at, Ordinal((event.0 - self.first.0) as u32)))
    }

    /// Returns the local causes of an event, in the order in which it names them; one may come twice.
    #[inline]
    pub(super) fn causes(&mut self, event: Position) -> Result<&[Position]> {
        let (at, n) = self.place(event)?;
        let Some((segment, _)) = self.view.segment(at) else { return Ok(&[]) };
        segment.causes(n, &mut self.causes)
    }

    /// Returns the level of an event.
    #[inline]
    pub(super) fn level(&mut self, event: Position) -> Result<u32> {
        // An index file that turns out to be damaged is replaced by one in memory, whose levels are not known.
        let attempts = self.view.segments().len() + 1;
        for _ in 0..attempts {
            let (at, n) = self.place(event)?;
            let Some((segment, _)) = self.view.segment(at) else { break };
            match segment.level(n, &mut self.levels)? {
                Some(level) => return Ok(level),
                None => self.make_levels(at)?,
            }
        }
        Err(Error::damaged("the index files break as fast as they are read", "levels", "none"))
    }

    /// Returns an ancestor of an event far before it, or `None` if none is known. If the event has one local cause, every
    /// way back from it to an event before that ancestor leads over the ancestor.
    #[inline]
    pub(super) fn leap(&mut self, event: Position) -> Result<Option<Position>> {
        let (at, n) = self.place(event)?;
        let Some((segment, _)) = self.view.segment(at) else { return Ok(None) };
        Ok(segment.leap(n, &mut self.levels)?.map(|ancestor| segment.position(ancestor)))
    }

    /// Computes the levels of the segments in memory up to one, the earliest first.
    #[cold]
    fn make_levels(&self, to: usize) -> Result<()> {
        for (segment, _) in self.view.segments().take(to + 1) {
            let lineage = std::cell::RefCell::new(CauseReader::default());
            let made = segment.make_levels(|cause| {
                let Some((earlier, _)) = self.view.segment(self.view.segment_of(cause)) else { return Ok(0) };
                let event = earlier.ordinal(cause);
                let level = earlier.level(event, &mut lineage.borrow_mut())?;
                level.ok_or_else(|| Error::damaged("a level is not known", "a level", "none"))
            });
            match made {
                // An earlier one has gone back to memory meanwhile; the caller tries again.
                Err(error) if error.kind() == ErrorKind::Damaged => {}
                made => made?,
            }
        }
        Ok(())
    }

    /// Returns a segment of the view, with how many of its events are visible.
    pub(super) fn segment(&self, at: usize) -> Option<(&Arc<Segment>, u32)> {
        self.view.segment(at)
    }

    /// Calls `each` with the visible effects of an event in one segment of the view.
    pub(super) fn each_effect(
        &mut self,
        event: Position,
        at: usize,
        mut each: impl FnMut(Position),
    ) -> Result<()> {
        let Some((segment, count)) = self.view.segment(at) else { return Ok(()) };
        if self.effects.len() <= at {
            self.effects.resize(at + 1, None);
        }
        segment.each_effect(event, Ordinal(count), &mut self.effects[at], |effect| {
            each(segment.position(effect));
        })
    }

    /// Returns the effects of an event in one segment of the view, and how many of them are visible.
    pub(super) fn effects(&self, event: Position, at: usize) -> Result<Option<(Postings, u32)>> {
        let Some((segment, count)) = self.view.segment(at) else { return Ok(None) };
        let Some(postings) = segment.effects(event)? else { return Ok(None) };
        let visible = postings.rank(Ordinal(count));
        Ok((visible > 0).then_some((postings, visible)))
    }
}
