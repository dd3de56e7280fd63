//! Reactors: a handler turns events into batches, and one reaction to each event is committed, through crashes.
//!
//! ```
//! use tidegate::subscription::reactor::Step;
//! use tidegate::{Draft, QueryItem, Store};
//!
//! let store = Store::in_memory()?;
//! let billing = store.reactor("billing", QueryItem::new().kind("order.placed"), |_view, order| {
//!     Ok(Some(Draft::new(("bills", order.entity().to_owned()), "bill.sent").into()))
//! })?;
//! let order = store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
//! let Step::Reacted(receipt) = billing.step()? else { panic!("there is an order") };
//! let bill = store.view()?.at(receipt.first())?.expect("it was committed");
//! assert_eq!(bill.causes().collect::<Vec<_>>(), [order.first().into()]);
//! assert_eq!(bill.correlation(), order.events[0].id, "it is of the order's flow");
//! assert!(matches!(billing.step()?, Step::Idle));
//! # Ok::<(), tidegate::Error>(())
//! ```
//!
//! * **One reaction.** The reaction is committed under a key made of the reactor's name and the event's id, so the
//!   reaction and "this was reacted to" are one commit. An event whose key is in the log is passed over without
//!   asking the handler; so after a crash, and after a rewind, no reaction is committed twice, and a
//!   handler need not say the same thing twice. An event that leads to nothing writes nothing, and may be asked
//!   about again.
//! * **The handler may run more than once** for an event: its reaction is judged again if what it read moved, and
//!   tried again after a failure or a crash. What it does outside the store, such as sending a letter, may happen
//!   again; do that in a [cursor](super::cursor) over the reactions, under their ids.
//! * **As decided.** What the handler reads through its view still holds at the commit; if something moved, it is
//!   asked again. Conditions and gates apply to its batch.
//! * **Failures** of the handler, denials and refusals are tried again after a delay and parked, as with any [`Cursor`].
//!   Each is handed to the caller with its [`Reason`], and is a warning in the program's log. An error of the store itself
//!   ends the run, and counts as the failure of no event.
//! * **No thread of its own.** It runs on its caller's thread, or on several: streams stay in order.

use std::error::Error as StdError;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tidegate_format::{Error, ErrorKind, Position, Result};
use tidegate_segment::RecordedEvent;

use super::cursor::{Cursor, CursorOptions, CursorRole, Delivery, Found};
use super::worker::panic_message;
use crate::batch::{self, Batch, Receipt};
use crate::decide::{Decision, DecisionView, Denied, Outcome};
use crate::read::Query;
use crate::settings::AppendOptions;
use crate::store::Store;

/// Answer of a handler: a batch, `None`, or an error.
pub type Reaction = std::result::Result<Option<Batch>, Box<dyn StdError + Send + Sync>>;

/// A handler with a cursor; see [the module](self). Several threads may run it at a time.
pub struct Reactor<H> {
    store: Store,
    cursor: Cursor,
    handler: H,
    append: AppendOptions,
    /// Prefix of its idempotency keys.
    domain: String,
}

/// Result of one step of a reactor.
#[derive(Debug)]
#[must_use = "a step may have failed"]
pub enum Step {
    /// An event led to a batch.
    Reacted(Receipt),
    /// The event at this position led to no batch.
    Passed(Position),
    /// The event at the first position had led to the one at the second already.
    Known(Position, Position),
    /// An event could not be reacted to: it is tried again later, or parked.
    Failed(Failure),
    /// There is no event to react to now.
    Idle,
    /// It was stopped, or the store was closed.
    Ended,
}

/// An event that could not be reacted to, and why.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// Position of the event.
    pub position: Position,
    /// Number of the attempt that failed, from 1. After a restart of the process it counts anew.
    pub attempt: u32,
    /// Whether the event is parked now. Otherwise it is tried again after
    /// [`CursorOptions::retry_after`](super::cursor::CursorOptions::retry_after).
    pub is_parked: bool,
    /// Why.
    pub reason: Reason,
}

/// Why an event could not be reacted to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The handler returned this error.
    Handler(Box<dyn StdError + Send + Sync>),
    /// The handler panicked, with this message.
    Panic(String),
    /// A gate denied the batch.
    Denied(Denied),
    /// The store refused the batch, or refused what the handler asked of it.
    Store(Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, attempt, is_parked, reason } = self;
        let then = if *is_parked { "it is parked" } else { "it is tried again" };
        write!(f, "position {position}, try {attempt}: {reason}; {then}")
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handler(error) => error.fmt(f),
            Self::Panic(message) => write!(f, "the handler panicked: {message}"),
            Self::Denied(denied) => denied.fmt(f),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl StdError for Reason {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // Its own text is that of the cause, whose cause comes next.
        match self {
            Self::Handler(error) => error.source(),
            Self::Panic(_) => None,
            Self::Denied(denied) => denied.source(),
            Self::Store(error) => error.source(),
        }
    }
}

