//! Appending: what goes in, and the answers to it. The invariants D2 to D4 of `deciding` hold here too.

use tidegate_format::{Position, Result, Text};

use crate::batch::{Batch, Footprint, Key, KeyLookup, Receipt, ValidBatch};
use crate::decide::{DecisionView, Outcome};
use crate::journal::{self, PrepareContext, PreparedBatch, QueueOptions, Ticket, judging};
use crate::read::View;
use crate::settings::{AppendOptions, Durability};
use crate::store::deciding::{Contest, rests_on, without_key};
use crate::store::{Store, Writer};

impl Store {
    /// Appends a batch, or a single draft, and waits until it is as durable as asked for. Either all of its
    /// events are in the log then, at consecutive positions, or none.
    ///
    /// A denial by gates that are [attached](Self::guard) to the store is an error here, as the call asked to write and
    /// nothing was written; [`Error::denied`](crate::Error::denied) returns it. [`decide`](Self::decide) and [`propose`](Self::propose) ask
    /// whether to write, and there a denial is one of the answers, [`Outcome::Denied`].
    ///
    /// ```
    /// use tidegate::{Batch, Draft, Position, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let placed = store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// let both = [("order-7", "order.paid"), ("stock-3", "item.reserved")];
    /// let drafts = both.map(|(entity, kind)| Draft::new(("shop", entity), kind).cause(placed.first()));
    /// assert_eq!(store.append(Batch::from(drafts.to_vec()))?.last(), Position(3));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) for a draft that breaks a rule or a limit, and
    /// [`Refused`](crate::ErrorKind::Refused) for an unknown cause; [`Conflict`](crate::ErrorKind::Conflict) for an id that is in the
    /// log already and a condition that does not hold ([`Error::conflict`](crate::Error::conflict)); [`Denied`](crate::ErrorKind::Denied) by a gate
    /// ([`Error::denied`](crate::Error::denied)); [`Full`](crate::ErrorKind::Full) if the queue or the disk is. Nothing was written then.
    /// So it is with [`Ended`](crate::ErrorKind::Ended): the writer has ended. If it ended over this batch, by a write or a
    /// sync that failed, the error is [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown): whether its events are kept
    /// shows when the store is opened again.
    pub fn append(&self, batch: impl Into<Batch>) -> Result<Receipt> {
        self.append_with(batch, AppendOptions::new())
    }

    /// Appends a batch as `options` say; see [`append`](Self::append).
    ///
    /// # Errors
    ///
    /// Those of [`append`](Self::append); [`Invalid`](crate::ErrorKind::Invalid) if the options have a key, which is that of a
    /// decision.
    pub fn append_with(&self, batch: impl Into<Batch>, options: AppendOptions) -> Result<Receipt> {
        let options = without_key(options)?;
        let writer = &*self.writer.get();
        if !writer.guards.load().is_empty() {
            writer.process.check()?;
        }
        let valid = ValidBatch::new(batch.into(), &writer.published)?;
        let key = valid.key().map(Key::lookup);
        let contest = Contest::of_append();
        let outcome: Result<Outcome> =
            self.settle(writer, key, &options, contest, |_| Ok(Ok((&valid, Vec::new()))));
        outcome?.into_result()
    }

    /// Holds an answer back until what it rests on is visible, and durable if the caller asked for that. The caller runs
    /// the sync if no other thread does.
    ///
    /// # Errors
    ///
    /// That of the writer's end: what the answer rests on may be lost then.
    pub(super) fn hold<T>(
        writer: &Writer,
        rests_on: Position,
        append: &AppendOptions,
        answer: T,
    ) -> Result<T> {
        // What was never written cannot be waited for, and nothing rests on it.
        let rests_on = rests_on.min(writer.published.written());
        let synced = Self::queue_options(writer, append).durability == Durability::Synced;
        if !writer.journal.is_settled(rests_on, synced) {
            writer.journal.settle_until(rests_on, synced, None)?;
        }
        Ok(answer)
    }

    /// How a batch is appended that no caller decides again.
    pub(super) fn queue_options(writer: &Writer, append: &AppendOptions) -> QueueOptions {
        let durability = append.durability.unwrap_or(writer.durability);
        QueueOptions { durability, when_full: append.when_full, turn: None, again: false }
    }

