//! Read models: states in the caller's own database, changed in the caller's own transactions.
//!
//! Invariants:
//!
//! M1. Events and the bookmark after them are handed over together; what a failed transaction left is read from
//!     the database before anything else is handed over.
//! M2. Nothing is handed over that the log could still lose.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use tidegate_format::{Error, ErrorKind, ErrorPlace, Hash, Position, Result};
use tidegate_segment::RecordedEvent;

use super::bookmark::Bookmark;
use crate::read::Query;
use crate::store::StoreReader;
use crate::subscription::Subscription;

/// A state in a database of the caller's, with a [`Bookmark`] beside it. An [`Updater`] brings it up to date.
///
/// Each event is in the state once, through crashes of either side, if [`commit`](Self::commit) changes state
/// and bookmark in one transaction and does nothing else: after an error it is called again for the same events. The crate
/// `tidegate-enrolment` of this workspace does it with `SQLite`. Here a map stands for the database:
///
/// ```
/// use std::collections::BTreeMap;
/// use tidegate::project::{Bookmark, ReadModel, Updater};
/// use tidegate::{Draft, RecordedEvent, QueryItem, Query, Store};
///
/// #[derive(Clone, Default)]
/// struct Orders {
///     per_customer: BTreeMap<String, u64>,
///     bookmark: Option<String>,
/// }
///
/// impl ReadModel for Orders {
///     const VERSION: u16 = 1;
///     type Error = &'static str;
///
///     fn query(&self) -> Query {
///         QueryItem::new().kind("order.placed").into()
///     }
///
///     fn bookmark(&mut self) -> Result<Option<String>, Self::Error> {
///         Ok(self.bookmark.clone())
///     }
///
///     fn commit(&mut self, events: &[RecordedEvent], before: Option<&Bookmark>, after: &Bookmark) -> Result<(), Self::Error> {
///         let mut next = self.clone(); // the transaction
///         if next.bookmark != before.map(ToString::to_string) {
///             return Err("another updater has moved on");
///         }
///         for event in events {
///             *next.per_customer.entry(event.entity().to_owned()).or_default() += 1;
///         }
///         next.bookmark = Some(after.to_string());
///         *self = next;
///         Ok(())
///     }
/// }
///
/// let store = Store::in_memory()?;
/// let placed = store.append(Draft::new(("orders", "ada"), "order.placed"))?;
/// let mut orders = Updater::open(&store, Orders::default())?;
/// assert_eq!(orders.update()?, placed.last());
/// assert_eq!(orders.model().per_customer["ada"], 1);
/// # Ok::<(), tidegate::Error>(())
/// ```
pub trait ReadModel {
    /// Version of the model, from 1 on: if the same events would give another state, it is another version, which begins with a database, or tables, of its own.
    const VERSION: u16;

    /// Error of its database.
    type Error: Into<Box<dyn StdError + Send + Sync>>;

    /// Returns the query of its events.
    fn query(&self) -> Query;

    /// Returns the text of the bookmark that was committed last, or `None` before the first one.
    ///
    /// # Errors
    ///
    /// Those of the database.
    fn bookmark(&mut self) -> Result<Option<String>, Self::Error>;

    /// Takes in events, in order, and replaces the bookmark, all in one transaction. It should refuse if the
    /// database does not hold the bookmark `before`: another updater has moved on, and these events are in already.
    ///
    /// # Errors
    ///
    /// Those of the database, and what keeps an event from being taken in. After one, what the database holds
    /// is read again, whether that is the old state or the new one.
    fn commit(
        &mut self,
        events: &[RecordedEvent],
        before: Option<&Bookmark>,
        after: &Bookmark,
    ) -> Result<(), Self::Error>;
}

/// Brings a [`ReadModel`] up to date, on its caller's thread. Only durable events are handed over: if newer
/// events are visible, as after a [`Buffered`](crate::Durability::Buffered) append, they are synced first.
pub struct Updater<M> {
    store: StoreReader,
    model: M,
    query: Query,
    /// The bookmark before the first event.
    start: Bookmark,
    /// The bookmark that the database holds; unknown after a transaction that failed.
    bookmark: Option<Bookmark>,
    subscription: Option<Subscription>,
    events_max: usize,
    /// Batches up to here are handed over one by one, to find the one that cannot be taken in.
    singly: Position,
}

