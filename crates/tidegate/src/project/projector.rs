//! Projectors: projections beside a store, brought up to date as they are read.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tidegate_disk::Env;
use tidegate_format::{Error, ErrorKind, Position, Result, StoreId};

use super::fold::{Fold, Rules};
use super::projection::{self, Projection};
use super::reading::{Freshness, Parked, Project, Reading};
use super::saved::{Saved, Shelf, leaf_at};
use crate::read::View;
use crate::store::Store;
use crate::subscription::EventSource;
use crate::sync::Mutex;

/// What a projector began from.
#[derive(Debug)]
pub enum Begin {
    /// The first event: there was no saved state.
    Start,
    /// A saved state, at its position.
    Saved(Position),
    /// The first event, because the saved state was not believed, for this reason.
    Distrusted(Error),
}

/// A projection beside a store: its state in memory, brought up to date when it is read. Many threads share it
/// by reference or in an [`Arc`].
///
/// It does not keep the store open, and goes on reading what there is after the store was closed.
pub struct Projector<P> {
    pub(super) store: StoreId,
    pub(super) source: EventSource,
    pub(super) rules: Rules,
    pub(super) fold: Mutex<Fold<P>>,
    world: Env,
    shelf: Shelf,
    /// Whether states can be saved.
    writes: bool,
    save_after: Option<u64>,
    begin: Begin,
    /// What answers until this one has caught up.
    earlier: Mutex<Option<Box<dyn Earlier<P>>>>,
}

/// The projector of an earlier version, seen as one of a later.
trait Earlier<P>: Send {
    fn read(&self, freshness: Freshness) -> Result<Reading<P>>;
}

impl<P: Projection, Q: Projection + From<P>> Earlier<Q> for Projector<P> {
    fn read(&self, freshness: Freshness) -> Result<Reading<Q>> {
        Projector::read(self, freshness).map(Reading::becomes)
    }
}

impl<P: Projection> Projector<P> {
    /// Begins from the saved state where there is one to be believed, and from the first event otherwise.
    /// Nothing is taken in yet.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a name that breaks the rules of kinds, a version 0, and a stream of
    /// which the query selects nothing.
    pub fn open(store: &Store, project: Project) -> Result<Self> {
        projection::check::<P>()?;
        let Project { stream, poison, save_after } = project;
        let query = match &stream {
            None => P::query(),
            Some(stream) => P::query().within(stream).ok_or_else(|| {
                Error::invalid(format!("the query of {} selects nothing of the stream {stream}", P::NAME))
            })?,
        };
        let shelf = Shelf::new::<P>(store.id(), stream.as_ref(), &query);
        let (begin, fold) = match shelf.read::<P>(&*store.world.disk, &store.view()?) {
            Ok(None) => (Begin::Start, Fold::new()),
            Ok(Some(Saved { state, position, parked })) => {
                (Begin::Saved(position), Fold::at(state, position, parked))
            }
            Err(error) => {
                tracing::warn!(%error, "a projection is folded anew");
                (Begin::Distrusted(error), Fold::new())
            }
        };
        Ok(Self {
            store: store.id(),
            source: store.source(),
            rules: Rules { query, poison },
            fold: Mutex::new(fold),
            world: store.world.clone(),
            shelf,
            writes: store.writer().is_ok(),
            save_after,
            begin,
            earlier: Mutex::new(None),
        })
    }

    /// With the projector of an earlier version, which answers until this one has caught up: it is brought
    /// there by [`advance`](Self::advance) or [`together`](super::together) alone, on whatever thread the caller has for it.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for another projection, another store or a version that is not earlier.
    pub fn beside<Q>(self, earlier: Projector<Q>) -> Result<Self>
    where
        Q: Projection,
        P: From<Q>,
    {
        let (old, new) = ((Q::NAME, Q::VERSION), (P::NAME, P::VERSION));
        if old.0 != new.0 || old.1 >= new.1 || earlier.store != self.store {
            let message = format!(
                "{} v{} is no earlier version of {} v{} over the same store",
                old.0, old.1, new.0, new.1
            );
            return Err(Error::invalid(message));
        }
        *self.earlier.lock() = Some(Box::new(earlier));
        Ok(self)
    }

    /// The state, as new as asked for.
    ///
    /// # Errors
    ///
    /// Those of reading. An event that stops the projection: its position and why, for as long as the state
    /// has to be newer than that; [`Freshness::ANY`] shows the state before it.
    pub fn read(&self, freshness: Freshness) -> Result<Reading<P>> {
        if let Some(earlier) = &*self.earlier.lock() {
            return earlier.read(freshness);
        }
        let view = self.source.now()?.0;
        let mut fold = self.fold.lock();
        // Nobody knows by how much a state lags that ends at damage.
        let behind = match view.damage() {
            Some(_) => u64::MAX,
            None => view.head().0.saturating_sub(fold.position.0),
        };
        if !freshness.allows(behind) {
            fold.advance(&self.rules, &view, usize::MAX)?;
            self.save_when_due(&mut fold, &view);
        }
        fold.ready(&self.rules, &view)?;
        Ok(reading(&fold, &view))
    }

