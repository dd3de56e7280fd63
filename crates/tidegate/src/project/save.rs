//! Saving: when a projector's state is written to its file, and by whom.

use std::sync::Arc;

use tidegate_disk::FileLock;
use tidegate_format::{Error, ErrorKind, Result};

use super::fold::Fold;
use super::projection::Projection;
use super::projector::Projector;
use super::snapshot::{Snapshot, SnapshotPlace};
use crate::read::View;
use crate::store::Opening;

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
        let (mut fold, view) = self.hold()?;
        if self.has_ended() && matches!(self.place, SnapshotPlace::Store(_)) {
            let message = "the writer has ended, and another may write by now; open the store again to save";
            return Err(Error::new(ErrorKind::Ended, message));
        }
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
        let (mut fold, _) = self.hold()?;
        if self.may_write() {
            let _lock = self.lock()?;
            self.snapshot.remove(self.place.disk(), P::VERSION)?;
        }
        *fold = Fold::new(fold.generation, fold.erased);
        Ok(())
    }

    /// Ends an earlier version, whose answers are not needed any more.
    pub(super) fn caught_up(&self, fold: &mut Fold<P>, view: &View) -> Result<()> {
        if self.previous.lock().take().is_some() && self.may_write() {
            return self.save_at(fold, view);
        }
        self.save_when_due(fold, view);
        Ok(())
    }

    /// Returns whether this process is the writer still.
    fn may_write(&self) -> bool {
        match self.place {
            SnapshotPlace::Store(_) => !self.has_ended(),
            SnapshotPlace::Directory(_) => true,
            SnapshotPlace::Nowhere(_) => false,
        }
    }

    /// Returns the opening that a state stands in, if it is the newest one still.
    fn opening_of(&self, fold: &Fold<P>) -> Result<Arc<Opening>> {
        let opening = self.store.opening();
        if opening.generation() == fold.generation {
            return Ok(opening);
        }
        Err(Error::new(ErrorKind::Ended, "the store was opened again meanwhile; save once more"))
    }

    fn has_ended(&self) -> bool {
        self.store.opening().published().ended().is_some()
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
        let leaf = match view.leaf(fold.position)? {
            Some(leaf) => Some(leaf),
            None => self.opening_of(fold)?.view()?.leaf(fold.position)?,
        };
        let leaf = leaf.ok_or_else(|| {
            Error::damaged("the log ends before the state of a projection", fold.position, view.head())
        })?;
        let saved = Snapshot {
            state: &*fold.state,
            position: fold.position,
            parked: fold.parked.clone(),
            erased: fold.erased,
            left_out: fold.left_out,
        };
        self.snapshot.write::<P>(disk, leaf, &saved)?;
        if self.store.opening().published().erased() > fold.erased {
            // What is erased at this moment may have been in it, and those who remove such states may have been here.
            self.snapshot.remove(disk, P::VERSION)?;
        }
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
        let saved = if self.may_write() { self.save_at(fold, view) } else { Ok(()) };
        if let Err(error) = saved {
            tracing::warn!(%error, projection = P::NAME, "a state was not saved");
        }
    }
}
