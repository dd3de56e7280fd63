//! Selections: parts of the graph.

use tidegate_format::{Position, Result};

use super::ground::Ground;
use super::marks::Marks;
use super::positions::{Filter, Step};
use super::relation::Between;
use super::walk::{Ancestors, Descendants};
use crate::read::{Query, QueryItem, ReadOptions};

/// A part of the graph: which events are looked at.
///
/// ```
/// use tidegate::{QueryItem, Position, graph::Selection};
/// let orders = Selection::from(QueryItem::new().kind("order.*"));
/// let why = Selection::history(&[Position(7)]).only(QueryItem::new().scope("shop"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    base: Base,
    only: Vec<Query>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Base {
    Query(Query),
    History(Vec<Position>),
    Future(Vec<Position>),
    Between(Position, Position),
    Around(Vec<Position>, u32, u32),
}

impl Selection {
    /// Events and all their ancestors.
    pub fn history(events: &[Position]) -> Self {
        Base::History(events.to_vec()).into()
    }

    /// Events and all their descendants.
    pub fn future(events: &[Position]) -> Self {
        Base::Future(events.to_vec()).into()
    }

    /// All events on a way along effects from one event to another one, with these two.
    pub fn between(from: Position, to: Position) -> Self {
        Base::Between(from, to).into()
    }

    /// Events and those that are at most so many causes before them, or so many effects behind them.
    pub fn around(events: &[Position], up: u32, down: u32) -> Self {
        Base::Around(events.to_vec(), up, down).into()
    }

    /// Only those that a query selects too.
    #[must_use]
    pub fn only(mut self, query: impl Into<Query>) -> Self {
        self.only.push(query.into());
        self
    }

    /// The selected events.
    pub(super) fn marks(&self, ground: &mut Ground) -> Result<Marks> {
        let mut marks = Marks::new(ground.head());
        match &self.base {
            Base::Query(query) => mark_query(query, ground, &mut marks)?,
            Base::History(events) => {
                let mut walk = Ancestors::of(events, ground)?;
                mark_all(&mut walk, events, ground, &mut marks)?;
            }
            Base::Future(events) => {
                let mut walk = Descendants::of(events, ground)?;
                mark_all(&mut walk, events, ground, &mut marks)?;
            }
            Base::Between(from, to) => {
                let mut walk = Between::of(*from, *to, ground)?;
                mark_all(&mut walk, &[*from, *to], ground, &mut marks)?;
            }
            Base::Around(events, up, down) => mark_around(events, *up, *down, ground, &mut marks)?,
        }
        for query in &self.only {
            let mut filter = Filter::new(query.clone());
            let mut kept = Marks::new(ground.head());
            for event in marks.iter() {
                if filter.selects(event, ground, false)? {
                    kept.insert(event);
                }
            }
            marks = kept;
        }
        Ok(marks)
    }
}

impl From<Base> for Selection {
    fn from(base: Base) -> Self {
        Self { base, only: Vec::new() }
    }
}

impl From<Query> for Selection {
    fn from(query: Query) -> Self {
        Base::Query(query).into()
    }
}

impl From<QueryItem> for Selection {
    fn from(item: QueryItem) -> Self {
        Query::from(item).into()
    }
}

fn mark_query(query: &Query, ground: &Ground, marks: &mut Marks) -> Result<()> {
    let plan = ground.view().plan(query)?;
    for (segment, from, to) in ground.view().parts(&plan, &ReadOptions::all()) {
        let mut set = plan.set(segment)?;
        let mut next = |event: u32| set.next_from(event).filter(|event| *event < to);
        let mut found = next(from);
        while let Some(event) = found {
            marks.insert(segment.first().plus(u64::from(event)));
            found = next(event + 1);
        }
    }
    ground.view().check_end()
}

fn mark_all(walk: &mut impl Step, ends: &[Position], ground: &mut Ground, marks: &mut Marks) -> Result<()> {
    for event in ends {
        ground.check(*event)?;
        marks.insert(*event);
    }
    while let Some(event) = walk.step(ground)? {
        marks.insert(event);
    }
    Ok(())
}

fn mark_around(
    events: &[Position],
    up: u32,
    down: u32,
    ground: &mut Ground,
    marks: &mut Marks,
) -> Result<()> {
    for event in events {
        ground.check(*event)?;
        marks.insert(*event);
    }
    let (mut above, mut below) = (events.to_vec(), events.to_vec());
    for _ in 0..up {
        let mut next = Vec::new();
        for event in above.drain(..) {
            next.extend(ground.causes(event)?.iter().filter(|cause| marks.insert(**cause)));
        }
        above = next;
    }
    // What lies above was marked on its own way; here only what was marked on this one counts.
    let mut seen = Marks::new(ground.head());
    for _ in 0..down {
        let mut next = Vec::new();
        for event in below.drain(..) {
            let mut effects = super::walk::Effects::of(event, ground)?;
            while let Some(effect) = effects.step(ground)? {
                if seen.insert(effect) {
                    marks.insert(effect);
                    next.push(effect);
                }
            }
        }
        below = next;
    }
    Ok(())
}

/// Marked events, the first one first.
#[derive(Debug)]
pub(super) struct Marked {
    pub(super) marks: Marks,
    pub(super) next: Position,
}

impl Step for Marked {
    fn step(&mut self, _: &mut Ground) -> Result<Option<Position>> {
        let found = self.marks.next_from(self.next);
        self.next = found.map_or(Position::MAX, Position::next);
        Ok(found)
    }
}

/// Marked events none of whose causes is marked, the first one first.
#[derive(Debug)]
pub(super) struct Roots {
    pub(super) marked: Marked,
}

impl Step for Roots {
    fn step(&mut self, ground: &mut Ground) -> Result<Option<Position>> {
        while let Some(event) = self.marked.step(ground)? {
            if !ground.causes(event)?.iter().any(|cause| self.marked.marks.contains(*cause)) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }
}

/// Marked events none of whose effects is marked, the last one first.
#[derive(Debug)]
pub(super) struct Leaves {
    pub(super) marks: Marks,
    /// Causes of marked events.
    pub(super) causes: Marks,
    pub(super) next: Position,
}

impl Step for Leaves {
    fn step(&mut self, ground: &mut Ground) -> Result<Option<Position>> {
        while let Some(event) = self.marks.last_up_to(self.next) {
            self.next = event.before();
            for cause in ground.causes(event)? {
                self.causes.insert(*cause);
            }
            if !self.causes.contains(event) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn backwards(&self) -> bool {
        true
    }
}
