//! Subscriptions: every event of a query, past and future, once and in order.
//!
//! ```
//! use std::time::Duration;
//! use tidegate::{Draft, QueryItem, Position, Store};
//!
//! let store = Store::in_memory()?;
//! let order = |kind: &'static str| Draft::new(("shop", "order-7"), kind);
//! store.append(order("order.placed"))?;
//!
//! let orders = store.subscribe(QueryItem::new().kind("order.*"), Position::START);
//! std::thread::scope(|scope| {
//!     let reading = scope.spawn(|| {
//!         orders.map(|event| Ok(event?.kind().to_owned())).collect::<tidegate::Result<Vec<_>>>()
//!     });
//!     store.append(order("order.paid"))?;
//!     store.close()?; // ends the subscription once it has delivered everything
//!     assert_eq!(reading.join().unwrap()?, ["order.placed", "order.paid"]);
//!     Ok::<(), tidegate::Error>(())
//! })?;
//! # Ok::<(), tidegate::Error>(())
//! ```
mod state_dir;
mod tap;
#[cfg(feature = "futures")]
mod stream;
pub mod cursor;
pub mod worker;
pub mod reactor;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tidegate_format::{Error, ErrorKind, Position, Result};
use tidegate_segment::RecordedEvent;

pub(crate) use state_dir::LOCK_SUFFIX;
pub use state_dir::StateDir;
#[cfg(feature = "futures")]
pub use stream::EventStream;
pub use tap::Tap;

use crate::published::Deadline;
use crate::read::{Events, Query, ReadOptions};
use crate::store::{Opening, StoreReader};

/// Every event of a query after a position: first those that are there, then new ones as soon as they are visible, each
/// once and in order. It holds a position and no events, and no writer waits for it, however slow it is.
///
/// As an iterator it blocks until there is a further event, and ends when the store is closed and everything
/// was delivered. If the writer ended otherwise, its error comes last, and so does damage of a store that is open
/// for reading only. A task takes it as an asynchronous stream instead, by `into_stream`, with the feature `futures`.
///
/// After [`Store::reopen`](crate::Store::reopen) it goes on where it was, also if it had ended. If it had seen events that
/// were lost with the earlier writer, it says so with [`Diverged`](ErrorKind::Diverged), and ends for good: what it
/// delivered is not all in the log.
///
/// Events that were appended with [`Buffered`](crate::Durability::Buffered) durability are visible before they are
/// durable.
pub struct Subscription {
    store: StoreReader,
    /// Where it stands, and what its position and its events are of.
    opening: Arc<Opening>,
    query: Query,
    /// Everything up to here was delivered or is not selected.
    position: Position,
    /// The rest of a view.
    events: Option<Events>,
    /// An event that was found, and belongs to the next batch.
    found: Option<RecordedEvent>,
    /// Whether it returned its end or an error; `None` from then on, in this opening.
    ended: bool,
    /// Whether it has seen events that were lost; `None` from then on.
    diverged: bool,
}

/// Result of looking for the next event without waiting.
enum Look {
    Found(RecordedEvent),
    /// Nothing after the position, so far.
    Nothing,
    Ended,
}

impl StoreReader {
    /// Subscribes to the events of a query after a position, past and future; see [`Subscription`].
    ///
    /// ```
    /// use tidegate::{Draft, Position, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// let mut events = store.subscribe(Query::ALL, Position::START);
    /// assert_eq!(events.next().expect("the store is open")?.kind(), "order.placed");
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn subscribe(&self, query: impl Into<Query>, after: Position) -> Subscription {
        Subscription::new(self, self.opening(), query.into(), after)
    }
}

impl Subscription {
    pub(crate) fn new(store: &StoreReader, opening: Arc<Opening>, query: Query, after: Position) -> Self {
        let (store, events, found) = (store.clone(), None, None);
        Self { store, opening, query, position: after, events, found, ended: false, diverged: false }
    }

    /// Returns the opening that it stands in.
    pub(crate) fn opening(&self) -> &Arc<Opening> {
        &self.opening
    }

    /// Moves to the newest opening of the store, unless it stands there. In each opening it goes on after what the
    /// earlier ones showed and kept.
    fn move_on(&mut self) -> Result<()> {
        if self.store.is_in(&self.opening) || self.diverged {
            return Ok(());
        }
        let reached = self.reached();
        let earlier = std::mem::replace(&mut self.opening, self.store.opening());
        (self.position, self.events, self.found, self.ended) = (reached, None, None, false);
        // It may begin behind the log, and has seen nothing there.
        let seen = reached.min(earlier.published().visible());
        let checked = self.opening.check_kept(earlier.generation(), seen, "the subscription");
        self.diverged = checked.is_err();
        checked
    }

