//! Saving: when a projector's state is written to its file, and by whom.

use tidegate_disk::FileLock;
use tidegate_format::{Error, ErrorKind, Result};

use super::fold::Fold;
use super::projection::Projection;
use super::projector::Projector;
use super::snapshot::{Snapshot, SnapshotPlace, leaf_at};
use crate::read::View;

impl<P: Projection> Projector<P> {
    /// Saves the state, so that the next projector of this name and version starts from it. States of earlier
    /// versions are removed, unless one still answers.
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
    /// count.read()?;
    /// count.save()?;
    /// assert!(matches!(store.projector::<Count>()?.start(), Start::Saved(Position(1))));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if the store is open for reading only and the options name no
    /// [directory](super::ProjectorOptions::state_dir), or if the state cannot be written,
    /// [`Locked`](ErrorKind::Locked) if another process saves to the same directory at this moment,
    /// [`Ended`](ErrorKind::Ended) if the writer has ended, [`Full`](ErrorKind::Full), and those of the disk.
    pub fn save(&self) -> Result<()> {
        if let SnapshotPlace::Nowhere(_) = self.place {
            let message = "the store is open for reading only; name a directory for saved states with \
                           `ProjectorOptions::state_dir`";
            return Err(Error::invalid(message));
        }
        let (view, ended) = self.source.now()?;
        if ended.is_some() && matches!(self.place, SnapshotPlace::Store(_)) {
            let message = "the writer has ended, and another may write by now; open the store again to save";
            return Err(Error::new(ErrorKind::Ended, message));
        }
        let mut fold = self.fold.lock();
        fold.ready(&self.rules, &view)?;
        self.save_at(&mut fold, &view)
    }

    /// Removes the state, the saved one and the parked events, and starts at the first event again.
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
    /// count.read()?;
    /// count.reset()?;
    /// assert_eq!(count.read_with(Staleness::ANY)?.0, 0);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub fn reset(&self) -> Result<()> {
        let mut fold = self.fold.lock();
        if self.may_write()? {
            let _lock = self.lock()?;
            self.snapshot.remove(self.place.disk(), P::VERSION)?;
        }
        *fold = Fold::new();
        Ok(())
    }

    /// Ends an earlier version, whose answers are not needed any more.
    pub(super) fn caught_up(&self, fold: &mut Fold<P>, view: &View) -> Result<()> {
        if self.previous.lock().take().is_some() && self.may_write()? {
            return self.save_at(fold, view);
        }
        self.save_when_due(fold, view);
        Ok(())
    }

    /// Returns whether this process is the writer still.
    fn may_write(&self) -> Result<bool> {
        match self.place {
            SnapshotPlace::Store(_) => Ok(self.source.now()?.1.is_none()),
            SnapshotPlace::Directory(_) => Ok(true),
            SnapshotPlace::Nowhere(_) => Ok(false),
        }
    }

    /// Keeps other processes from writing states in the same directory.
    fn lock(&self) -> Result<Option<Box<dyn FileLock>>> {
        match &self.place {
            SnapshotPlace::Directory(dir) => self.snapshot.lock(dir).map(Some),
            SnapshotPlace::Store(_) | SnapshotPlace::Nowhere(_) => Ok(None),
        }
    }

    fn save_at(&self, fold: &mut Fold<P>, view: &View) -> Result<()> {
        let disk = self.place.disk();
        let _lock = self.lock()?;
        // A state may stand ahead of this view, never of the log.
        let leaf = match leaf_at(view, fold.position)? {
            Some(leaf) => Some(leaf),
            None => leaf_at(&self.source.now()?.0, fold.position)?,
        };
        let leaf = leaf.ok_or_else(|| {
            Error::damaged("the log ends before the state of a projection", fold.position, view.head())
        })?;
        let saved = Snapshot { state: &*fold.state, position: fold.position, parked: fold.parked.clone() };
        self.snapshot.write::<P>(disk, leaf, &saved)?;
        fold.unsaved = 0;
        if self.previous.lock().is_none() {
            self.snapshot.remove_earlier(disk, P::VERSION)?;
        }
        Ok(())
    }

    /// Saves if enough events were taken in since the last time. A failure is logged only, since the state can be folded
    /// again.
    pub(super) fn save_when_due(&self, fold: &mut Fold<P>, view: &View) {
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