impl<M: ReadModel> Updater<M> {
    /// Opens an updater, which begins at the bookmark that the database holds; see [`ReadModel`] for an example.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for version 0 and a query that names what no event can have.
    /// [`Refused`](ErrorKind::Refused) if the database has another version of the model, or has taken in another
    /// query. [`Damaged`](ErrorKind::Damaged) if it is of another store or ahead of the log, or its bookmark is not one.
    /// [`Io`](ErrorKind::Io) with the database's own error as its source.
    pub fn open(store: &StoreReader, model: M) -> Result<Self> {
        if M::VERSION == 0 {
            return Err(Error::invalid("versions of a read model are counted from 1"));
        }
        let query = model.query();
        query.check()?;
        let start = Bookmark::new(store.id(), M::VERSION, &query, Position::START, Hash::ZERO);
        let mut updater = Self {
            store: store.clone(),
            model,
            query,
            start,
            bookmark: None,
            subscription: None,
            events_max: 1000,
            singly: Position::START,
        };
        updater.subscription = Some(updater.ready()?);
        Ok(updater)
    }

    /// Sets how many events a transaction takes at most. Default: 1,000. A batch is never divided, so it may be more.
    ///
    /// ```
    /// # use tidegate::project::{Bookmark, ReadModel, Updater};
    /// # use tidegate::{Draft, Position, Query, RecordedEvent, Store};
    /// # #[derive(Default)]
    /// # struct Count(usize, Option<String>);
    /// # impl ReadModel for Count {
    /// #     const VERSION: u16 = 1;
    /// #     type Error = &'static str;
    /// #     fn query(&self) -> Query { Query::ALL }
    /// #     fn bookmark(&mut self) -> Result<Option<String>, Self::Error> { Ok(self.1.clone()) }
    /// #     fn commit(&mut self, events: &[RecordedEvent], _: Option<&Bookmark>, after: &Bookmark) -> Result<(), Self::Error> {
    /// #         *self = Self(self.0 + events.len(), Some(after.to_string()));
    /// #         Ok(())
    /// #     }
    /// # }
    /// # let store = Store::in_memory()?;
    /// let orders = Updater::open(&store, Count::default())?.at_most(100);
    /// # let _ = orders;
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    #[must_use]
    pub fn at_most(self, events: usize) -> Self {
        Self { events_max: events.max(1), ..self }
    }

    /// Takes in every event that is visible now, and returns how far the model got.
    ///
    /// ```
    /// # use tidegate::project::{Bookmark, ReadModel, Updater};
    /// # use tidegate::{Draft, Position, Query, RecordedEvent, Store};
    /// # #[derive(Default)]
    /// # struct Count(usize, Option<String>);
    /// # impl ReadModel for Count {
    /// #     const VERSION: u16 = 1;
    /// #     type Error = &'static str;
    /// #     fn query(&self) -> Query { Query::ALL }
    /// #     fn bookmark(&mut self) -> Result<Option<String>, Self::Error> { Ok(self.1.clone()) }
    /// #     fn commit(&mut self, events: &[RecordedEvent], _: Option<&Bookmark>, after: &Bookmark) -> Result<(), Self::Error> {
    /// #         *self = Self(self.0 + events.len(), Some(after.to_string()));
    /// #         Ok(())
    /// #     }
    /// # }
    /// # let store = Store::in_memory()?;
    /// let placed = store.append(Draft::new(("shop", "order-1"), "order.placed"))?;
    /// let mut orders = Updater::open(&store, Count::default())?;
    /// assert_eq!(orders.update()?, placed.last());
    /// assert_eq!((orders.position(), orders.model().0), (placed.last(), 1));
    /// assert_eq!(orders.into_model().0, 1);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of reading, of making events durable, and of the database. If a batch cannot be taken in, those
    /// before it are, and the error names it. It can be called again.
    pub fn update(&mut self) -> Result<Position> {
        loop {
            let mut subscription = self.ready()?;
            let batch = subscription.batch_now()?;
            if batch.is_empty() {
                self.subscription = Some(subscription);
                return Ok(self.position());
            }
            self.take(subscription, batch)?;
        }
    }

