//! Projectors: projections beside a store, brought up to date when they are read.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tidegate_disk::Clock;
use tidegate_format::{Error, ErrorKind, Micros, Position, Result};

use super::fold::{Fold, Rules};
use super::options::ProjectorOptions;
use super::projection::{self, Projection};
use super::reading::{PoisonEvent, Reading, Staleness};
use super::snapshot::{SnapshotFile, SnapshotPlace};
use crate::read::{ReadOptions, View, is_touched};
use crate::store::{Opening, StoreReader};
use crate::sync::{Mutex, MutexGuard};

/// Where a projector started.
#[derive(Debug)]
#[non_exhaustive]
pub enum Start {
    /// At the first event: there was no saved state.
    New,
    /// At a saved state, after this position.
    Saved(Position),
    /// At the first event, because the saved state was rejected for this reason.
    Rebuilt(Error),
}

/// A projection beside a store: its state in memory, brought up to date when it is read. Many threads share it
/// by reference or in an [`Arc`].
///
/// It does not keep the store open, and can still be read after the store was closed. When the store is
/// [opened again](crate::Store::reopen) it goes on; if it had taken in events that were lost, the state is folded anew.
pub struct Projector<P> {
    pub(super) store: StoreReader,
    pub(super) rules: Rules,
    pub(super) fold: Mutex<Fold<P>>,
    clock: Arc<dyn Clock>,
    pub(super) snapshot: SnapshotFile,
    /// Where states are saved.
    pub(super) place: SnapshotPlace,
    pub(super) save_after: Option<u64>,
    start: Start,
    /// Answers until this one has caught up. Taken after `fold` if both are.
    pub(super) previous: Mutex<Option<Box<dyn Previous<P>>>>,
}

/// Whether a state is fresh enough for a read.
enum Judged {
    /// It is, with its age if that was looked up.
    Fresh(Option<Duration>),
    Stale,
}

/// The projector of an earlier version, seen as one of a later.
pub(super) trait Previous<P>: Send {
    fn read_with(&self, staleness: Staleness) -> Result<Reading<P>>;
}

impl<P: Projection, Q: Projection + From<P>> Previous<Q> for Projector<P> {
    fn read_with(&self, staleness: Staleness) -> Result<Reading<Q>> {
        Projector::read_with(self, staleness).map(Reading::converted)
    }
}

impl StoreReader {
    /// Opens a projector of a projection with the default options. It starts at the saved state if there is a valid
    /// one, and at the first event otherwise. Nothing is taken in before it is [read](Projector::read).
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use tidegate::project::{Projection, ProjectorOptions, Staleness, Start};
    /// # use tidegate::{Draft, Position, Query, RecordedEvent, Result, Store};
    /// # #[derive(Clone, Default, Serialize, Deserialize)]
    /// # struct Count(u64);
    /// # impl Projection for Count {
    /// #     const NAME: &'static str = "count";
    /// #     const VERSION: u16 = 1;
    /// #     fn query() -> Query { Query::ALL }
    /// #     fn apply(&mut self, _: &RecordedEvent) -> Result<()> { self.0 += 1; Ok(()) }
    /// # }
    /// # let store = Store::in_memory()?;
    /// # let order = |name: &'static str| Draft::new(("shop", name), "order.placed");
    /// store.append(order("order-1"))?;
    /// let count = store.projector::<Count>()?;
    /// assert_eq!(count.read()?.0, 1);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a name that breaks the rules of kinds, for version 0, and for a query that names
    /// what no event can have; those of reading.
    pub fn projector<P: Projection>(&self) -> Result<Projector<P>> {
        self.projector_with(ProjectorOptions::default())
    }

    /// Opens a projector, as [`projector`](Self::projector) does, with options.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use tidegate::project::{Projection, ProjectorOptions, Staleness, Start};
    /// # use tidegate::{Draft, Position, Query, RecordedEvent, Result, Store};
    /// # #[derive(Clone, Default, Serialize, Deserialize)]
    /// # struct Count(u64);
    /// # impl Projection for Count {
    /// #     const NAME: &'static str = "count";
    /// #     const VERSION: u16 = 1;
    /// #     fn query() -> Query { Query::ALL }
    /// #     fn apply(&mut self, _: &RecordedEvent) -> Result<()> { self.0 += 1; Ok(()) }
    /// # }
    /// # let store = Store::in_memory()?;
    /// # let order = |name: &'static str| Draft::new(("shop", name), "order.placed");
    /// store.append(order("order-1"))?;
    /// store.append(order("order-2"))?;
    /// let one = ProjectorOptions::new().stream(("shop", "order-2"));
    /// assert_eq!(store.projector_with::<Count>(one)?.read()?.0, 1);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`projector`](Self::projector), and [`Invalid`](ErrorKind::Invalid) for a stream of which the query selects
    /// no event.
    pub fn projector_with<P: Projection>(&self, options: ProjectorOptions) -> Result<Projector<P>> {
        Projector::open(self, options)
    }
}