    /// Asks for a sync within the interval, if that is what the caller chose.
    pub(super) fn sync_within(&self, writer: &Writer, append: &AppendOptions) {
        if let Durability::Interval(interval) = Self::queue_options(writer, append).durability {
            writer.worker.sync_by(self.deadline(interval), interval);
        }
    }

    /// Returns the first receipt of a key that came into the log after a position, as durable as asked for this time.
    pub(super) fn known(
        &self,
        writer: &Writer,
        view: &View,
        key: Option<KeyLookup<'_>>,
        after: Position,
        append: &AppendOptions,
    ) -> Result<Option<Receipt>> {
        let Some(known) = self.find_known(view, key, after)? else { return Ok(None) };
        let rests_on = known.as_ref().map_or_else(rests_on, Receipt::last);
        let known = Self::hold(writer, rests_on, append, known)?;
        if writer.published.durable() < rests_on {
            self.sync_within(writer, append);
        }
        known.map(Some)
    }

    /// Returns the first receipt of a key that came into the log after a position, or why it is refused.
    fn find_known(
        &self,
        view: &View,
        key: Option<KeyLookup<'_>>,
        after: Position,
    ) -> Result<Option<Result<Receipt>>> {
        let Some(key) = key else { return Ok(None) };
        let first = view.find_key_after(key.text, after)?;
        Ok(first.map(|first| journal::receipt_of(view, self.id(), first, key)))
    }

