//! Selections: parts of the graph.

use std::fmt::{self, Display};

use tidegate_format::{Position, Result};
use tidegate_segment::Ordinal;

use super::bitmap::Bitmap;
use super::positions::{Filter, Traversal};
use super::reader::GraphReader;
use super::relation::Between;
use super::traversal::{Ancestors, Descendants};
use crate::read::{Query, QueryItem, Span};

/// Selects a part of the graph.
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
    /// Returns a selection of events and all their ancestors.
    pub fn history(events: &[Position]) -> Self {
        Base::History(events.to_vec()).into()
    }

    /// Returns a selection of events and all their descendants.
    pub fn future(events: &[Position]) -> Self {
        Base::Future(events.to_vec()).into()
    }

    /// Returns a selection of all events on a way along effects from one event to another one, with these two.
    pub fn between(from: Position, to: Position) -> Self {
        Base::Between(from, to).into()
    }

    /// Returns a selection of events, those at most `up` causes before them, and those at most `down` effects behind them.
    pub fn around(events: &[Position], up: u32, down: u32) -> Self {
        Base::Around(events.to_vec(), up, down).into()
    }

    /// Leaves out the events that a query does not select.
    #[must_use]
    pub fn only(mut self, query: impl Into<Query>) -> Self {
        self.only.push(query.into());
        self
    }

    /// Returns the selected events.
    pub(super) fn bitmap(&self, reader: &mut GraphReader) -> Result<Bitmap> {
        self.only.iter().try_for_each(Query::check)?;
        let mut bitmap = Bitmap::new(reader.head());
        match &self.base {
            Base::Query(query) => mark_query(query, reader, &mut bitmap)?,
            Base::History(events) => {
                let mut walk = Ancestors::of(events, reader)?;
                mark_all(&mut walk, events, reader, &mut bitmap)?;
            }
            Base::Future(events) => {
                let mut walk = Descendants::of(events, reader)?;
                mark_all(&mut walk, events, reader, &mut bitmap)?;
            }
            Base::Between(from, to) => {
                let mut walk = Between::of(*from, *to, reader)?;
                mark_all(&mut walk, &[*from, *to], reader, &mut bitmap)?;
            }
            Base::Around(events, up, down) => mark_around(events, *up, *down, reader, &mut bitmap)?,
        }
        for query in &self.only {
            let mut filter = Filter::new(query.clone());
            let mut kept = Bitmap::new(reader.head());
            for event in bitmap.iter() {
                if filter.selects(event, reader, false)? {
                    kept.insert(event);
                }
            }
            bitmap = kept;
        }
        Ok(bitmap)
    }
}

/// Says what is selected, such as `what led to 7`.
///
/// ```
/// use tidegate::{Position, QueryItem, graph::Selection};
/// let around = Selection::around(&[Position(7), Position(9)], 4, 1);
/// assert_eq!(around.to_string(), "around 7 and 9, up to 4 causes back and 1 effect on");
/// ```
impl Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = |count: u32, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        match &self.base {
            Base::Query(query) if *query == Query::ALL => match &self.only[..] {
                [] => write!(f, "all events")?,
                [only] => return write!(f, "events of {only}"),
                _ => write!(f, "events")?,
            },
            Base::Query(query) => write!(f, "events of {query}")?,
            Base::History(events) => write!(f, "what led to {}", listed(events))?,
            Base::Future(events) => write!(f, "what {} led to", listed(events))?,
            Base::Between(from, to) => write!(f, "what led from {from} to {to}")?,
            Base::Around(events, 0, 0) => write!(f, "just {}", listed(events))?,
            Base::Around(events, up, 0) => {
                write!(f, "what led to {}, up to {} back", listed(events), steps(*up, "cause"))?;
            }
            Base::Around(events, 0, down) => {
                write!(f, "what {} led to, up to {} on", listed(events), steps(*down, "effect"))?;
            }
            Base::Around(events, up, down) => {
                let (up, down) = (steps(*up, "cause"), steps(*down, "effect"));
                write!(f, "around {}, up to {up} back and {down} on", listed(events))?;
            }
        }
        self.only.iter().try_for_each(|query| write!(f, ", only {query}"))
    }
}