impl<P: Projection> Projector<P> {
    fn open(store: &StoreReader, options: ProjectorOptions) -> Result<Self> {
        projection::check::<P>()?;
        let ProjectorOptions { stream, poison, save_after, state_dir } = options;
        let query = match &stream {
            None => P::query(),
            Some(stream) => P::query().within(stream).ok_or_else(|| {
                Error::invalid(format!("the query of {} selects no event of the stream {stream}", P::NAME))
            })?,
        };
        query.check()?;
        let snapshot = SnapshotFile::new::<P>(store.id(), stream.as_ref(), &query);
        let place = match state_dir {
            Some(dir) => SnapshotPlace::Directory(dir),
            None if store.has_writer() => SnapshotPlace::Store(Arc::clone(&store.env().disk)),
            None => SnapshotPlace::Nowhere(Arc::clone(&store.env().disk)),
        };
        let opening = store.opening();
        let (start, fold) = begin(&snapshot, &place, &opening)?;
        Ok(Self {
            store: store.clone(),
            rules: Rules { query, poison },
            fold: Mutex::new(fold),
            clock: Arc::clone(&store.env().clock),
            snapshot,
            place,
            save_after,
            start,
            previous: Mutex::new(None),
        })
    }

    /// Locks the state, in the newest opening of the store, and returns a view of that.
    pub(super) fn hold(&self) -> Result<(MutexGuard<'_, Fold<P>>, View)> {
        // In a fork a thread of the first process may have held the lock, and is not here to let it go.
        self.store.opening().check_process()?;
        let mut fold = self.fold.lock();
        let opening = self.store.opening();
        // First: with it comes what is known of erasures.
        let view = opening.view()?;
        self.move_to(&mut fold, &opening)?;
        Ok((fold, view))
    }

    /// Has the state stand in an opening of the store. If it has taken in events that were lost, it is folded anew.
    pub(super) fn move_to(&self, fold: &mut Fold<P>, opening: &Opening) -> Result<()> {
        let (from, to) = (fold.generation, opening.generation());
        if from > to {
            let message = "the store was opened again meanwhile; ask for this once more";
            return Err(Error::new(ErrorKind::Ended, message));
        }
        if opening.keeps(from, fold.position) {
            fold.generation = to;
            return self.take_note(fold, opening);
        }
        let position = fold.position;
        tracing::warn!(projection = P::NAME, %position, "a state is built anew: it had taken in events that were lost");
        *fold = begin(&self.snapshot, &self.place, opening)?.1;
        Ok(())
    }

    /// Takes note of what was erased since. A state that came of it is folded anew.
    fn take_note(&self, fold: &mut Fold<P>, opening: &Opening) -> Result<()> {
        // Asked before any event is read: one that is erased meanwhile is looked at the next time.
        let erased = opening.published().erased();
        if erased <= fold.erased {
            return Ok(());
        }
        if is_touched(&opening.view()?, &self.rules.query, (fold.erased, erased), fold.position)? {
            tracing::info!(projection = P::NAME, %erased, "a state is built anew: an event that it came of was erased");
            *fold = Fold::new(fold.generation, erased);
        }
        fold.erased = erased;
        Ok(())
    }

    /// Lets the projector of an earlier version answer until this one has caught up. From then on only
    /// [`catch_up`](Self::catch_up) and [`catch_up_all`](super::catch_up_all) bring this one forward, on a thread of the
    /// caller's; see [a new version](super#a-new-version) for an example.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for another projection, another store or a version that is not earlier.
    pub fn with_previous<Q>(self, previous: Projector<Q>) -> Result<Self>
    where
        Q: Projection,
        P: From<Q>,
    {
        let (old, new) = ((Q::NAME, Q::VERSION), (P::NAME, P::VERSION));
        if old.0 != new.0 || old.1 >= new.1 || previous.store.id() != self.store.id() {
            let message = format!(
                "{} v{} is not an earlier version of {} v{} over the same store",
                old.0, old.1, new.0, new.1
            );
            return Err(Error::invalid(message));
        }
        *self.previous.lock() = Some(Box::new(previous));
        Ok(self)
    }