    /// Waits for a new event up to `time`, takes in every event that is visible then, and returns how far the model got;
    /// `None` once the store was closed and everything was taken in.
    ///
    /// ```
    /// # use tidegate::project::{Bookmark, ReadModel, Updater};
    /// # use tidegate::{Draft, Position, Query, RecordedEvent, Store};
    /// # #[derive(Default)]
    /// # struct Count(usize, Option<String>);
    /// # impl ReadModel for Count {
    /// #     const VERSION: u16 = 1;
    /// #     type Error = &'static str;
    /// #     fn query(&self) -> Query { Query::ALL }
    /// #     fn bookmark(&mut self) -> Result<Option<String>, Self::Error> { Ok(self.1.clone()) }
    /// #     fn commit(&mut self, events: &[RecordedEvent], _: Option<&Bookmark>, after: &Bookmark) -> Result<(), Self::Error> {
    /// #         *self = Self(self.0 + events.len(), Some(after.to_string()));
    /// #         Ok(())
    /// #     }
    /// # }
    /// # let store = Store::in_memory()?;
    /// let mut orders = Updater::open(&store, Count::default())?;
    /// store.append(Draft::new(("shop", "order-1"), "order.placed"))?;
    /// let second = std::time::Duration::from_secs(1);
    /// assert_eq!(orders.update_within(second)?, Some(Position(1)));
    /// store.close()?;
    /// assert_eq!(orders.update_within(second)?, None);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) after `time`, [`Ended`](ErrorKind::Ended) if the writer did not end
    /// in good order, and those of [`update`](Self::update).
    pub fn update_within(&mut self, time: Duration) -> Result<Option<Position>> {
        let mut subscription = self.ready()?;
        match subscription.next_batch(time) {
            Ok(batch) if !batch.is_empty() => {
                self.take(subscription, batch)?;
                self.update().map(Some)
            }
            Ok(_) => {
                self.subscription = Some(subscription);
                Ok(None)
            }
            Err(error) => {
                if error.kind() == ErrorKind::TimedOut {
                    self.subscription = Some(subscription);
                }
                Err(error)
            }
        }
    }

    /// Returns how far the model got: every event of the query up to this position is in the state.
    pub fn position(&self) -> Position {
        self.bookmark.as_ref().unwrap_or(&self.start).position()
    }

    /// Returns the model, to read its state.
    pub fn model(&mut self) -> &mut M {
        &mut self.model
    }

    /// Returns the model, with everything committed that was taken in.
    pub fn into_model(self) -> M {
        self.model
    }

    /// Returns the subscription after the bookmark that the database holds. It is taken out, so that after an error or a panic,
    /// when events were read that the database does not have, the next call begins from the database again.
    fn ready(&mut self) -> Result<Subscription> {
        let opening = self.store.opening();
        // Of an earlier opening it may have passed over positions that were given again. What the database holds was durable.
        if let Some(subscription) = self.subscription.take().filter(|one| self.store.is_in(one.opening())) {
            return Ok(subscription);
        }
        // keeps M1
        let found = self.model.bookmark().map_err(|cause| database("its bookmark was not read", cause))?;
        let found = found.map(|text| text.parse::<Bookmark>()).transpose()?;
        if let Some(bookmark) = &found {
            bookmark.check(&self.start, &opening.view()?)?;
        }
        self.bookmark = found;
        Ok(Subscription::new(&self.store, opening, self.query.clone(), self.position()))
    }

    /// Hands over a batch, and further visible ones, in one transaction.
    fn take(&mut self, mut subscription: Subscription, mut events: Vec<RecordedEvent>) -> Result<()> {
        let first = events[0].position();
        let one_batch = events.len();
        let mut failed = false;
        while first > self.singly && events.len() < self.events_max {
            // What was read before an error is taken in first; the next call meets the error again.
            let Ok(batch) = subscription.batch_now() else {
                failed = true;
                break;
            };
            if batch.is_empty() {
                break;
            }
            events.extend(batch);
        }
        let last = events.last().expect("there is a first one");
        let after = self.start.moved(last.position(), last.leaf());
        // keeps M2, in the opening that the events were read in
        let opening = subscription.opening();
        if opening.frontier().durable < after.position() {
            opening.wait_durable(after.position(), Duration::MAX)?;
        }
        match self.model.commit(&events, self.bookmark.as_ref(), &after) {
            Ok(()) => {
                self.bookmark = Some(after);
                self.subscription = (!failed).then_some(subscription);
                Ok(())
            }
            Err(_) if events.len() > one_batch => {
                self.singly = after.position();
                Ok(())
            }
            Err(cause) => {
                Err(database("it did not take in an event or its batch", cause).at(ErrorPlace::Event(first)))
            }
        }
    }
}

fn database(message: &str, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Io, format!("the read model failed: {message}")).because(cause)
}

impl<M> fmt::Debug for Updater<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Updater")
            .field("query", &self.query)
            .field("bookmark", &self.bookmark)
            .finish_non_exhaustive()
    }
}