/// Returns the positions in words, or how many they are.
fn listed(events: &[Position]) -> String {
    match events {
        [one] => one.to_string(),
        [one, other] => format!("{one} and {other}"),
        [one, other, third] => format!("{one}, {other} and {third}"),
        many => format!("{} events", many.len()),
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

fn mark_query(query: &Query, reader: &GraphReader, bitmap: &mut Bitmap) -> Result<()> {
    let plan = reader.view().plan(query)?;
    for (segment, from, to) in reader.view().parts(&plan, &Span::ALL) {
        let mut set = plan.set(segment)?;
        let mut next = |event: Ordinal| set.next_from(event).filter(|event| *event < to);
        let mut found = next(from);
        while let Some(event) = found {
            bitmap.insert(segment.position(event));
            found = next(event.next());
        }
    }
    reader.view().check_end()
}

fn mark_all(
    walk: &mut impl Traversal,
    ends: &[Position],
    reader: &mut GraphReader,
    bitmap: &mut Bitmap,
) -> Result<()> {
    for event in ends {
        reader.check(*event)?;
        bitmap.insert(*event);
    }
    while let Some(event) = walk.step(reader)? {
        bitmap.insert(event);
    }
    Ok(())
}

fn mark_around(
    events: &[Position],
    up: u32,
    down: u32,
    reader: &mut GraphReader,
    bitmap: &mut Bitmap,
) -> Result<()> {
    for event in events {
        reader.check(*event)?;
        bitmap.insert(*event);
    }
    let (mut above, mut below) = (events.to_vec(), events.to_vec());
    for _ in 0..up {
        let mut next = Vec::new();
        for event in above.drain(..) {
            next.extend(reader.causes(event)?.iter().filter(|cause| bitmap.insert(**cause)));
        }
        above = next;
    }
    // Events above were marked by the loop before; here only those found by this one are passed over.
    let mut seen = Bitmap::new(reader.head());
    for _ in 0..down {
        let mut next = Vec::new();
        for event in below.drain(..) {
            let mut effects = super::traversal::Effects::of(event, reader)?;
            while let Some(effect) = effects.step(reader)? {
                if seen.insert(effect) {
                    bitmap.insert(effect);
                    next.push(effect);
                }
            }
        }
        below = next;
    }
    Ok(())
}

/// Iterates over the events of a bitmap, the first one first.
#[derive(Debug)]
pub(super) struct BitmapIter {
    pub(super) bitmap: Bitmap,
    pub(super) next: Position,
}

impl Traversal for BitmapIter {
    fn step(&mut self, _: &mut GraphReader) -> Result<Option<Position>> {
        let found = self.bitmap.next_from(self.next);
        self.next = found.map_or(Position::MAX, Position::next);
        Ok(found)
    }
}

/// Finds the events of a bitmap none of whose causes is in it, the first one first.
#[derive(Debug)]
pub(super) struct Roots {
    pub(super) events: BitmapIter,
}

impl Traversal for Roots {
    fn step(&mut self, reader: &mut GraphReader) -> Result<Option<Position>> {
        while let Some(event) = self.events.step(reader)? {
            if !reader.causes(event)?.iter().any(|cause| self.events.bitmap.contains(*cause)) {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }
}

/// Finds the events of a bitmap none of whose effects is in it, the last one first.
#[derive(Debug)]
pub(super) struct Leaves {
    pub(super) bitmap: Bitmap,
    /// Causes of the events that came.
    pub(super) causes: Bitmap,
    pub(super) next: Position,
}

impl Traversal for Leaves {
    fn step(&mut self, reader: &mut GraphReader) -> Result<Option<Position>> {
        while let Some(event) = self.bitmap.last_up_to(self.next) {
            self.next = event.before();
            for cause in reader.causes(event)? {
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