    /// Returns the state after everything up to the head of the log.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use tidegate::project::{Projection, ProjectorOptions, Staleness, Start};
    /// # use tidegate::{Draft, Position, Query, RecordedEvent, Result, Store};
    /// # #[derive(Clone, Default, Serialize, Deserialize)]
    /// # struct Count(u64);
    /// # impl Projection for Count {
    /// #     const NAME: &'static str = "count";
    /// #     const VERSION: u16 = 1;
    /// #     fn query() -> Query { Query::ALL }
    /// #     fn apply(&mut self, _: &RecordedEvent) -> Result<()> { self.0 += 1; Ok(()) }
    /// # }
    /// # let store = Store::in_memory()?;
    /// # let order = |name: &'static str| Draft::new(("shop", name), "order.placed");
    /// let count = store.projector::<Count>()?;
    /// store.append(order("order-1"))?;
    /// let reading = count.read()?;
    /// assert_eq!((reading.0, reading.position(), reading.behind()), (1, Position(1), 0));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of reading. If an event stops the projection: its position and the reason;
    /// `read_with(`[`Staleness::ANY`]`)` returns the state before it.
    pub fn read(&self) -> Result<Reading<P>> {
        self.read_with(Staleness::NONE)
    }

    /// Returns the state if it is no staler than allowed, and brings it to the head of the log first if it is.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use tidegate::project::{Projection, ProjectorOptions, Staleness, Start};
    /// # use tidegate::{Draft, Position, Query, RecordedEvent, Result, Store};
    /// # #[derive(Clone, Default, Serialize, Deserialize)]
    /// # struct Count(u64);
    /// # impl Projection for Count {
    /// #     const NAME: &'static str = "count";
    /// #     const VERSION: u16 = 1;
    /// #     fn query() -> Query { Query::ALL }
    /// #     fn apply(&mut self, _: &RecordedEvent) -> Result<()> { self.0 += 1; Ok(()) }
    /// # }
    /// # let store = Store::in_memory()?;
    /// # let order = |name: &'static str| Draft::new(("shop", name), "order.placed");
    /// let count = store.projector::<Count>()?;
    /// store.append(order("order-1"))?;
    /// assert_eq!(count.read_with(Staleness::ANY)?.0, 0);
    /// assert_eq!(count.read_with(Staleness::positions(1))?.0, 0, "it lags by one position");
    /// let recent = Staleness::age(std::time::Duration::from_secs(3600));
    /// let reading = count.read_with(recent)?;
    /// assert!(reading.age().expect("it was asked for").as_secs() < 3600);
    /// assert_eq!(count.read_with(Staleness::NONE)?.0, 1);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read), if the state is brought forward.
    pub fn read_with(&self, staleness: Staleness) -> Result<Reading<P>> {
        if let Some(previous) = &*self.previous.lock() {
            return previous.read_with(staleness);
        }
        let (mut fold, view) = self.hold()?;
        let age = match self.judge(staleness, &mut fold, &view)? {
            Judged::Fresh(age) => age,
            Judged::Stale => {
                fold.catch_up(&self.rules, &view, usize::MAX)?;
                self.save_when_due(&mut fold, &view);
                None
            }
        };
        fold.ready(&self.rules, &view)?;
        Ok(Reading { age, ..reading(&fold, &view) })
    }

    /// Returns whether the state is fresh enough.
    fn judge(&self, staleness: Staleness, fold: &mut Fold<P>, view: &View) -> Result<Judged> {
        let is_damaged = view.damage().is_some();
        // By how much a state lags cannot be known if the log ends at damage.
        let behind = if is_damaged { u64::MAX } else { view.head().0.saturating_sub(fold.position.0) };
        match staleness {
            _ if behind == 0 => Ok(Judged::Fresh(Some(Duration::ZERO))),
            Staleness { positions, .. } if behind > positions => Ok(Judged::Stale),
            Staleness { age: None, .. } => Ok(Judged::Fresh(None)),
            Staleness { age: Some(_), .. } if is_damaged => Ok(Judged::Stale),
            Staleness { age: Some(max), .. } => {
                let age = self.age(fold, view)?;
                Ok(if age <= max { Judged::Fresh(Some(age)) } else { Judged::Stale })
            }
        }
    }

