//! Positions: the answers of the graph, each found when it is asked for.

use std::fmt;

use tidegate_format::{Position, Result};
use tidegate_segment::Ordinal;

use super::reader::GraphReader;
use crate::read::{Plan, Query, Set};

/// Finds the events of an answer one by one.
pub(super) trait Traversal: fmt::Debug + Send {
    /// Returns the next event, or `None` at the end.
    fn step(&mut self, reader: &mut GraphReader) -> Result<Option<Position>>;

    /// Returns whether the events come from the last one to the first.
    fn backwards(&self) -> bool {
        false
    }
}

/// Iterates over the positions of events, and finds each when it is asked for. It holds its view, so what is appended
/// later does not show. After an error it ends.
///
/// ```
/// use tidegate::{Batch, Cause, Draft, Query, Store};
///
/// let store = Store::in_memory()?;
/// let receipt = store.append(
///     Batch::new()
///         .and(Draft::new(("shop", "order-7"), "order.placed"))
///         .and(Draft::new(("shop", "pay-7"), "payment.taken").cause(Cause::Draft(0)))
///         .and(Draft::new(("shop", "order-7"), "order.shipped").cause(Cause::Draft(1))),
/// )?;
/// let graph = store.view()?.graph();
/// let orders = graph.ancestors(&[receipt.last()])?.only(Query::kind("order.*"));
/// assert_eq!(orders.collect::<tidegate::Result<Vec<_>>>()?, [receipt.first()]);
/// # Ok::<(), tidegate::Error>(())
/// ```
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

    /// Leaves out the events that a query does not select.
    #[must_use]
    pub fn only(mut self, query: impl Into<Query>) -> Self {
        self.only.push(Filter::new(query.into()));
        self
    }

    fn advance(&mut self) -> Result<Option<Position>> {
        'events: loop {
            let Some(event) = self.step.step(&mut self.reader)? else {
                // A filter that no event came to was not checked.
                return self.only.iter().try_for_each(|filter| filter.query.check()).map(|()| None);
            };
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
    /// The query as it is put to segments, once a segment was asked.
    plan: Option<Plan>,
    /// The segment that was asked last, and the events that the query selects in it.
    segment: Option<(usize, Set)>,
    /// Events next to each other of which the query selects none.
    gap: std::ops::Range<Ordinal>,
    /// An event that it selects, at an end of the gap.
    hit: Option<Ordinal>,
}

impl Filter {
    pub(super) fn new(query: Query) -> Self {
        Self { query, plan: None, segment: None, gap: Ordinal::FIRST..Ordinal::FIRST, hit: None }
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
                (self.gap, self.hit) = (Ordinal::FIRST..Ordinal::FIRST, None);
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
                self.gap = self.hit.map_or(Ordinal::FIRST, Ordinal::next)..event.next();
            } else {
                self.hit = set.next_from(event);
                self.gap = event..self.hit.unwrap_or(Ordinal::END);
            }
        }
        Ok(self.hit == Some(event))
    }
}

/// Positions that were found before the first is asked for.
#[derive(Debug)]
pub(super) struct PositionList(pub(super) std::vec::IntoIter<Position>);

impl Traversal for PositionList {
    fn step(&mut self, _: &mut GraphReader) -> Result<Option<Position>> {
        Ok(self.0.next())
    }
}