    /// Returns its query.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Returns how far it got: every event of the query up to this position was delivered. Another subscription after it
    /// continues from here. (A method `position` would hide behind that of iterators.)
    ///
    /// ```
    /// use tidegate::{Draft, Position, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// let mut events = store.subscribe(Query::ALL, Position::START);
    /// assert_eq!((events.query(), events.reached()), (&Query::ALL, Position::START));
    /// events.next_now()?;
    /// assert_eq!(events.reached(), Position(1));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn reached(&self) -> Position {
        match &self.found {
            Some(event) => event.position().before(),
            None => self.position,
        }
    }

    /// Returns the next event, waiting for it up to `time`; `None` once the store was closed and everything was delivered.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate::{Draft, ErrorKind, Position, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let mut events = store.subscribe(Query::ALL, Position::START);
    /// let late = events.next_within(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(late.kind(), ErrorKind::TimedOut);
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// assert!(events.next_within(Duration::from_secs(1))?.is_some());
    /// store.close()?;
    /// assert!(events.next_within(Duration::from_secs(1))?.is_none());
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) after `time`; it can be called again. Those of reading, and
    /// [`Ended`](ErrorKind::Ended) if the writer did not end in good order; the subscription has ended then.
    pub fn next_within(&mut self, time: Duration) -> Result<Option<RecordedEvent>> {
        let deadline = self.opening.deadline(time);
        self.next_by(Some(&deadline))
    }

    /// Returns the next event that is visible now, or `None`.
    ///
    /// ```
    /// use tidegate::{Draft, Position, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let mut events = store.subscribe(Query::ALL, Position::START);
    /// assert!(events.next_now()?.is_none());
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// assert!(events.next_now()?.is_some());
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`next_within`](Self::next_within).
    pub fn next_now(&mut self) -> Result<Option<RecordedEvent>> {
        match self.look()? {
            Look::Found(event) => Ok(Some(event)),
            Look::Nothing | Look::Ended => Ok(None),
        }
    }

    /// Returns the next events that were appended as one batch, those of them that the query selects and never a part of
    /// these. It waits like [`next_within`](Self::next_within), and returns no event at the end.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate::{Draft, Position, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let order = |kind: &'static str| Draft::new(("shop", "order-7"), kind);
    /// store.append(vec![order("order.placed"), order("order.paid")])?;
    /// store.append(order("order.sent"))?;
    /// let mut events = store.subscribe(Query::ALL, Position::START);
    /// assert_eq!(events.next_batch(Duration::from_secs(1))?.len(), 2);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`next_within`](Self::next_within).
    pub fn next_batch(&mut self, time: Duration) -> Result<Vec<RecordedEvent>> {
        match self.next_within(time)? {
            Some(first) => self.batch_of(first),
            None => Ok(Vec::new()),
        }
    }

    /// Returns the next batch like [`next_batch`](Self::next_batch) if it is visible now, and no event otherwise.
    pub(crate) fn batch_now(&mut self) -> Result<Vec<RecordedEvent>> {
        match self.next_now()? {
            Some(first) => self.batch_of(first),
            None => Ok(Vec::new()),
        }
    }

    /// Returns an event that was just delivered, and those after it that were appended with it.
    fn batch_of(&mut self, first: RecordedEvent) -> Result<Vec<RecordedEvent>> {
        let mut batch = vec![first];
        // A batch becomes visible as a whole, so the rest of it is in the same view.
        while let Some(events) = &mut self.events
            && let Some(event) = events.next().transpose().inspect_err(|_| self.ended = true)?
        {
            let last = batch.last().expect("it has a first");
            if !same_batch(events.view(), last, &event)? {
                self.found = Some(event);
                break;
            }
            self.position = event.position();
            batch.push(event);
        }
        Ok(batch)
    }

    /// Delivers only the newest events from now on, and counts those it leaves out: see [`Tap`].
    pub fn lossy(self, capacity: usize) -> Tap {
        Tap::new(self, capacity)
    }

    fn next_by(&mut self, deadline: Option<&Deadline>) -> Result<Option<RecordedEvent>> {
        loop {
            match self.look()? {
                Look::Found(event) => return Ok(Some(event)),
                Look::Ended => return Ok(None),
                Look::Nothing => {
                    if !self.opening.wait(self.position, deadline)? {
                        let message =
                            format!("no further event came in time after position {}", self.position);
                        return Err(Error::new(ErrorKind::TimedOut, message));
                    }
                }
            }
        }
    }

    /// Looks for the next event without waiting. After an error there is none.
    fn look(&mut self) -> Result<Look> {
        self.move_on()?;
        self.look_here()
    }

    /// Looks for the next event in the opening where it stands.
    fn look_here(&mut self) -> Result<Look> {
        if self.ended || self.diverged {
            return Ok(Look::Ended);
        }
        let look = self.look_on();
        self.ended |= !matches!(look, Ok(Look::Found(_) | Look::Nothing));
        look
    }

    fn look_on(&mut self) -> Result<Look> {
        if let Some(event) = self.found.take() {
            self.position = event.position();
            return Ok(Look::Found(event));
        }
        loop {
            if let Some(events) = &mut self.events {
                if let Some(event) = events.next().transpose()? {
                    self.position = event.position();
                    return Ok(Look::Found(event));
                }
                self.position = self.position.max(events.view().head());
                self.events = None;
            }
            self.query.check()?;
            let (view, ended) = self.opening.now()?;
            if view.head() > self.position {
                // Bounded, so that what precedes damage is delivered, whole batches of it, before the damage is told.
                let read = ReadOptions::new().after(self.position).before(view.head().next());
                self.events = Some(view.read_with(&self.query, read));
                continue;
            }
            view.check_end()?;
            return match ended {
                None => Ok(Look::Nothing),
                Some(ended) => ended.map(|()| Look::Ended),
            };
        }
    }
}

/// Returns whether two events of a view, in this order, belong to one batch.
fn same_batch(view: &crate::View, first: &RecordedEvent, later: &RecordedEvent) -> Result<bool> {
    let mut event = first.clone();
    while !event.record().ends_batch() {
        let next = event.position().next();
        if next == later.position() {
            return Ok(true);
        }
        match view.at(next)? {
            Some(between) => event = between,
            None => return Ok(false),
        }
    }
    Ok(false)
}

impl Iterator for Subscription {
    type Item = Result<RecordedEvent>;

    fn next(&mut self) -> Option<Result<RecordedEvent>> {
        self.next_by(None).transpose()
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("query", &self.query)
            .field("reached", &self.reached())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