    /// Returns how old the oldest event of the query is that the state lacks.
    fn age(&self, fold: &mut Fold<P>, view: &View) -> Result<Duration> {
        fold.ready(&self.rules, view)?;
        let Some(lacking) =
            view.read_with(&self.rules.query, ReadOptions::new().after(fold.position)).next().transpose()?
        else {
            // What lies between is of other queries, so the state is that of the head already.
            fold.reach(view.head());
            return Ok(Duration::ZERO);
        };
        // Recorded times never fall. A clock that was set back would make every event look new; the last recorded time
        // says that it is at least as late as that.
        let last = view.at(view.head())?.map_or(Micros(0), |event| event.time());
        let now = self.clock.now_micros().max(last.0);
        Ok(Duration::from_micros(now.saturating_sub(lacking.time().0)))
    }

    /// Waits until this position is visible, and returns a state that has taken it in: a caller that appended an event
    /// sees it.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use tidegate::project::{Projection, ProjectorOptions, Staleness, Start};
    /// # use tidegate::{Draft, Position, Query, RecordedEvent, Result, Store};
    /// # #[derive(Clone, Default, Serialize, Deserialize)]
    /// # struct Count(u64);
    /// # impl Projection for Count {
    /// #     const NAME: &'static str = "count";
    /// #     const VERSION: u16 = 1;
    /// #     fn query() -> Query { Query::ALL }
    /// #     fn apply(&mut self, _: &RecordedEvent) -> Result<()> { self.0 += 1; Ok(()) }
    /// # }
    /// # let store = Store::in_memory()?;
    /// # let order = |name: &'static str| Draft::new(("shop", name), "order.placed");
    /// let count = store.projector::<Count>()?;
    /// let placed = store.append(order("order-1"))?;
    /// assert_eq!(count.wait_for(placed.last(), std::time::Duration::from_secs(1))?.0, 1);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) after `timeout`, the error that ended the writer if it ended first, and those of
    /// [`read`](Self::read).
    pub fn wait_for(&self, position: Position, timeout: Duration) -> Result<Reading<P>> {
        let opening = self.store.opening();
        if position > Position::START {
            opening.wait(position.before(), Some(&opening.deadline(timeout)))?;
        }
        let (view, ended) = opening.now()?;
        if view.head() < position {
            view.check_end()?;
            return Err(match ended {
                Some(Err(error)) => error,
                Some(Ok(())) => {
                    let message = format!("the store was closed before position {position}");
                    Error::new(ErrorKind::Ended, message)
                }
                None => Error::new(ErrorKind::TimedOut, format!("position {position} was not seen in time")),
            });
        }
        let reading = self.read()?;
        if reading.position < position {
            let message = format!("the store was opened again, and position {position} was lost");
            return Err(Error::new(ErrorKind::Ended, message));
        }
        Ok(reading)
    }

    /// Returns the state as it was when this position was the last one of the log. It is folded for this call, from the
    /// first event on if the position lies before the state in memory.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use tidegate::project::{Projection, ProjectorOptions, Staleness, Start};
    /// # use tidegate::{Draft, Position, Query, RecordedEvent, Result, Store};
    /// # #[derive(Clone, Default, Serialize, Deserialize)]
    /// # struct Count(u64);
    /// # impl Projection for Count {
    /// #     const NAME: &'static str = "count";
    /// #     const VERSION: u16 = 1;
    /// #     fn query() -> Query { Query::ALL }
    /// #     fn apply(&mut self, _: &RecordedEvent) -> Result<()> { self.0 += 1; Ok(()) }
    /// # }
    /// # let store = Store::in_memory()?;
    /// # let order = |name: &'static str| Draft::new(("shop", name), "order.placed");
    /// store.append(order("order-1"))?;
    /// store.append(order("order-2"))?;
    /// let count = store.projector::<Count>()?;
    /// assert_eq!(count.at(Position(1))?.0, 1);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of reading; an event that stops the projection, or one too many to be parked.
    pub fn at(&self, position: Position) -> Result<Reading<P>> {
        let (fold, view) = self.hold()?;
        let view = view.as_of(position);
        let mut own =
            if fold.position <= view.head() { fold.fork() } else { Fold::new(fold.generation, fold.erased) };
        drop(fold);
        let fold = &mut own;
        fold.catch_up(&self.rules, &view, usize::MAX)?;
        Ok(reading(fold, &view))
    }

