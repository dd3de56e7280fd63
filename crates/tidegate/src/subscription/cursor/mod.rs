//! Cursors: durable, named places in the log, for readers that say what they are done with.
//!
//! ```
//! use std::time::Duration;
//! use tidegate::subscription::cursor::CursorOptions;
//! use tidegate::{AppendOptions, Draft, QueryItem, StoreOptions, Store};
//!
//! let store = Store::in_memory(StoreOptions::default())?;
//! for order in ["order-1", "order-2"] {
//!     store.append(Draft::new(("shop", order), "order.placed"), AppendOptions::default())?;
//! }
//! let mailer = store.cursor("mailer", QueryItem::new().kind("order.placed"), CursorOptions::default())?;
//! assert_eq!(mailer.lag()?, 2);
//!
//! let delivery = mailer.next_within(Duration::from_secs(1))?.expect("the store is open");
//! assert_eq!(delivery.event().entity(), "order-1");
//! delivery.ack()?;             // done: it is not delivered again
//! let delivery = mailer.next_now()?.expect("it is there");
//! delivery.fail("no such mailbox")?; // tried again after a second, parked after the fifth time
//! assert_eq!(mailer.lag()?, 1);
//! # Ok::<(), tidegate::Error>(())
//! ```
//!
//! * **At least once.** An event is delivered until it is acknowledged, through crashes. What was acknowledged
//!   shortly before one may be delivered again ([`CursorOptions::keep_every`]), so what a worker does has to bear being
//!   done again: let the other side know the event's id. An acknowledgement is not kept before
//!   everything is durable that was visible when it was made: the event itself, and what a worker appended
//!   because of it.
//! * **Several workers** share one cursor by cloning it. An event is handed out only when no earlier one of its
//!   stream is out, so each stream is dealt with in order. What is not acknowledged in time is handed out again;
//!   the late holder's acknowledgement is refused then.
//! * **Failures** rest and are tried again, up to a limit. Then the event is parked, with the reason, and its
//!   stream goes on without it. A parked event is listed until it is tried again with success or given up.
//! * **One query.** A cursor is bound to its query and to its store. It goes back when it is told to, and passes over
//!   events that are not done only if it is told to [skip](Change::Skip) them, and then says which.
mod place;
mod settings;
mod flow;
mod change;
mod listing;
mod delivery;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tidegate_disk::Clock;
use tidegate_format::{Error, ErrorKind, Micros, Position, Result, StoreId};

pub use change::{Change, Changed, Span, change};
pub use delivery::Delivery;
use flow::{Failure, Flow, Now, Untold};
pub use listing::{State, names, state};
use place::leaf_at;
pub(crate) use place::{CURSORS, ELSEWHERE, REMEDY, Reached, check_name};
pub use place::{Parked, Role};
pub use settings::CursorOptions;

use super::{EventSource, Look, Subscription};
use crate::backend::{Flush, StateFile};
use crate::journal::Journal;
use crate::published::{Deadline, SharedState};
use crate::read::{Query, View};
use crate::store::Store;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A durable, named place in the events of a query; see [the module](self). Clones share it.
#[derive(Clone)]
pub struct Cursor(Arc<Shared>);

struct Shared {
    name: String,
    role: Role,
    query: Query,
    settings: CursorOptions,
    source: EventSource,
    clock: Arc<dyn Clock>,
    published: Arc<SharedState>,
    journal: Arc<Journal>,
    kept: StateFile,
    hand: Mutex<Hand>,
    /// Held while the place is written, before the hand.
    keeping: Mutex<()>,
    stopped: AtomicBool,
    /// Grows when something may be ready that was not.
    stirs: AtomicU64,
}

struct Hand {
    flow: Flow,
    subscription: Subscription,
    /// What has to be durable before the place is kept.
    needed: Position,
    /// The changes that were kept, and when that was.
    kept: u64,
    kept_at: u64,
}

/// What a look for a delivery finds.
pub(super) enum Found {
    Delivery(Delivery),
    /// Nothing now. What changes that: an event after a position, a time, or somebody's acknowledgement.
    Nothing {
        after: Position,
        timer: Option<u64>,
        stirs: u64,
    },
    Ended,
}

impl Store {
    /// The cursor of this name, which begins here or goes on where it was. One handle of it can be open at a
    /// time; workers share it by cloning.
    ///
    /// # Errors
    ///
    /// [`Refused`](ErrorKind::Refused) where the name belongs to another query, [`Locked`](ErrorKind::Locked)
    /// where another handle is open, [`Damaged`](ErrorKind::Damaged) where its file is, or is ahead of the log;
    /// the error says which file that is.
    pub fn cursor(&self, name: &str, query: impl Into<Query>, settings: CursorOptions) -> Result<Cursor> {
        Cursor::open(self, name, query.into(), settings, Role::Cursor)
    }
}