/// Cause of a failed step: the event, which is retried or parked, or the store, which ends the run.
enum Trouble {
    Event(Reason),
    Store(Error),
}

impl Store {
    /// Opens the reactor of this name with the default options. A new reactor begins before the first event; one that
    /// exists continues where it was. It does nothing before it is [run](Reactor::run_until_stopped).
    ///
    /// ```
    /// use tidegate::{Draft, QueryItem, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let billing = store.reactor("billing", QueryItem::new().kind("order.placed"), |_view, order| {
    ///     Ok(Some(Draft::new(("bills", order.entity().to_owned()), "bill.sent").into()))
    /// })?;
    /// # let _ = billing;
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`cursor`](crate::StoreReader::cursor): a reactor has one, under its name.
    pub fn reactor<H>(&self, name: &str, query: impl Into<Query>, handler: H) -> Result<Reactor<H>>
    where
        H: Fn(&DecisionView, &RecordedEvent) -> Reaction,
    {
        self.reactor_with(name, query, CursorOptions::default(), handler)
    }

    /// Opens the reactor of this name, as [`reactor`](Self::reactor) does, with options.
    ///
    /// ```
    /// use tidegate::subscription::cursor::CursorOptions;
    /// use tidegate::{Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let once = CursorOptions::new().max_attempts(1);
    /// let idle = store.reactor_with("idle", Query::ALL, once, |_, _| Ok(None))?;
    /// # let _ = idle;
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`cursor`](crate::StoreReader::cursor).
    pub fn reactor_with<H>(
        &self,
        name: &str,
        query: impl Into<Query>,
        options: CursorOptions,
        handler: H,
    ) -> Result<Reactor<H>>
    where
        H: Fn(&DecisionView, &RecordedEvent) -> Reaction,
    {
        let cursor = Cursor::open(self, name, query.into(), options, CursorRole::Reactor)?;
        let (append, domain) = (AppendOptions::new(), format!("reactor:{name}"));
        Ok(Reactor { store: self.clone(), cursor, handler, append, domain })
    }
}

impl<H: Fn(&DecisionView, &RecordedEvent) -> Reaction> Reactor<H> {
    /// Appends its batches with these options.
    ///
    /// ```
    /// use tidegate::{AppendOptions, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let quick = store.reactor("quick", Query::ALL, |_, _| Ok(None))?.appending(AppendOptions::new().buffered());
    /// # let _ = quick;
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    #[must_use]
    pub fn appending(self, append: AppendOptions) -> Self {
        Self { append, ..self }
    }

    /// Returns its cursor, which tells how far behind it is and what it parked, retries and discards that, moves it, and
    /// [stops](Cursor::stop) it from any thread. Events cannot be taken from it.
    ///
    /// ```
    /// use tidegate::{Draft, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// let billing = store.reactor("billing", Query::ALL, |_, _| Ok(None))?;
    /// assert_eq!((billing.cursor().lag()?, billing.cursor().parked().len()), (1, 0));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Reacts to every event, past and future, until it is [stopped](Cursor::stop) or the store is closed. Each failure is
    /// handed to `failed` at once, on this thread; if its event was parked, that is durable already.
    ///
    /// ```
    /// use tidegate::subscription::cursor::CursorOptions;
    /// use tidegate::{Draft, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// let once = CursorOptions::new().max_attempts(1);
    /// let billing = store.reactor_with("billing", Query::ALL, once, |_, _| Err("no price".into()))?;
    /// let mut told = Vec::new();
    /// billing.run_until_stopped(|failure| {
    ///     told.push(failure.to_string());
    ///     billing.cursor().stop();
    /// })?;
    /// assert_eq!(told, ["position 1, try 1: no price; it is parked"]);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the store: of reading, of the disk, of a writer that has ended. It can be run again.
    pub fn run_until_stopped(&self, mut failed: impl FnMut(Failure)) -> Result<()> {
        while let Some(delivery) = self.cursor.next_by(None)? {
            if let Step::Failed(failure) = self.react(delivery)? {
                failed(failure);
            }
        }
        Ok(())
    }

