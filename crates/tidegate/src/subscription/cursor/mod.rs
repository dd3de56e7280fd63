//! Cursors: durable, named positions in the log, for readers that acknowledge what they have dealt with.
//!
//! ```
//! use std::time::Duration;
//! use tidegate::{Draft, QueryItem, Store};
//!
//! let store = Store::in_memory()?;
//! for order in ["order-1", "order-2"] {
//!     store.append(Draft::new(("shop", order), "order.placed"))?;
//! }
//! let mailer = store.cursor("mailer", QueryItem::new().kind("order.placed"))?;
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
//!   shortly before a crash may be delivered again ([`CursorOptions::commit_interval`]), so a worker's effect must
//!   tolerate being repeated: pass the event's id to the other side. An acknowledgement is not committed before
//!   everything is durable that was visible when it was made: the event itself, and what a worker appended
//!   because of it.
//! * **Several workers** share one cursor by cloning it. An event is delivered only if no earlier event of its stream is
//!   unacknowledged, so each stream is dealt with in order. What is not acknowledged in time is delivered again; the
//!   acknowledgement of the late worker is refused then.
//! * **Failures** are tried again after a delay, up to a limit. Then the event is parked, with the reason, and its
//!   stream continues without it. A parked event is listed until it is retried with success or discarded.
//! * **The same cursor** goes on when the store is [opened again](crate::Store::reopen). If events that were visible
//!   were lost with the earlier writer, it goes back to what was committed last, as after a crash: the answers to what is
//!   with workers are refused, and what follows is delivered again.
//! * **One query.** A cursor is bound to its query and to its store. It goes back if it is told to, and passes over
//!   events that are not done only if it is told to [skip](Change::Skip) them, and then says which.
mod state;
mod options;
mod queue;
mod file;
mod open;
mod commit;
mod delivery;
mod next;
mod change;
mod status;

use std::fmt;
use std::sync::Arc;

use tidegate_disk::Clock;
use tidegate_format::{Hash, Position, Result};

pub use change::{Change, ChangeReport, Span, change};
pub use delivery::Delivery;
use file::CursorFile;
pub(super) use next::Found;
pub use options::CursorOptions;
use queue::DeliveryQueue;
pub(crate) use state::{CURSORS, CursorState, ELSEWHERE, REMEDY, check_name};
pub use state::{CursorRole, ParkedEvent};
pub use status::{CursorStatus, names, status};

use super::Subscription;
use crate::read::Query;
use crate::store::StoreReader;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A durable, named position in the events of a query; see [the module](self). Clones share it.
#[derive(Clone)]
pub struct Cursor(Arc<Shared>);

struct Shared {
    name: String,
    role: CursorRole,
    query: Query,
    options: CursorOptions,
    store: StoreReader,
    clock: Arc<dyn Clock>,
    file: CursorFile,
    /// Position and leaf that it was opened at, which a reader may not see yet.
    opened_at: (Position, Hash),
    /// Never held while a file is written or a caller's code runs.
    inner: Mutex<Inner>,
    /// Serializes commits, so that an older state never replaces a newer one. Taken before `inner`.
    committing: Mutex<()>,
    stopped: AtomicBool,
    /// Counts what may have made an event ready: a waiting worker compares it with what it was before its look.
    wakes: AtomicU64,
}

struct Inner {
    queue: DeliveryQueue,
    /// Its opening is the one that all of this is of.
    subscription: Subscription,
    /// What has to be durable before the state is committed.
    needed: Position,
    /// The changes that were committed, and when that was.
    committed: u64,
    committed_at: u64,
    /// What was committed last. It is durable, and so are the events it names.
    saved: CursorState,
}

impl StoreReader {
    /// Opens the cursor of this name with the default options. A new cursor begins before the first event; one that
    /// exists continues where it was. One handle of a cursor can be open at a time; workers share it by cloning. If the
    /// store is open for reading only, the options name a [directory](CursorOptions::state_dir) for its state.
    ///
    /// ```
    /// use tidegate::{Draft, QueryItem, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-1"), "order.placed"))?;
    /// let mailer = store.cursor("mailer", QueryItem::new().kind("order.*"))?;
    /// while let Some(delivery) = mailer.next_now()? {
    ///     println!("a letter about {}", delivery.event().entity());
    ///     delivery.ack()?;
    /// }
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for a name that is not one and a query that names what no event can have,
    /// [`Refused`](crate::ErrorKind::Refused) if the name belongs to another query or to a reactor,
    /// [`Locked`](crate::ErrorKind::Locked) if another handle is open, [`Damaged`](crate::ErrorKind::Damaged) if its
    /// file is damaged or ahead of the log; the error names the file.
    pub fn cursor(&self, name: &str, query: impl Into<Query>) -> Result<Cursor> {
        self.cursor_with(name, query, CursorOptions::default())
    }