impl Cursor {
    pub(super) fn open(
        store: &Store,
        name: &str,
        query: Query,
        settings: CursorOptions,
        role: Role,
    ) -> Result<Self> {
        let kept = Self::hold(store, name)?;
        let view = store.view()?;
        let reached = match kept.read()? {
            Some(bytes) => {
                let reached = Reached::decode(&bytes).map_err(|error| error.in_file(kept.name(), None))?;
                reached.check(store.id(), &view).map_err(|error| error.in_file(kept.name(), None))?;
                bind(name, &reached, &query, role)?;
                reached
            }
            None => begin(store.id(), query, settings.start, role, &view)?,
        };
        Self::resume(store, kept, reached, settings, &view)
    }

    /// Takes hold of the file of a cursor.
    fn hold(store: &Store, name: &str) -> Result<StateFile> {
        check_name(name)?;
        store.writer()?.state_files.claim(CURSORS, name)
    }

    /// Goes on from a place that is of this log, and keeps it.
    fn resume(
        store: &Store,
        kept: StateFile,
        reached: Reached,
        settings: CursorOptions,
        view: &View,
    ) -> Result<Self> {
        let (role, query) = (reached.role, reached.query.clone());
        let clock = Arc::clone(&store.world.clock);
        let subscription = Subscription::new(store.source(), query.clone(), reached.position);
        let hand = Hand {
            // A new cursor is a change; one that was read is looked at as one too, and kept once more.
            needed: reached.position,
            flow: resumed(reached, view)?,
            subscription,
            kept: 0,
            kept_at: clock.steady_micros(),
        };
        let shared = Shared {
            name: kept.name().rsplit('/').next().unwrap_or_default().to_owned(),
            role,
            query,
            settings,
            source: store.source(),
            clock,
            published: Arc::clone(&store.published),
            journal: Arc::clone(&store.writer()?.journal),
            kept,
            hand: Mutex::new(hand),
            keeping: Mutex::new(()),
            stopped: AtomicBool::new(false),
            stirs: AtomicU64::new(0),
        };
        let shared = Arc::new(shared);
        shared.keep()?;
        let progress: Weak<dyn Flush> = Arc::<Shared>::downgrade(&shared);
        shared.kept.attach(progress);
        Ok(Self(shared))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The query it is bound to.
    pub fn query(&self) -> &Query {
        &self.0.query
    }

    /// Every event of the query up to here is done or parked.
    pub fn position(&self) -> Position {
        self.0.hand.lock().flow.reached.position
    }

    /// How many events of the query are neither done nor parked.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn lag(&self) -> Result<u64> {
        let reached = self.0.hand.lock().flow.reached.clone();
        reached.lag(&View::of(&self.0.published))
    }

    /// The events that were set aside, in order.
    pub fn parked(&self) -> Vec<Parked> {
        self.0.hand.lock().flow.reached.parked.values().cloned().collect()
    }

    /// The next event, if it comes in time; nothing once the store was closed and everything was handed out, or
    /// after [`stop`](Self::stop). An event comes when no earlier one of its stream is out.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) when `time` is over, and it can be asked again. Those of reading, and
    /// those of [`keep`](Self::keep): before it waits it keeps what was acknowledged.
    pub fn next_within(&self, time: Duration) -> Result<Option<Delivery>> {
        self.check_role()?;
        let deadline = self.0.source.deadline(time);
        self.next_by(Some(&deadline))
    }

