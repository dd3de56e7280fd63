//! Reactors: a handler turns events into batches, and one reaction to each event is committed, through crashes.
//!
//! ```
//! use tidegate::subscription::cursor::Settings;
//! use tidegate::subscription::reactor::Step;
//! use tidegate::{Append, Draft, Item, Options, Store};
//!
//! let store = Store::in_memory(Options::default())?;
//! let billing = store.reactor(
//!     "billing",
//!     Item::new().kind("order.placed"),
//!     Settings::default(),
//!     |_view, order| Ok(Some(Draft::new(("bills", order.entity().to_owned()), "bill.sent").into())),
//! )?;
//! let order = store.append(Draft::new(("shop", "order-7"), "order.placed"), Append::default())?;
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
//! * **As decided.** What the handler reads through its view still holds at the commit; where something moved, it is
//!   asked again. Conditions and gates apply to its batch.
//! * **Failures** of the handler, denials and refusals rest, are tried again and parked like those of any
//!   [`Cursor`]. Trouble of the store itself ends the run with its error, and counts as nobody's failure.
//! * **No thread of its own.** It runs on its caller's thread, or on several: streams stay in order.

use std::error::Error as StdError;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tidegate_format::{Error, ErrorKind, Position, Result};
use tidegate_segment::Event;

use super::cursor::{Cursor, Delivery, Found, Role, Settings};
use crate::batch::{self, Batch, Receipt};
use crate::decide::{Decided, Decision, DecisionView};
use crate::read::Query;
use crate::settings::Append;
use crate::store::Store;

/// What a handler comes to: a batch, nothing, or why it could not say.
pub type Reaction = std::result::Result<Option<Batch>, Box<dyn StdError + Send + Sync>>;

/// A handler with its place in the log; see [the module](self). Several threads may run it at a time.
pub struct Reactor<'a, H> {
    store: &'a Store,
    cursor: Cursor,
    handler: H,
    append: Append,
    /// What its keys begin with.
    domain: String,
}

/// What one step of a reactor did.
#[derive(Debug)]
pub enum Step {
    /// An event led to a batch.
    Reacted(Receipt),
    /// The event at this position led to nothing.
    Passed(Position),
    /// The event at the first position had led to the one at the second already.
    Known(Position, Position),
    /// The event at this position could not be reacted to: it is tried again later, or parked.
    Failed(Position),
    /// There is nothing to react to now.
    Idle,
    /// It was stopped, or the store was closed.
    Ended,
}

/// What is wrong: something about the event, or something about the store.
enum Trouble {
    Event(String),
    Store(Error),
}

impl Store {
    /// The reactor of this name, which begins here or goes on where it was. It does nothing before it is
    /// [run](Reactor::run_until_stopped).
    ///
    /// # Errors
    ///
    /// Those of [`cursor`](Self::cursor): a reactor has one, under its name.
    pub fn reactor<H>(
        &self,
        name: &str,
        query: impl Into<Query>,
        settings: Settings,
        handler: H,
    ) -> Result<Reactor<'_, H>>
    where
        H: Fn(&DecisionView, &Event) -> Reaction,
    {
        let cursor = Cursor::open(self, name, query.into(), settings, Role::Reactor)?;
        let (append, domain) = (Append::default(), format!("reactor:{name}"));
        Ok(Reactor { store: self, cursor, handler, append, domain })
    }
}

impl<H: Fn(&DecisionView, &Event) -> Reaction> Reactor<'_, H> {
    /// The reactor, appending its batches like this.
    #[must_use]
    pub fn appending(self, append: Append) -> Self {
        Self { append, ..self }
    }

    /// Its place in the log, to see how far behind it is and what it parked, to retry and discard that, to go
    /// back, and to [stop](Cursor::stop) it from anywhere. It hands out nothing.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Reacts to everything that is there and that comes, until somebody stops it or the store is closed.
    ///
    /// # Errors
    ///
    /// Those of the store: of reading, of the disk, of a writer that has ended. It can be run again.
    pub fn run_until_stopped(&self) -> Result<()> {
        while let Some(delivery) = self.cursor.next_by(None)? {
            self.react(delivery)?;
        }
        Ok(())
    }

    /// Reacts to one event, if there is one now.
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
        let (position, key) = (event.position(), batch::key(&self.domain, &[&event.id().to_string()])?);
        // Before the handler is asked: what it says now may differ from what it said then.
        if let Some(first) = self.known(&key, position)? {
            return done(delivery, Step::Known(position, first));
        }
        let trouble = match self.decide(event, &key) {
            Ok(step) => return done(delivery, step),
            Err(trouble) => trouble,
        };
        // Another thread may have been asked about the same event, and been first.
        if let Some(first) = self.known(&key, position)? {
            return done(delivery, Step::Known(position, first));
        }
        match trouble {
            Trouble::Event(reason) => forgive(delivery.fail(reason)).map(|()| Step::Failed(position)),
            Trouble::Store(error) => Err(error),
        }
    }

    /// The first event of the batch that an event has led to.
    fn known(&self, key: &str, after: Position) -> Result<Option<Position>> {
        Ok(self.store.view()?.find_key(key, after)?.map(|first| first.position()))
    }

    /// Asks the handler and commits what it says.
    fn decide(&self, event: &Event, key: &str) -> std::result::Result<Step, Trouble> {
        let mut answer = None;
        let decided = self.store.decide(self.append, |view| {
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
            (Some(Err(cause)), _) => Err(Trouble::of(cause)),
            (Some(Ok(_)), Ok(_)) => Ok(Step::Passed(event.position())),
            (None, Ok(Decided::Committed(receipt))) => Ok(Step::Reacted(receipt)),
            (None, Ok(Decided::Denied(denied))) => Err(Trouble::Event(denied.to_string())),
            (_, Err(error)) => Err(Trouble::from(error)),
        }
    }

    fn ask(&self, view: &DecisionView, event: &Event) -> Reaction {
        catch_unwind(AssertUnwindSafe(|| (self.handler)(view, event))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            Err(format!("the handler panicked: {}", text.unwrap_or_else(|| "without a message".to_owned()))
                .into())
        })
    }
}

impl Trouble {
    /// A handler's error. What the store has told it is the store's trouble still.
    fn of(cause: Box<dyn StdError + Send + Sync>) -> Self {
        match cause.downcast::<Error>() {
            Ok(error) => Self::from(*error),
            Err(cause) => Self::Event(cause.to_string()),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Invalid
            | ErrorKind::Refused
            | ErrorKind::Missing
            | ErrorKind::Newer
            | ErrorKind::TimedOut => Self::Event(error.to_string()),
            _ => Self::Store(error),
        }
    }
}

fn done(delivery: Delivery, step: Step) -> Result<Step> {
    forgive(delivery.ack()).map(|()| step)
}

/// Whoever was too late with an event leaves it to the next one, who finds its key.
fn forgive(settled: Result<()>) -> Result<()> {
    match settled {
        Err(error) if error.kind() == ErrorKind::Refused => Ok(()),
        other => other,
    }
}

impl<H> fmt::Debug for Reactor<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reactor").field(&self.cursor).finish()
    }
}
