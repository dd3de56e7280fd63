//! Reopening: another writer behind the same handles, after one has ended.
//!
//! The order keeps G1 and G3 of `opening`: the earlier writer is closed, its threads are joined and its lock is let go
//! before the files are opened; the two logs are compared before anything is written; readers learn of the new opening
//! before the first append in it.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tidegate_format::{Error, ErrorKind, Hash, Position, Result};

use super::erase::resume;
use super::writer::{OpenAs, Writer};
use super::{Store, in_directory};
use crate::published::SharedState;
use crate::read::{View, verify};
use crate::sync::Mutex;

/// The writer of a store's handles: that of the newest opening.
#[derive(Debug)]
pub(super) struct NewestWriter {
    writer: ArcSwap<Writer>,
    opening: OpenAs,
    /// Held while the store is opened again.
    reopening: Mutex<()>,
}

impl NewestWriter {
    pub(super) fn new(writer: Writer, opening: OpenAs) -> Self {
        Self { writer: ArcSwap::from_pointee(writer), opening, reopening: Mutex::new(()) }
    }

    /// Returns the writer of the newest opening.
    pub(super) fn get(&self) -> Guard<Arc<Writer>> {
        self.writer.load()
    }
}

impl Store {
    /// Opens the store again if its writer has ended, by [`close`](Self::close) or by an error, behind this handle and
    /// everything that was made from it: clones, readers, subscriptions, cursors, reactors, projectors and updaters go on,
    /// and gates stay attached. If the writer has not ended, nothing happens, so several threads may call this after the
    /// same error. A [`close`](Self::close) that another thread is at is waited for.
    ///
    /// It opens as [`Store::open`] does, with the options of the first time, and waits for calls of the earlier opening that
    /// are at the disk.
    ///
    /// * **What was prepared before** is never committed after: an append or a decision that was under way is refused with
    ///   [`Ended`](ErrorKind::Ended). A ticket whose batch was written and not answered says
    ///   [`OutcomeUnknown`](ErrorKind::OutcomeUnknown); whether the batch is in the log shows now, by its idempotency key.
    /// * **Events that were not durable** may be lost, and their positions are given to other events. A projector and a
    ///   cursor that had seen such events go back to a state that had not: events are taken in, or delivered, again. A
    ///   subscription says so with [`Diverged`](ErrorKind::Diverged) and ends. [`StoreReader::check_receipt`](crate::StoreReader::check_receipt)
    ///   tells a receipt of such an event. **A position in a batch** of the caller's (a cause, or what a condition comes after)
    ///   is taken as it is; [`Condition::unchanged`](crate::Condition::unchanged) refuses the batch if it was given again.
    /// * **A view** stays the moment that it was.
    /// * **A worker thread** that gave up because the writer ended is started again by its owner, from the same cursor.
    ///
    /// ```
    /// use tidegate::{Draft, ErrorKind, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let mailer = store.cursor("mailer", Query::ALL)?;
    /// let order = || Draft::new(("shop", "order-7"), "order.placed");
    /// store.close()?;
    /// assert_eq!(store.append(order()).unwrap_err().kind(), ErrorKind::Ended);
    /// store.reopen()?;
    /// store.append(order())?;
    /// mailer.next_now()?.expect("the order").ack()?;
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Store::open`]: [`Locked`](ErrorKind::Locked) if another process opened it meanwhile,
    /// [`Damaged`](ErrorKind::Damaged) also for a log that lost durable events; [`Diverged`](ErrorKind::Diverged) if there
    /// is another store or another log now. The handle stays as it was, and this can be called again.
    pub fn reopen(&self) -> Result<()> {
        let _one = self.writer.reopening.lock();
        let earlier = self.writer()?;
        // One that is being closed refuses batches before it has ended: a caller that was refused is let in again.
        if earlier.published.ended().is_none() && !earlier.journal.is_closed() {
            return Ok(());
        }
        in_directory(&*self.env().disk, || self.open_behind(&earlier))
    }

    fn open_behind(&self, earlier: &Writer) -> Result<()> {
        earlier.close_down();
        let before = LastDurable::of(&earlier.published)?;
        let options = self.writer.opening.options;
        let mut again = self.writer.opening.clone();
        again.options = options.create(false).expected_head(options.expected_head.max(before.position));
        let (writer, file, report) = Writer::open(self.env(), &again, Some(earlier))?;
        if file.id != self.id() {
            let message =
                format!("there is another store in the directory now: {}, not {}", file.id, self.id());
            return Err(Error::new(ErrorKind::Diverged, message));
        }
        let kept = before.kept(&earlier.published, &writer.published)?;
        writer.published.set_keys(earlier.published.keys().as_ref());
        resume(&writer, self.env(), file.id)?;
        if options.verify {
            let view = View::of(&writer.published);
            verify(&view, || Ok(view.clone()), |_, _| (), |_| ())?;
        }
        let opening = self.opening();
        let published = Arc::clone(&writer.published);
        let next = opening.followed_by(kept, published, report, writer.origin());
        writer.begin();
        // Readers first: a caller that appends in the new opening finds the event.
        self.put_opening(Arc::new(next));
        self.writer.writer.store(Arc::new(writer));
        // Those who wait in the earlier one for something else than the log, such as a worker for its next start.
        opening.nudge();
        Ok(())
    }
}

/// The last durable event of an opening that has ended.
struct LastDurable {
    position: Position,
    leaf: Hash,
}

impl LastDurable {
    /// Reads it before the files are opened again, which may replace the one that it is in.
    fn of(published: &SharedState) -> Result<Self> {
        let position = published.durable();
        let leaf = View::up_to(published, position).leaf(position)?;
        let leaf = leaf.ok_or_else(|| Error::damaged("a durable event is gone", position, "no event"))?;
        Ok(Self { position, leaf })
    }

    /// Returns up to where the log of the next opening is that of the earlier one, or refuses another log.
    fn kept(&self, earlier: &SharedState, next: &SharedState) -> Result<Position> {
        let (earlier, next) = (View::written(earlier), View::of(next));
        if next.leaf(self.position)? != Some(self.leaf) {
            let message =
                format!("the log in the directory has another event at position {} now", self.position);
            return Err(Error::new(ErrorKind::Diverged, message));
        }
        // Recovery keeps whole frames from the first one on, so one leaf speaks for all before it. If what was not durable
        // cannot be read any more, it counts as lost.
        let both = earlier.head().min(next.head());
        let is_same = matches!((earlier.leaf(both), next.leaf(both)), (Ok(one), Ok(other)) if one == other);
        Ok(if is_same { both.max(self.position) } else { self.position })
    }
}