    /// The next event that can be handed out already.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn next_now(&self) -> Result<Option<Delivery>> {
        self.check_role()?;
        match self.look()? {
            Found::Delivery(delivery) => Ok(Some(delivery)),
            Found::Nothing { .. } | Found::Ended => Ok(None),
        }
    }

    /// Keeps what was acknowledged, durably, if it is not kept yet.
    ///
    /// # Errors
    ///
    /// Those of the disk: the place on it is then the one from before or the new one, and keeping can be tried
    /// again. [`Ended`](ErrorKind::Ended) when the writer has ended.
    pub fn keep(&self) -> Result<()> {
        self.0.keep()
    }

    /// Ends this handle and its clones: nothing is handed out any more, and whoever waits returns at once. What
    /// is out may still be acknowledged.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::SeqCst);
        self.0.stir();
    }

    /// What a reactor did not react to cannot be acknowledged.
    fn check_role(&self) -> Result<()> {
        match self.0.role {
            Role::Cursor => Ok(()),
            Role::Reactor => {
                Err(Error::invalid("the cursor is a reactor's, which alone takes events from it"))
            }
        }
    }

    pub(super) fn next_by(&self, deadline: Option<&Deadline>) -> Result<Option<Delivery>> {
        loop {
            let (after, timer, stirs) = match self.look()? {
                Found::Delivery(delivery) => return Ok(Some(delivery)),
                Found::Ended => return Ok(None),
                Found::Nothing { after, timer, stirs } => (after, timer, stirs),
            };
            let shared = &*self.0;
            if shared.hand.lock().flow.is_idle() {
                shared.keep()?;
            }
            let timer = timer.map(|at| at.saturating_sub(shared.clock.steady_micros()));
            let timer = timer.map(|left| shared.source.deadline(Duration::from_micros(left)));
            let sooner = match (deadline, &timer) {
                (Some(deadline), Some(timer)) if timer.is_before(deadline) => Some(timer),
                (deadline, timer) => deadline.or(timer.as_ref()),
            };
            let stirred = || shared.stirs.load(Ordering::SeqCst) != stirs;
            let came = shared.source.wait_or(after, sooner, stirred)?;
            if !came && deadline.is_some_and(Deadline::is_over) {
                let message = format!("the cursor {} has nothing to hand out in time", shared.name);
                return Err(Error::new(ErrorKind::TimedOut, message));
            }
        }
    }

    /// Looks for a delivery without waiting.
    pub(super) fn look(&self) -> Result<Found> {
        let mut hand = self.0.hand.lock();
        let found = self.look_in(&mut hand);
        let untold = hand.flow.take_untold();
        drop(hand);
        self.0.warn(untold);
        found
    }

    fn look_in(&self, hand: &mut Hand) -> Result<Found> {
        let shared = &*self.0;
        shared.source.check_process()?;
        // Before the look, so that what changes after it is noticed.
        let stirs = shared.stirs.load(Ordering::SeqCst);
        if shared.stopped.load(Ordering::SeqCst) {
            return Ok(Found::Ended);
        }
        let filled = hand.fill(shared);
        let now = shared.now();
        if let Some(turn) = hand.flow.next(now, &shared.settings) {
            let found = View::of(&shared.published).at(turn.position).transpose();
            let missing = || Err(Error::new(ErrorKind::Missing, "the event is not in the log any more"));
            return match found.unwrap_or_else(missing) {
                Ok(event) => Ok(Found::Delivery(Delivery::new(self.clone(), event, turn))),
                Err(error) => {
                    hand.flow.give_back(turn);
                    Err(error)
                }
            };
        }
        let timer = hand.flow.next_timer();
        let (after, ended) = match filled? {
            Fill::Head(after) => (after, false),
            Fill::Ended => (Position::MAX, true),
            Fill::Full => (Position::MAX, shared.source.now()?.1.transpose()?.is_some()),
        };
        Ok(if ended { Found::Ended } else { Found::Nothing { after, timer, stirs } })
    }

    /// Ends a turn with an event; returns whether that parked it.
    fn end_turn(&self, end: impl FnOnce(&mut Flow, Now) -> Result<Option<Failure>>) -> Result<bool> {
        let shared = &*self.0;
        let now = shared.now();
        let mut hand = shared.hand.lock();
        let failure = end(&mut hand.flow, now)?;
        let untold = hand.flow.take_untold();
        // What the worker appended because of the event has to outlive the acknowledgement.
        hand.needed = hand.needed.max(shared.published.visible());
        let every = u64::try_from(shared.settings.keep_every.as_micros()).unwrap_or(u64::MAX);
        let due = now.steady >= hand.kept_at.saturating_add(every);
        drop(hand);
        shared.warn(untold);
        shared.stir();
        match failure {
            Some(Failure::NoRoom) => {
                let message = format!(
                    "the cursor {} has {} parked events and no room for more; it tries this one again until \
                     others are retried or discarded",
                    shared.name, shared.settings.parked_max
                );
                Err(Error::new(ErrorKind::Full, message))
            }
            Some(Failure::Parked) => shared.keep().map(|()| true),
            None if due => shared.keep().map(|()| false),
            Some(Failure::Retried) | None => Ok(false),
        }
    }
}

/// How taking in events went.
enum Fill {
    /// Everything up to a position was taken in.
    Head(Position),
    /// There is no room for more.
    Full,
    Ended,
}

impl Hand {
    /// Takes in events of the log.
    fn fill(&mut self, shared: &Shared) -> Result<Fill> {
        while self.flow.has_room(&shared.settings) {
            match self.subscription.look() {
                Ok(Look::Found(event)) => self.flow.take(event.position(), &event.stream()),
                Ok(Look::Nothing) => {
                    let head = self.subscription.reached();
                    self.flow.look_up_to(head);
                    return Ok(Fill::Head(head));
                }
                Ok(Look::Ended) => {
                    self.flow.look_up_to(self.subscription.reached());
                    return Ok(Fill::Ended);
                }
                Err(error) => {
                    // The error is told as long as it lasts, and nothing is passed over.
                    let reached = self.subscription.reached();
                    self.subscription =
                        Subscription::new(shared.source.clone(), shared.query.clone(), reached);
                    return Err(error);
                }
            }
        }
        self.flow.look_up_to(self.subscription.reached());
        Ok(Fill::Full)
    }
}

