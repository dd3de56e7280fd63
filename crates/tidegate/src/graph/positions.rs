//! Positions: the answers of the graph, one by one as they are asked for.

use std::fmt;

use tidegate_format::{Position, Result};

use super::reader::GraphReader;
use crate::read::{Plan, Query, Set};

/// Finds the next event of an answer.
pub(super) trait Traversal: fmt::Debug + Send {
    /// The next event; nothing where there is none any more.
    fn step(&mut self, reader: &mut GraphReader) -> Result<Option<Position>>;

    /// Whether the events come from the last one to the first.
    fn backwards(&self) -> bool {
        false
    }
}

/// The positions of events, found as they are asked for. It holds its view: what is appended later does not
/// show. After an error it ends.
#[derive(Debug)]
pub struct Positions {
    reader: GraphReader,
    step: Box<dyn Traversal>,
    only: Vec<Filter>,
    done: bool,
}

impl Positions {
    pub(super) fn new(reader: GraphReader, step: impl Traversal + 'static) -> Self {
        Self { reader, step: Box::new(step), only: Vec::new(), done: false }
    }

    /// Only those that a query selects.
    #[must_use]
    pub fn only(mut self, query: impl Into<Query>) -> Self {
        self.only.push(Filter::new(query.into()));
        self
    }

    fn advance(&mut self) -> Result<Option<Position>> {
        'events: loop {
            let Some(event) = self.step.step(&mut self.reader)? else { return Ok(None) };
            for filter in &mut self.only {
                if !filter.selects(event, &mut self.reader, self.step.backwards())? {
                    continue 'events;
                }
            }
            return Ok(Some(event));
        }
    }
}

impl Iterator for Positions {
    type Item = Result<Position>;

    fn next(&mut self) -> Option<Result<Position>> {
        if self.done {
            return None;
        }
        let result = self.advance().transpose();
        self.done = !matches!(result, Some(Ok(_)));
        result
    }
}

/// Tells whether a query selects an event, for events that come in either order.
#[derive(Debug)]
pub(super) struct Filter {
    query: Query,
    /// The query as it is put to segments, once any is asked.
    plan: Option<Plan>,
    /// The segment that was asked last, and what the query selects in it.
    segment: Option<(usize, Set)>,
    /// Events next to each other of which the query selects none.
    gap: std::ops::Range<u32>,
    /// An event that it selects, at an end of the gap.
    hit: Option<u32>,
}

impl Filter {
    pub(super) fn new(query: Query) -> Self {
        Self { query, plan: None, segment: None, gap: 0..0, hit: None }
    }

    pub(super) fn selects(
        &mut self,
        event: Position,
        reader: &mut GraphReader,
        backwards: bool,
    ) -> Result<bool> {
        let (at, event) = reader.place(event)?;
        let set = match &mut self.segment {
            Some((known, set)) if *known == at => set,
            _ => {
                let Some((segment, _)) = reader.segment(at) else { return Ok(false) };
                (self.gap, self.hit) = (0..0, None);
                let plan = match &mut self.plan {
                    Some(plan) => plan,
                    plan => plan.insert(reader.view().plan(&self.query)?),
                };
                let set = plan.set(segment)?;
                &mut self.segment.insert((at, set)).1
            }
        };
        if self.gap.contains(&event) {
            return Ok(false);
        }
        if self.hit != Some(event) {
            if backwards {
                self.hit = set.last_up_to(event);
                self.gap = self.hit.map_or(0, |hit| hit + 1)..event + 1;
            } else {
                self.hit = set.next_from(event);
                self.gap = event..self.hit.unwrap_or(u32::MAX);
            }
        }
        Ok(self.hit == Some(event))
    }
}

/// Events that are known already.
#[derive(Debug)]
pub(super) struct PositionList(pub(super) std::vec::IntoIter<Position>);

impl Traversal for PositionList {
    fn step(&mut self, _: &mut GraphReader) -> Result<Option<Position>> {
        Ok(self.0.next())
    }
}