    /// Takes in at most `limit` events, and returns whether that was all up to the head. When it first is, the
    /// [previous](Self::with_previous) version ends.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use tidegate::project::{Projection, ProjectorOptions, Staleness, Start};
    /// # use tidegate::{Draft, Position, Query, RecordedEvent, Result, Store};
    /// # #[derive(Clone, Default, Serialize, Deserialize)]
    /// # struct Count(u64);
    /// # impl Projection for Count {
    /// #     const NAME: &'static str = "count";
    /// #     const VERSION: u16 = 1;
    /// #     fn query() -> Query { Query::ALL }
    /// #     fn apply(&mut self, _: &RecordedEvent) -> Result<()> { self.0 += 1; Ok(()) }
    /// # }
    /// # let store = Store::in_memory()?;
    /// # let order = |name: &'static str| Draft::new(("shop", name), "order.placed");
    /// store.append(order("order-1"))?;
    /// store.append(order("order-2"))?;
    /// let count = store.projector::<Count>()?;
    /// assert!(!count.catch_up(1)?);
    /// assert!(count.catch_up(1)?);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of reading, and an event that stops the projection.
    pub fn catch_up(&self, limit: usize) -> Result<bool> {
        let (mut fold, view) = self.hold()?;
        let done = fold.catch_up(&self.rules, &view, limit)?;
        if done {
            self.caught_up(&mut fold, &view)?;
        } else {
            self.save_when_due(&mut fold, &view);
        }
        Ok(done)
    }

    /// Returns where it started.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use tidegate::project::{Projection, ProjectorOptions, Staleness, Start};
    /// # use tidegate::{Draft, Position, Query, RecordedEvent, Result, Store};
    /// # #[derive(Clone, Default, Serialize, Deserialize)]
    /// # struct Count(u64);
    /// # impl Projection for Count {
    /// #     const NAME: &'static str = "count";
    /// #     const VERSION: u16 = 1;
    /// #     fn query() -> Query { Query::ALL }
    /// #     fn apply(&mut self, _: &RecordedEvent) -> Result<()> { self.0 += 1; Ok(()) }
    /// # }
    /// # let store = Store::in_memory()?;
    /// # let order = |name: &'static str| Draft::new(("shop", name), "order.placed");
    /// let count = store.projector::<Count>()?;
    /// assert!(matches!(count.start(), Start::New));
    /// count.save()?;
    /// assert!(matches!(store.projector::<Count>()?.start(), Start::Saved(Position::START)));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn start(&self) -> &Start {
        &self.start
    }

    /// Returns the parked events, in the order of their positions. [`Poison`](super::Poison) decides which events are
    /// parked.
    pub fn parked(&self) -> Vec<PoisonEvent> {
        self.fold.lock().parked.clone()
    }

    /// Returns the error of the event that it stopped before, until it goes on.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use tidegate::project::{Projection, ProjectorOptions, Staleness, Start};
    /// # use tidegate::{Draft, Position, Query, RecordedEvent, Result, Store};
    /// # #[derive(Clone, Default, Serialize, Deserialize)]
    /// # struct Count(u64);
    /// # impl Projection for Count {
    /// #     const NAME: &'static str = "count";
    /// #     const VERSION: u16 = 1;
    /// #     fn query() -> Query { Query::ALL }
    /// #     fn apply(&mut self, _: &RecordedEvent) -> Result<()> { self.0 += 1; Ok(()) }
    /// # }
    /// # let store = Store::in_memory()?;
    /// # let order = |name: &'static str| Draft::new(("shop", name), "order.placed");
    /// let count = store.projector::<Count>()?;
    /// assert!(count.stopped().is_none() && count.parked().is_empty());
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn stopped(&self) -> Option<Error> {
        self.fold.lock().stopped()
    }
}

/// Returns where a state begins in an opening of the store: the saved one if it fits, and otherwise that before the first
/// event.
fn begin<P: Projection>(
    snapshot: &SnapshotFile,
    place: &SnapshotPlace,
    opening: &Opening,
) -> Result<(Start, Fold<P>)> {
    let (generation, erased) = (opening.generation(), opening.published().erased());
    Ok(match snapshot.read::<P>(place.disk(), &opening.view()?, erased) {
        Ok(None) => (Start::New, Fold::new(generation, erased)),
        Ok(Some(saved)) => (Start::Saved(saved.position), Fold::at(saved, generation)),
        Err(error) => {
            tracing::warn!(%error, "a saved state was rejected; the projection is built anew");
            (Start::Rebuilt(error), Fold::new(generation, erased))
        }
    })
}

fn reading<P: Projection>(fold: &Fold<P>, view: &View) -> Reading<P> {
    Reading {
        state: Arc::clone(&fold.state),
        position: fold.position,
        head: view.head().max(fold.position),
        age: None,
        parked: fold.parked.len(),
        left_out: fold.left_out,
        version: P::VERSION,
        generation: fold.generation,
    }
}

impl<P: Projection> fmt::Debug for Projector<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let position = self.fold.lock().position;
        write!(f, "Projector({} v{} at {position})", P::NAME, P::VERSION)
    }
}