    /// Opens the cursor of this name, as [`cursor`](Self::cursor) does, with options.
    ///
    /// ```
    /// use tidegate::subscription::cursor::CursorOptions;
    /// use tidegate::{Draft, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let first = store.append(Draft::new(("shop", "order-1"), "order.placed"))?;
    /// store.append(Draft::new(("shop", "order-2"), "order.placed"))?;
    /// let later = CursorOptions::new().start(first.last()).max_attempts(3);
    /// let mailer = store.cursor_with("mailer", Query::ALL, later)?;
    /// assert_eq!(mailer.next_now()?.expect("the second").event().entity(), "order-2");
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`cursor`](Self::cursor).
    pub fn cursor_with(&self, name: &str, query: impl Into<Query>, options: CursorOptions) -> Result<Cursor> {
        Cursor::open(self, name, query.into(), options, CursorRole::Cursor)
    }
}

impl Cursor {
    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the query it is bound to.
    pub fn query(&self) -> &Query {
        &self.0.query
    }

    /// Returns its position: every event of the query up to here is done or parked.
    ///
    /// ```
    /// use tidegate::{Draft, Position, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-1"), "order.placed"))?;
    /// let mailer = store.cursor("mailer", Query::ALL)?;
    /// assert_eq!((mailer.name(), mailer.query(), mailer.position()), ("mailer", &Query::ALL, Position::START));
    /// mailer.next_now()?.expect("an order").ack()?;
    /// assert_eq!(mailer.position(), Position(1));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn position(&self) -> Position {
        self.0.inner.lock().queue.state.position
    }

    /// Counts the events of the query that are neither done nor parked.
    ///
    /// ```
    /// use tidegate::{Draft, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-1"), "order.placed"))?;
    /// let mailer = store.cursor("mailer", Query::ALL)?;
    /// assert_eq!(mailer.lag()?, 1);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn lag(&self) -> Result<u64> {
        let inner = self.0.lock()?;
        let (state, opening) = (inner.queue.state.clone(), Arc::clone(inner.subscription.opening()));
        drop(inner);
        state.lag(&opening.view()?)
    }

    /// Returns the parked events, in the order of their positions.
    ///
    /// ```
    /// use tidegate::subscription::cursor::CursorOptions;
    /// use tidegate::{Draft, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-1"), "order.placed"))?;
    /// let mailer = store.cursor_with("mailer", Query::ALL, CursorOptions::new().max_attempts(1))?;
    /// assert!(mailer.next_now()?.expect("an order").fail("no such mailbox")?, "it is parked");
    /// assert_eq!(mailer.parked()[0].reason, "no such mailbox");
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn parked(&self) -> Vec<ParkedEvent> {
        self.0.inner.lock().queue.state.parked.values().cloned().collect()
    }

    /// Makes durable what was acknowledged, unless it is already.
    ///
    /// ```
    /// use tidegate::{Draft, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-1"), "order.placed"))?;
    /// let mailer = store.cursor("mailer", Query::ALL)?;
    /// mailer.next_now()?.expect("an order").ack()?;
    /// mailer.commit()?; // from here on no crash delivers it again
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the disk: its file then holds the state from before or the new one, and committing can be tried
    /// again. [`Ended`](crate::ErrorKind::Ended) if the writer has ended.
    pub fn commit(&self) -> Result<()> {
        self.0.commit()
    }

    /// Stops this handle and its clones: nothing is delivered any more, and waiting workers return at once. What was
    /// delivered may still be acknowledged.
    ///
    /// ```
    /// use tidegate::{Draft, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-1"), "order.placed"))?;
    /// let mailer = store.cursor("mailer", Query::ALL)?;
    /// let worker = mailer.clone();
    /// std::thread::scope(|scope| {
    ///     let working = scope.spawn(|| worker.map(|delivery| delivery?.ack()).collect::<tidegate::Result<()>>());
    ///     mailer.stop();
    ///     working.join().expect("it did not panic")
    /// })?;
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn stop(&self) {
        // Before the wake: a worker that looks again because of it sees the stop. SeqCst, since the flag and the count
        // of wakes are two variables whose order every worker must agree on.
        self.0.stopped.store(true, Ordering::SeqCst);
        self.0.wake_waiting();
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