    /// Queues a batch to be appended and returns a [`Ticket`] for the answer, without waiting for the disk.
    ///
    /// If the queue is full ([`StoreOptions::queue_bytes`](crate::StoreOptions::queue_bytes)), it waits for room under
    /// [`WhenFull::Wait`](crate::settings::WhenFull::Wait), which is the default and blocks the thread. A task asks for
    /// [`WhenFull::Refuse`](crate::settings::WhenFull::Refuse) instead, and awaits [`wait_for_room`](Self::wait_for_room) when it is
    /// refused:
    ///
    /// ```
    /// use tidegate::settings::WhenFull;
    /// use tidegate::{AppendOptions, Draft, ErrorKind, Receipt, Result, Store};
    ///
    /// async fn append(store: &Store, draft: Draft) -> Result<Receipt> {
    ///     let append = AppendOptions::new().when_full(WhenFull::Refuse);
    ///     loop {
    ///         match store.submit_with(draft.clone(), append.clone()) {
    ///             Ok(ticket) => return ticket.await,
    ///             Err(error) if error.kind() == ErrorKind::Full => store.wait_for_room()?.await?,
    ///             Err(error) => return Err(error),
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`append`](Self::append) that are known before the batch is queued; the rest comes with the
    /// ticket's answer, and so does a refusal that rests on events which are still to be synced. Gates attached to the store are asked once: if what they read moves before the
    /// commit, the answer is a boundary conflict, and submitting again asks them again.
    pub fn submit(&self, batch: impl Into<Batch>) -> Result<Ticket> {
        self.submit_with(batch, AppendOptions::new())
    }

    /// Queues a batch as `options` say; see [`submit`](Self::submit).
    ///
    /// # Errors
    ///
    /// Those of [`submit`](Self::submit); [`Invalid`](crate::ErrorKind::Invalid) if the options have a key, which is that of a
    /// decision.
    pub fn submit_with(&self, batch: impl Into<Batch>, options: AppendOptions) -> Result<Ticket> {
        let append = &without_key(options)?;
        let writer = &*self.writer()?;
        let valid = ValidBatch::new(batch.into(), &writer.published)?;
        let view = DecisionView::new(View::written(&writer.published));
        let key = valid.key().map(Key::lookup);
        if let Some(known) = self.find_known(view.view(), key, Position::START)? {
            return self.answer_later(writer, append, Position::START, known);
        }
        let gates = match judging(|| self.pass_guards(writer, valid.batch(), &view, append)) {
            Ok(Ok(gates)) => gates,
            Ok(Err(denied)) => return self.answer_later(writer, append, view.head(), Err(denied.refused())),
            Err(error) => return self.answer_later(writer, append, view.head(), Err(error)),
        };
        let (view, footprint) = view.into_parts();
        let ticket = match self.prepare(writer, &view, &valid, gates, footprint, append) {
            Ok(prepared) => writer.journal.submit(prepared, Self::queue_options(writer, append))?,
            Err(error) => return self.answer_later(writer, append, Position::START, Err(error)),
        };
        self.sync_within(writer, append);
        Ok(ticket)
    }

    /// Answers a batch that is not queued: at once if nothing is left to wait for, otherwise by a ticket (keeps D4).
    /// `read` is the last position that was read for it.
    fn answer_later(
        &self,
        writer: &Writer,
        append: &AppendOptions,
        read: Position,
        answer: Result<Receipt>,
    ) -> Result<Ticket> {
        let said = answer.as_ref().map_or_else(rests_on, Receipt::last);
        let rests_on = said.max(read).min(writer.published.written());
        let synced = Self::queue_options(writer, append).durability == Durability::Synced;
        match answer {
            Err(error) if writer.journal.is_settled(rests_on, synced) => Err(error),
            answer => {
                self.sync_within(writer, append);
                Ok(writer.journal.answer(answer, rests_on, synced))
            }
        }
    }

    /// Waits for room in the queue, for a task whose batch was refused as [`Full`](crate::ErrorKind::Full) by
    /// [`submit`](Self::submit). The future needs no runtime. It is ready once batches were answered since
    /// it was made, or none is queued or on its way; a batch that is refused once more waits once more.
    ///
    /// ```
    /// use tidegate::Store;
    ///
    /// # fn main() -> tidegate::Result<()> {
    /// let store = Store::in_memory()?;
    /// let room = store.wait_for_room()?;
    /// let task = async move { room.await };
    /// # let mut task = std::pin::pin!(task);
    /// # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// # assert!(task.as_mut().poll(&mut context).is_ready());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Locked`](crate::ErrorKind::Locked) in a process forked from the writer's; from the future,
    /// [`Ended`](crate::ErrorKind::Ended) if the writer has ended.
    pub fn wait_for_room(&self) -> Result<impl Future<Output = Result<()>> + Send + use<>> {
        Ok(self.writer()?.journal.room())
    }

    pub(super) fn prepare(
        &self,
        writer: &Writer,
        view: &View,
        valid: &ValidBatch,
        gates: Vec<Text>,
        footprint: Footprint,
        append: &AppendOptions,
    ) -> Result<PreparedBatch> {
        let (seed, micros) = (writer.seed, self.env().clock.now_micros());
        let keep_footprint = append.keep_footprint;
        let context = PrepareContext { view, ids: &writer.ids, seed, micros, keep_footprint };
        journal::prepare(valid, gates, footprint, &context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_format::Draft;

    use crate::settings::StoreOptions;

    /// Where the streams of a group end was forgotten between its batches, and the log does not have it yet.
    #[test]
    fn versions_of_a_group_are_dense_however_few_streams_are_kept() {
        for streams in [0, 1, 2] {
            let options = StoreOptions::new().thread(false).streams_in_memory(streams);
            let store = options.in_memory().unwrap();
            let entities = ["a", "b", "c", "d"];
            let submit =
                |number: usize| store.submit(Draft::new(("s", entities[number % 4]), "k.x")).unwrap();
            for from in [0, 9] {
                let receipts = Ticket::join((from..from + 9).map(submit)).wait();
                for (number, receipt) in (from..).zip(receipts) {
                    let version = receipt.unwrap().events[0].version.0;
                    assert_eq!(version, number as u64 / 4 + 1, "event {number} with {streams} streams");
                }
            }
        }
    }

    /// What came after a position is found by position. Ids and keys used to be looked for in whole segments, so with
    /// other borders an event before the position was found too.
    #[test]
    fn what_comes_after_a_position_is_told_by_position() {
        let store = StoreOptions::new().thread(false).in_memory().unwrap();
        for key in ["one", "two", "three"] {
            let draft = Draft::new(("s", "e"), "k.x");
            store.append(Batch::from(draft).key(key)).unwrap();
        }
        let view = store.view().unwrap();
        let second = view.at(Position(2)).unwrap().unwrap();
        for (after, expected) in [(0, Some(2)), (1, Some(2)), (2, None), (3, None)] {
            let (after, expected) = (Position(after), expected.map(Position));
            assert_eq!(view.find_id_after(second.id(), after).unwrap(), expected);
            let keyed = view.find_key_after("two", after).unwrap();
            assert_eq!(keyed, expected);
        }
        assert_eq!(view.as_of(Position(1)).find_id_after(second.id(), Position(0)).unwrap(), None);
        assert!(view.as_of(Position(1)).find_key_after("two", Position(0)).unwrap().is_none());
    }
}