impl Shared {
    fn now(&self) -> Now {
        Now { steady: self.clock.steady_micros(), time: Micros(self.clock.now_micros()) }
    }

    /// Tells the program's log what failed. No lock is held: the log runs code of the program's.
    fn warn(&self, untold: Vec<Untold>) {
        let cursor = &*self.name;
        for Untold { position, attempt, reason, came } in untold {
            match came {
                Failure::Retried => {
                    tracing::warn!(cursor, %position, attempt, reason, "an event failed and is tried again");
                }
                Failure::Parked => {
                    tracing::warn!(cursor, %position, attempt, reason, "an event was parked: retry or discard it");
                }
                Failure::NoRoom => tracing::warn!(
                    cursor, %position, attempt, reason,
                    "an event failed and cannot be parked, because too many are: retry or discard some"
                ),
            }
        }
    }

    /// Has waiting workers look again.
    fn stir(&self) {
        self.stirs.fetch_add(1, Ordering::SeqCst);
        self.source.nudge();
    }

    fn keep(&self) -> Result<()> {
        let _one = self.keeping.lock();
        let (mut reached, changes, needed) = {
            let hand = self.hand.lock();
            if hand.kept == hand.flow.changes {
                return Ok(());
            }
            let reached = hand.flow.reached.clone();
            let needed = hand.needed.max(reached.position);
            (reached, hand.flow.changes, needed)
        };
        self.kept.check_process()?;
        self.make_durable(needed)?;
        let leaf = leaf_at(&View::of(&self.published), reached.position)?;
        reached.leaf = leaf.ok_or_else(|| Error::new(ErrorKind::Missing, "the event is not in the log"))?;
        self.kept.write(reached.encode().as_bytes())?;
        let mut hand = self.hand.lock();
        (hand.kept, hand.kept_at) = (changes, self.clock.steady_micros());
        Ok(())
    }

    /// Nothing counts as done on disk that the log may still lose.
    fn make_durable(&self, position: Position) -> Result<()> {
        if self.published.durable() < position {
            self.journal.flush()?;
        }
        match self.published.ended() {
            Some(error) if self.published.durable() < position => Err(error),
            _ => Ok(()),
        }
    }
}

impl Flush for Shared {
    fn flush(&self) -> Result<()> {
        Self::keep(self)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.published.ended().is_none()
            && let Err(error) = self.keep()
        {
            tracing::warn!(%error, cursor = self.name, "what was acknowledged last will be delivered again");
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("name", &self.name).field("query", &self.query).finish_non_exhaustive()
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Each worker goes through a clone of its own. It blocks until something can be handed out, and ends like
/// [`next_within`](Self::next_within).
impl Iterator for Cursor {
    type Item = Result<Delivery>;

    fn next(&mut self) -> Option<Result<Delivery>> {
        self.check_role().and_then(|()| self.next_by(None)).transpose()
    }
}

/// Refuses a name that is bound to something else.
fn bind(name: &str, reached: &Reached, query: &Query, role: Role) -> Result<()> {
    let refused = |message| Err(Error::new(ErrorKind::Refused, message));
    if reached.role != role {
        let word = |role| if role == Role::Reactor { "a reactor" } else { "a cursor" };
        return refused(format!("{name:?} is {}, not {}", word(reached.role), word(role)));
    }
    if reached.query != *query {
        let bound = &reached.query;
        return refused(format!("the cursor {name:?} is bound to the query {bound}, not to {query}"));
    }
    Ok(())
}

/// The place of a new cursor.
fn begin(store: StoreId, query: Query, start: Position, role: Role, view: &View) -> Result<Reached> {
    let position = start.min(view.head());
    if position < start {
        let message = format!("a cursor begins within the log, which ends at position {position}");
        return Err(Error::invalid(message));
    }
    let leaf = leaf_at(view, position)?.unwrap_or_default();
    let (settled, parked) = Default::default();
    Ok(Reached { store, role, query, position, leaf, settled, parked })
}

/// What a process takes over from the one before.
fn resumed(reached: Reached, view: &View) -> Result<Flow> {
    let again: Vec<_> =
        reached.parked.values().filter(|parked| parked.retried).map(|at| at.position).collect();
    let mut flow = Flow::new(reached);
    for position in again {
        if let Some(event) = view.at(position)? {
            flow.retry(position, &event.stream())?;
        }
    }
    flow.changes = 1;
    Ok(flow)
}