    /// Waits until this position is visible, and gives a state that has taken it in: who appended an event sees
    /// it.
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) when the time is over, the error that ended the writer where it ended
    /// first, and those of [`read`](Self::read).
    pub fn wait_for(&self, position: Position, timeout: Duration) -> Result<Reading<P>> {
        if position > Position::START {
            self.source.wait(position.before(), Some(&self.source.deadline(timeout)))?;
        }
        let (view, ended) = self.source.now()?;
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
        self.read(Freshness::AtHead)
    }

    /// The state as it was when this position was the last one of the log. It is folded for this call, from the
    /// first event on where the position lies behind the state that is kept.
    ///
    /// # Errors
    ///
    /// Those of reading; an event that stops the projection, or one too many to be parked.
    pub fn at(&self, position: Position) -> Result<Reading<P>> {
        let view = self.source.now()?.0.as_of(position);
        let fork = {
            let fold = self.fold.lock();
            (fold.position <= view.head()).then(|| fold.fork())
        };
        let mut fold = fork.unwrap_or_else(Fold::new);
        fold.advance(&self.rules, &view, usize::MAX)?;
        Ok(reading(&fold, &view))
    }

    /// Takes in at most so many events, and says whether that was all up to the head. The first time it is, an
    /// earlier version [`beside`](Self::beside) this one ends.
    ///
    /// # Errors
    ///
    /// Those of reading, and an event that stops the projection.
    pub fn advance(&self, limit: usize) -> Result<bool> {
        let view = self.source.now()?.0;
        let mut fold = self.fold.lock();
        let done = fold.advance(&self.rules, &view, limit)?;
        if done {
            self.caught_up(&mut fold, &view)?;
        } else {
            self.save_when_due(&mut fold, &view);
        }
        Ok(done)
    }

    /// Saves the state, so that the next projector of this name and version begins from it. States of earlier
    /// versions are removed, unless one still answers.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) over a store that is open for reading only and for a state that cannot
    /// be written, [`Ended`](ErrorKind::Ended) where the writer has, [`Full`](ErrorKind::Full), and what the
    /// disk says.
    pub fn save(&self) -> Result<()> {
        if !self.writes {
            return Err(Error::invalid("the store is open for reading only; its writer saves states"));
        }
        let (view, ended) = self.source.now()?;
        if ended.is_some() {
            let message = "the writer has ended, and another may write by now; open the store again to save";
            return Err(Error::new(ErrorKind::Ended, message));
        }
        let mut fold = self.fold.lock();
        fold.ready(&self.rules, &view)?;
        self.save_at(&mut fold, &view)
    }

    /// Forgets the state, the saved one and the parked events, and begins from the first event again.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub fn reset(&self) -> Result<()> {
        let mut fold = self.fold.lock();
        if self.may_write()? {
            self.shelf.remove(&*self.world.disk, P::VERSION)?;
        }
        *fold = Fold::new();
        Ok(())
    }

    /// What it began from.
    pub fn begin(&self) -> &Begin {
        &self.begin
    }

    /// The events that were put aside, in the order of their positions.
    pub fn parked(&self) -> Vec<Parked> {
        self.fold.lock().parked.clone()
    }

    /// Where it stopped and why, until it goes on.
    pub fn stopped(&self) -> Option<Error> {
        self.fold.lock().stopped()
    }

    /// Ends an earlier version, whose answers are not needed any more.
    pub(super) fn caught_up(&self, fold: &mut Fold<P>, view: &View) -> Result<()> {
        if self.earlier.lock().take().is_some() && self.may_write()? {
            return self.save_at(fold, view);
        }
        self.save_when_due(fold, view);
        Ok(())
    }

    /// Whether this process is the writer still.
    fn may_write(&self) -> Result<bool> {
        Ok(self.writes && self.source.now()?.1.is_none())
    }

    fn save_at(&self, fold: &mut Fold<P>, view: &View) -> Result<()> {
        let disk = &*self.world.disk;
        // A state may stand ahead of this view, never of the log.
        let leaf = match leaf_at(view, fold.position)? {
            Some(leaf) => Some(leaf),
            None => leaf_at(&self.source.now()?.0, fold.position)?,
        };
        let leaf = leaf.ok_or_else(|| {
            Error::damaged("the log ends before the state of a projection", fold.position, view.head())
        })?;
        let saved = Saved { state: &*fold.state, position: fold.position, parked: fold.parked.clone() };
        self.shelf.write::<P>(disk, leaf, &saved)?;
        fold.unsaved = 0;
        if self.earlier.lock().is_none() {
            self.shelf.remove_earlier(disk, P::VERSION)?;
        }
        Ok(())
    }

    /// Saves now and then. The state can be folded again, so nothing fails for it.
    fn save_when_due(&self, fold: &mut Fold<P>, view: &View) {
        let is_due = self.save_after.is_some_and(|after| fold.unsaved >= after.max(1));
        if !is_due {
            return;
        }
        fold.unsaved = 0;
        let saved = self.may_write().and_then(|may| if may { self.save_at(fold, view) } else { Ok(()) });
        if let Err(error) = saved {
            tracing::warn!(%error, projection = P::NAME, "a state was not saved");
        }
    }
}

fn reading<P: Projection>(fold: &Fold<P>, view: &View) -> Reading<P> {
    Reading {
        state: Arc::clone(&fold.state),
        position: fold.position,
        head: view.head().max(fold.position),
        parked: fold.parked.len(),
        version: P::VERSION,
    }
}

impl<P: Projection> fmt::Debug for Projector<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let position = self.fold.lock().position;
        write!(f, "Projector({} v{} at {position})", P::NAME, P::VERSION)
    }
}
