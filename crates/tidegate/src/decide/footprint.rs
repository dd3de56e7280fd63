//! Footprints: what a decision read, which is what must not have moved when it is committed.

use std::cell::RefCell;
use std::fmt;

use serde_json::{Value, json};
use tidegate_format::{Coordinate, Error, EventId, Position, Result, Version};
use tidegate_segment::Event;

use crate::read::{Query, Read, View, query_value, read_query};

/// What was read through a [`DecisionView`]: queries, and ids that were not found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    pub(crate) queries: Vec<Query>,
    pub(crate) ids: Vec<EventId>,
}

impl Footprint {
    /// The queries whose answers it rests on.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// The ids it rests on not being in the log.
    pub fn absent_ids(&self) -> &[EventId] {
        &self.ids
    }

    /// Whether nothing was read that could change.
    pub fn is_empty(&self) -> bool {
        self.queries.is_empty() && self.ids.is_empty()
    }

    /// The note that keeps it, with the head of the view that was read.
    pub(crate) fn note(&self, judged_at: Position) -> String {
        let queries: Vec<_> = self.queries.iter().map(query_value).collect();
        let ids: Vec<_> = self.ids.iter().map(ToString::to_string).collect();
        json!({ "queries": queries, "absent_ids": ids, "judged_at": judged_at.0 }).to_string()
    }

    /// Reads a note, and when it was judged.
    pub(crate) fn read_note(note: &str) -> Result<(Self, Position)> {
        let broken = || Error::invalid(format!("this is no footprint: {note}"));
        let note: Value = serde_json::from_str(note).map_err(|cause| broken().because(cause))?;
        let list = |name: &str| note.get(name).and_then(Value::as_array).ok_or_else(broken);
        let queries = list("queries")?.iter().map(read_query).collect::<Result<_>>()?;
        let id = |id: &Value| id.as_str().and_then(|id| id.parse().ok()).ok_or_else(broken);
        let ids = list("absent_ids")?.iter().map(id).collect::<Result<_>>()?;
        let judged_at = note.get("judged_at").and_then(Value::as_u64).ok_or_else(broken)?;
        Ok((Self { queries, ids }, Position(judged_at)))
    }

    fn query(&mut self, query: &Query) {
        if !self.queries.contains(query) {
            self.queries.push(query.clone());
        }
    }
}

/// A view that remembers what was read through it. What cannot change any more, such as an event by its
/// position, is not remembered; a query is, whole, however little of its answer was looked at.
///
/// The [`head`](Self::head) is only where the view stands: a decision that uses it as a fact reads
/// everything, and says so with [`Query::ALL`].
#[derive(Debug)]
pub struct DecisionView {
    view: View,
    footprint: RefCell<Footprint>,
}

impl DecisionView {
    pub(crate) fn new(view: View) -> Self {
        Self { view, footprint: RefCell::default() }
    }

    /// The last position it shows.
    pub fn head(&self) -> Position {
        self.view.head()
    }

    /// The events of a query; see [`View::read`].
    pub fn read(
        &self,
        query: &Query,
        read: Read,
    ) -> impl Iterator<Item = Result<Event>> + fmt::Debug + use<> {
        self.remember(query, &read);
        self.view.read(query, read)
    }

    /// Folds the events of a query into a state, in order.
    ///
    /// # Errors
    ///
    /// Those of reading, and those of `step`.
    pub fn fold<S>(
        &self,
        query: &Query,
        state: S,
        mut step: impl FnMut(S, &Event) -> Result<S>,
    ) -> Result<S> {
        self.read(query, Read::all()).try_fold(state, |state, event| step(state, &event?))
    }

    /// How many events a query selects; see [`View::count`].
    pub fn count(&self, query: &Query, read: Read) -> Result<u64> {
        self.remember(query, &read);
        self.view.count(query, read)
    }

    /// Whether a query selects any event.
    pub fn exists(&self, query: &Query) -> Result<bool> {
        self.remember(query, &Read::all());
        Ok(self.view.first_match(query, Position::START)?.is_some())
    }

    /// How many events a stream has; see [`View::version`].
    pub fn version(&self, stream: &Coordinate) -> Result<Version> {
        self.remember(&Query::stream(stream.clone()), &Read::all());
        self.view.version(stream)
    }

    /// The last event of a stream.
    pub fn stream_head(&self, stream: &Coordinate) -> Result<Option<Event>> {
        self.remember(&Query::stream(stream.clone()), &Read::all());
        self.view.stream_head(stream)
    }

    /// The event at a position.
    pub fn at(&self, position: Position) -> Result<Option<Event>> {
        if position > self.view.head() {
            self.remember(&Query::ALL, &Read::all());
        }
        self.view.at(position)
    }

    /// The event with this id.
    pub fn find(&self, id: EventId) -> Result<Option<Event>> {
        let found = self.view.find(id)?;
        if found.is_none() {
            let mut footprint = self.footprint.borrow_mut();
            if !footprint.ids.contains(&id) {
                footprint.ids.push(id);
            }
        }
        Ok(found)
    }

    /// What was read so far.
    pub fn footprint(&self) -> Footprint {
        self.footprint.borrow().clone()
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// A part of the log that is closed cannot change, so only reads up to the head are remembered.
    fn remember(&self, query: &Query, read: &Read) {
        if read.before > self.view.head().next() {
            self.footprint.borrow_mut().query(query);
        }
    }
}