    /// Reacts to one event, if there is one now.
    ///
    /// ```
    /// use tidegate::subscription::reactor::Step;
    /// use tidegate::{Draft, Position, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// let idle = store.reactor("idle", Query::ALL, |_, _| Ok(None))?;
    /// assert!(matches!(idle.step()?, Step::Passed(Position(1))));
    /// assert!(matches!(idle.step()?, Step::Idle));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`run_until_stopped`](Self::run_until_stopped).
    pub fn step(&self) -> Result<Step> {
        match self.cursor.look()? {
            Found::Delivery(delivery) => self.react(delivery),
            Found::Nothing { .. } => Ok(Step::Idle),
            Found::Ended => Ok(Step::Ended),
        }
    }

    fn react(&self, delivery: Delivery) -> Result<Step> {
        let event = delivery.event();
        let (position, key) =
            (event.position(), batch::key_of_parts(&self.domain, &[&event.id().to_string()])?);
        // Before the handler is asked: what it says now may differ from what it said then.
        if let Some(first) = self.known(&key, position)? {
            return done(delivery, Step::Known(position, first));
        }
        let trouble = match self.decide(&delivery, &key) {
            Ok(step) => return done(delivery, step),
            Err(trouble) => trouble,
        };
        // Another thread may have been asked about the same event, and been first.
        if let Some(first) = self.known(&key, position)? {
            return done(delivery, Step::Known(position, first));
        }
        match trouble {
            Trouble::Event(reason) => {
                let attempt = delivery.attempt();
                let is_parked = forgive(delivery.fail(&reason))?.unwrap_or(false);
                Ok(Step::Failed(Failure { position, attempt, is_parked, reason }))
            }
            Trouble::Store(error) => Err(error),
        }
    }

    /// Returns the position of the first event that an event has led to.
    fn known(&self, key: &str, after: Position) -> Result<Option<Position>> {
        self.store.view()?.find_key_after(key, after)
    }

    /// Asks the handler and commits what it says, in the opening that the event was read in.
    fn decide(&self, delivery: &Delivery, key: &str) -> std::result::Result<Step, Trouble> {
        let (event, generation) = (delivery.event(), delivery.generation());
        let mut answer = None;
        let decided = self.store.decide_in(generation, self.append.clone(), |view| -> Result<Decision> {
            answer = None;
            match self.ask(view, event) {
                Ok(Some(batch)) => Ok(batch.led_to_by(event, key)?.into()),
                other => {
                    answer = Some(other);
                    // Nothing is written for it.
                    Ok(Decision::deny("NO_REACTION", "the handler has no reaction to this event"))
                }
            }
        });
        match (answer, decided) {
            (Some(Err(reason)), _) => Err(Trouble::of(reason)),
            (Some(Ok(_)), Ok(_)) => Ok(Step::Passed(event.position())),
            (None, Ok(Outcome::Committed(receipt))) => Ok(Step::Reacted(receipt)),
            (None, Ok(Outcome::Denied(denied))) => Err(Trouble::Event(Reason::Denied(denied))),
            (_, Err(error)) => Err(Trouble::from(error)),
        }
    }

    fn ask(&self, view: &DecisionView, event: &RecordedEvent) -> std::result::Result<Option<Batch>, Reason> {
        match catch_unwind(AssertUnwindSafe(|| (self.handler)(view, event))) {
            Ok(reaction) => reaction.map_err(Reason::Handler),
            Err(panic) => Err(Reason::Panic(panic_message(&*panic).to_owned())),
        }
    }
}

impl Trouble {
    /// Judges a handler's error. One that the store returned to the handler is an error of the store.
    fn of(reason: Reason) -> Self {
        match reason {
            Reason::Handler(cause) => match cause.downcast::<Error>() {
                Ok(error) => Self::from(*error),
                Err(cause) => Self::Event(Reason::Handler(cause)),
            },
            reason => Self::Event(reason),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Invalid
            | ErrorKind::Refused
            | ErrorKind::Conflict
            | ErrorKind::Denied
            | ErrorKind::Missing
            | ErrorKind::Newer
            | ErrorKind::TimedOut => Self::Event(Reason::Store(error)),
            _ => Self::Store(error),
        }
    }
}

fn done(delivery: Delivery, step: Step) -> Result<Step> {
    forgive(delivery.ack()).map(|_| step)
}

/// Turns an answer that came too late into `None`: the event is delivered again, and its key is found then.
fn forgive<T>(settled: Result<T>) -> Result<Option<T>> {
    match settled {
        Err(error) if error.kind() == ErrorKind::Refused => Ok(None),
        other => other.map(Some),
    }
}

impl<H> fmt::Debug for Reactor<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reactor").field(&self.cursor).finish()
    }
}
