//! Views that remember what was read through them: a decision's footprint must not have moved when it is committed.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

use tidegate_format::{EventId, Position, Result, StreamId, Text, Version};
use tidegate_segment::RecordedEvent;

use crate::batch::Footprint;
use crate::read::{Query, ReadOptions, View};

/// Values in the order they came, each once, found by their hash.
#[derive(Debug)]
struct InOrder<T>(HashMap<T, usize>);

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Clone + Eq + Hash> InOrder<T> {
    fn insert(&mut self, value: &T) {
        let next = self.0.len();
        if !self.0.contains_key(value) {
            self.0.insert(value.clone(), next);
        }
    }

    fn to_vec(&self) -> Vec<T> {
        sorted(self.0.iter().map(|(value, at)| (value.clone(), *at)))
    }

    fn into_vec(self) -> Vec<T> {
        sorted(self.0.into_iter())
    }
}

fn sorted<T>(values: impl Iterator<Item = (T, usize)>) -> Vec<T> {
    let mut values: Vec<_> = values.collect();
    values.sort_unstable_by_key(|(_, at)| *at);
    values.into_iter().map(|(value, _)| value).collect()
}

/// A footprint as it is collected.
#[derive(Debug, Default)]
struct Collected {
    queries: InOrder<Query>,
    ids: InOrder<EventId>,
    keys: InOrder<Text>,
}

/// A view that notes what was read through it. A query is noted as a whole, even if only a part of its answer was
/// looked at. What cannot change any more, such as an event by its position, is not noted.
///
/// ```
/// use tidegate::{Draft, EventId, Query, Result, Store, StreamId};
///
/// # fn main() -> Result<()> {
/// let store = Store::in_memory()?;
/// let (alice, paid) = (StreamId::new("bank", "alice"), Query::kind("money.paid"));
/// let pay = |view: &tidegate::decide::DecisionView| -> Result<_> {
///     let (number, version) = (view.count(&paid)?, view.version(&alice)?);
///     assert_eq!(view.exists(&paid)?, number > 0);
///     assert_eq!(view.last_event(&alice)?.map_or(0, |event| event.version().0), version.0);
///     let bytes = view.fold(&paid, 0, |bytes, event| Ok(bytes + event.payload()?.len()))?;
///     assert!(view.read(&paid).all(|event| event.is_ok_and(|event| event.kind() == "money.paid")));
///     assert!(view.find(EventId([7; 16]))?.is_none() && view.find_key("payment-1")?.is_none());
///     let footprint = view.footprint();
///     assert_eq!(footprint.queries(), [paid.clone(), Query::stream(alice.clone())]);
///     assert_eq!((footprint.absent_ids().len(), footprint.absent_keys().len()), (1, 1));
///     Draft::new(alice.clone(), "money.paid").json(&bytes)
/// };
/// assert!(store.decide(pay)?.receipt().is_some() && store.decide(pay)?.receipt().is_some());
/// # Ok(())
/// # }
/// ```
///
/// The [`head`](Self::head) itself is not noted. A decision that depends on it depends on every event, and reads
/// [`Query::ALL`] to say so.
#[derive(Debug)]
pub struct DecisionView {
    view: View,
    collected: RefCell<Collected>,
}

impl DecisionView {
    pub(crate) fn new(view: View) -> Self {
        Self { view, collected: RefCell::default() }
    }

    /// Returns the last position it shows.
    pub fn head(&self) -> Position {
        self.view.head()
    }

    /// Returns the events that a query selects, from the first to the last; see [`View::read`].
    pub fn read(&self, query: &Query) -> impl Iterator<Item = Result<RecordedEvent>> + fmt::Debug + use<> {
        self.read_with(query, ReadOptions::new())
    }

    /// Returns the part of the events that a query selects that `read` names; see [`View::read_with`].
    pub fn read_with(
        &self,
        query: &Query,
        read: ReadOptions,
    ) -> impl Iterator<Item = Result<RecordedEvent>> + fmt::Debug + use<> {
        self.remember(query, &read);
        self.view.read_with(query, read)
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
        mut step: impl FnMut(S, &RecordedEvent) -> Result<S>,
    ) -> Result<S> {
        self.read(query).try_fold(state, |state, event| step(state, &event?))
    }

    /// Returns how many events a query selects; see [`View::count`].
    pub fn count(&self, query: &Query) -> Result<u64> {
        self.count_with(query, ReadOptions::new())
    }

    /// Returns how many events a query selects in the part of the log that `read` names; see [`View::count_with`].
    pub fn count_with(&self, query: &Query, read: ReadOptions) -> Result<u64> {
        self.remember(query, &read);
        self.view.count_with(query, read)
    }

    /// Returns whether a query selects any event.
    pub fn exists(&self, query: &Query) -> Result<bool> {
        self.remember(query, &ReadOptions::new());
        Ok(self.view.first_match(query, Position::START)?.is_some())
    }

    /// Returns how many events a stream has; see [`View::version`].
    pub fn version(&self, stream: &StreamId) -> Result<Version> {
        self.remember(&Query::stream(stream.clone()), &ReadOptions::new());
        self.view.version(stream)
    }

    /// Returns the last event of a stream, or `None` if it has none.
    pub fn last_event(&self, stream: &StreamId) -> Result<Option<RecordedEvent>> {
        self.remember(&Query::stream(stream.clone()), &ReadOptions::new());
        self.view.last_event(stream)
    }

    /// Returns the event at a position, or `None` behind the last one; a decision then rests on the whole log.
    pub fn at(&self, position: Position) -> Result<Option<RecordedEvent>> {
        if position > self.view.head() {
            self.remember(&Query::ALL, &ReadOptions::new());
        }
        self.view.at(position)
    }

    /// Returns the event with this id, or `None`, which the decision then rests on.
    pub fn find(&self, id: EventId) -> Result<Option<RecordedEvent>> {
        let found = self.view.find(id)?;
        if found.is_none() {
            self.collected.borrow_mut().ids.insert(&id);
        }
        Ok(found)
    }

    /// Returns the first event of the batch with this idempotency key, or `None`, which the decision then rests on; see
    /// [`View::find_key`].
    pub fn find_key(&self, key: &str) -> Result<Option<RecordedEvent>> {
        let found = self.view.find_key(key)?;
        if found.is_none() {
            self.collected.borrow_mut().keys.insert(&Text::Owned(key.to_owned()));
        }
        Ok(found)
    }

    /// Returns what was read so far.
    pub fn footprint(&self) -> Footprint {
        let collected = self.collected.borrow();
        let Collected { queries, ids, keys } = &*collected;
        Footprint { queries: queries.to_vec(), ids: ids.to_vec(), keys: keys.to_vec() }
    }

    /// Returns the view, and what was read through it.
    pub(crate) fn into_parts(self) -> (View, Footprint) {
        let Collected { queries, ids, keys } = self.collected.into_inner();
        let footprint = Footprint { queries: queries.into_vec(), ids: ids.into_vec(), keys: keys.into_vec() };
        (self.view, footprint)
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// Notes a read in the footprint. A closed part of the log cannot change, so only reads up to the head are noted.
    fn remember(&self, query: &Query, read: &ReadOptions) {
        // Without the positions of its times it may cover what is to come.
        let is_open = self.view.span(read).map_or(true, |span| span.before > self.view.head().next());
        if is_open {
            self.collected.borrow_mut().queries.insert(query);
        }
    }
}
