//! Appending and deciding: the store's side of what goes in.
//!
//! Invariants:
//!
//! D1. What a gate or a decision read through its view has not moved when its batch is committed; where it
//!     moved, the whole is judged again, against a new view.
//! D2. A keyed batch that was committed before is answered before any gate is asked.

use std::sync::Arc;

use tidegate_format::{Error, ErrorKind, Position, Result};

use crate::batch::{Batch, gates_of};
use crate::batch::{Checked, Receipt, Receipted};
use crate::decide::{Decided, Decision, DecisionView, Denied, Footprint, GateSet, Guard, Proposal, record};
use crate::journal::{self, Bench, Preparation, Ticket};
use crate::read::{Query, View};
use crate::settings::{Append, Durability};
use crate::store::{Store, Writer};

impl Store {
    /// Appends a batch, or a single draft, and waits until it is as durable as asked for. Either all of its
    /// events are in the log then, at consecutive positions, or none.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a draft that breaks a rule or a limit, and
    /// [`Refused`](ErrorKind::Refused) for an unknown cause or an id that is in the log already: nothing was
    /// written. [`Full`](ErrorKind::Full) when the queue or the disk is: nothing was written.
    /// [`Ended`](ErrorKind::Ended) when the writer has ended; if it ended over this batch, whether its
    /// events are kept is unknown until the store is opened again.
    pub fn append(&self, batch: impl Into<Batch>, append: Append) -> Result<Receipt> {
        let batch = batch.into();
        let writer = self.queuing_writer()?;
        if writer.guards.load().is_empty() {
            let view = View::of(&self.published);
            return self.append_from(writer, &view, &batch, &Footprint::default(), append);
        }
        match self.settle(append, |_| Ok(Ok(batch.clone())))? {
            Decided::Committed(receipt) => Ok(receipt),
            Decided::Denied(denied) => Err(denied.refused()),
        }
    }

    /// Says whether the log still agrees with a receipt.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn check(&self, receipt: &Receipt) -> Result<Checked> {
        if receipt.store != self.id() {
            return Ok(Checked::OtherStore);
        }
        let view = self.view()?;
        for (index, expected) in receipt.events.iter().enumerate() {
            let Some(event) = view.at(expected.position)? else {
                return Ok(Checked::Missing(expected.position));
            };
            let (gates, judged_at) = gates_of(&event);
            let said = index > 0 || (gates == receipt.gates && judged_at == receipt.judged_at);
            if !said || Receipted::of(&event) != *expected || event.time() != receipt.time {
                return Ok(Checked::Differs(expected.position));
            }
        }
        Ok(Checked::Agrees)
    }

    /// Reads and decides as one: `decide` reads through a view and comes to events or a denial, and the
    /// events are committed only if nothing it read has moved. Where something has, it is asked again.
    ///
    /// # Errors
    ///
    /// Those of [`append`](Self::append) and of `decide` itself; [`Refused`](ErrorKind::Refused) when
    /// something moved each of the [`attempts`](Append::attempts) times.
    pub fn decide(
        &self,
        append: Append,
        mut decide: impl FnMut(&DecisionView) -> Result<Decision>,
    ) -> Result<Decided> {
        self.settle(append, |view| {
            Ok(match decide(view)? {
                Decision::Append(batch) => Ok(batch),
                Decision::Deny(denial) => Err(Denied::from(denial)),
            })
        })
    }

    /// Appends a batch if the gates allow it, judging them with a context of the caller's. What they read
    /// holds at the commit.
    ///
    /// # Errors
    ///
    /// Those of [`decide`](Self::decide).
    pub fn propose<C: ?Sized>(
        &self,
        context: &C,
        batch: impl Into<Batch>,
        gates: &GateSet<C>,
        append: Append,
    ) -> Result<Decided> {
        let batch = batch.into();
        batch.check()?;
        if let Some(receipt) = self.known(self.writer()?, &batch, append)? {
            return Ok(Decided::Committed(receipt));
        }
        self.settle(append, |view| {
            let proposal = Proposal { context, drafts: batch.drafts() };
            match gates.judge(&proposal, view)? {
                Ok(passed) => Ok(Ok(batch.clone().passed(passed))),
                Err(denied) if gates.records() => self.record(&batch, denied, view.head(), append).map(Err),
                Err(denied) => Ok(Err(denied)),
            }
        })
    }

    /// Attaches gates to the store: from now on, as long as this handle lives, every batch with an event that
    /// the query will select has to pass them, whoever appends it.
    pub fn guard(&self, query: impl Into<Query>, gates: GateSet) -> Result<()> {
        let guard = Arc::new(Guard { query: query.into(), gates });
        self.writer()?.guards.rcu(|guards| {
            let mut guards = Vec::clone(guards);
            guards.push(Arc::clone(&guard));
            guards
        });
        Ok(())
    }

    /// Judges and appends until what was read has not moved.
    fn settle(
        &self,
        append: Append,
        mut judge: impl FnMut(&DecisionView) -> Result<std::result::Result<Batch, Denied>>,
    ) -> Result<Decided> {
        let writer = self.writer()?;
        let attempts = append.attempts.max(1);
        let mut moved = None;
        for _ in 0..attempts {
            let view = DecisionView::new(View::of(&self.published));
            let batch = match judge(&view)? {
                Ok(batch) => batch,
                Err(denied) => return Ok(Decided::Denied(denied)),
            };
            if let Some(receipt) = self.known(writer, &batch, append)? {
                return Ok(Decided::Committed(receipt));
            }
            let batch = match self.pass_guards(writer, batch, &view, append)? {
                Ok(batch) => batch,
                Err(denied) => return Ok(Decided::Denied(denied)),
            };
            match self.append_from(writer, view.view(), &batch, &view.footprint(), append) {
                Err(error) => match error.conflict() {
                    Some(conflict) if conflict.footprint => moved = Some(*conflict),
                    _ => return Err(error),
                },
                Ok(receipt) => return Ok(Decided::Committed(receipt)),
            }
        }
        let message = format!("what was read moved before the commit, {attempts} times in a row");
        let error = Error::new(ErrorKind::Refused, message);
        Err(match moved {
            Some(conflict) => error.because(conflict),
            None => error,
        })
    }

    /// Judges the gates attached to the store.
    fn pass_guards(
        &self,
        writer: &Writer,
        mut batch: Batch,
        view: &DecisionView,
        append: Append,
    ) -> Result<std::result::Result<Batch, Denied>> {
        let guards = writer.guards.load();
        if batch.bypasses() || guards.is_empty() {
            return Ok(Ok(batch));
        }
        batch.check()?;
        for guard in guards.iter() {
            if !guard.concerns(batch.drafts(), view.view())? {
                continue;
            }
            match guard.gates.judge(&Proposal { context: &(), drafts: batch.drafts() }, view)? {
                Ok(passed) => batch = batch.passed(passed),
                Err(denied) if guard.gates.records() => {
                    return self.record(&batch, denied, view.head(), append).map(Err);
                }
                Err(denied) => return Ok(Err(denied)),
            }
        }
        Ok(Ok(batch))
    }

    /// Records a denial as an event.
    fn record(
        &self,
        batch: &Batch,
        mut denied: Denied,
        judged_at: Position,
        append: Append,
    ) -> Result<Denied> {
        let own = Batch::own(record::denied(batch.drafts(), &denied, judged_at));
        let view = View::of(&self.published);
        let receipt = self.append_from(self.writer()?, &view, &own, &Footprint::default(), append)?;
        denied.recorded = Some(receipt.first());
        Ok(denied)
    }

    /// The first receipt of a keyed batch that is in the log already, as durable as asked for this time.
    fn known(&self, writer: &Writer, batch: &Batch, append: Append) -> Result<Option<Receipt>> {
        let Some((key, content)) = batch.keyed()? else { return Ok(None) };
        let view = View::of(&self.published);
        let Some(first) = view.find_key(key, Position::START)? else { return Ok(None) };
        let receipt = journal::receipt_of(&view, self.id(), first, content)?;
        self.keep_known(writer, receipt, append).map(Some)
    }

    /// Makes what was written before as durable as asked for this time.
    fn keep_known(&self, writer: &Writer, receipt: Receipt, append: Append) -> Result<Receipt> {
        if self.published.durable() < receipt.last() {
            match append.durability.unwrap_or(self.durability) {
                Durability::Synced => writer.journal.flush()?,
                Durability::Interval(interval) => writer.bell.sync_by(self.deadline(interval), interval),
                Durability::Buffered => {}
            }
        }
        Ok(receipt)
    }

    fn append_from(
        &self,
        writer: &Writer,
        view: &View,
        batch: &Batch,
        footprint: &Footprint,
        append: Append,
    ) -> Result<Receipt> {
        let durability = append.durability.unwrap_or(self.durability);
        let receipt = match self.prepare(writer, view, batch, footprint, append)? {
            Preparation::Ready(prepared) => writer.journal.append(prepared, durability, append.when_full)?,
            Preparation::Known(receipt) => return self.keep_known(writer, receipt, append),
        };
        if let Durability::Interval(interval) = durability {
            writer.bell.sync_by(self.deadline(interval), interval);
        }
        Ok(receipt)
    }

    /// Queues a batch to be appended and returns a [`Ticket`] for the answer, without waiting for the disk.
    ///
    /// If the queue is full ([`Options::queue_bytes`](crate::Options::queue_bytes)), it waits for room under
    /// [`WhenFull::Wait`](crate::settings::WhenFull::Wait), which is the default and blocks the thread. A task asks for
    /// [`WhenFull::Refuse`](crate::settings::WhenFull::Refuse) instead, and awaits [`room`](Self::room) when it is
    /// refused:
    ///
    /// ```
    /// use tidegate::settings::WhenFull;
    /// use tidegate::{Append, Draft, ErrorKind, Receipt, Result, Store};
    ///
    /// async fn append(store: &Store, draft: Draft) -> Result<Receipt> {
    ///     let append = Append { when_full: WhenFull::Refuse, ..Append::default() };
    ///     loop {
    ///         match store.submit(draft.clone(), append) {
    ///             Ok(ticket) => return ticket.await,
    ///             Err(error) if error.kind() == ErrorKind::Full => store.room()?.await?,
    ///             Err(error) => return Err(error),
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`append`](Self::append) that are known before the batch is queued; the rest comes with the
    /// ticket's answer. Gates attached to the store are asked once: where what they read moves before the
    /// commit, the answer is a boundary conflict, and submitting again asks them again.
    pub fn submit(&self, batch: impl Into<Batch>, append: Append) -> Result<Ticket> {
        let writer = self.writer()?;
        let durability = append.durability.unwrap_or(self.durability);
        let batch = batch.into();
        if let Some(receipt) = self.known(writer, &batch, append)? {
            return Ok(writer.journal.answered(receipt));
        }
        let view = DecisionView::new(View::of(&self.published));
        let batch = match self.pass_guards(writer, batch, &view, append)? {
            Ok(batch) => batch,
            Err(denied) => return Err(denied.refused()),
        };
        let ticket = match self.prepare(writer, view.view(), &batch, &view.footprint(), append)? {
            Preparation::Ready(prepared) => writer.journal.submit(prepared, durability, append.when_full)?,
            Preparation::Known(receipt) => {
                let receipt = self.keep_known(writer, receipt, append)?;
                return Ok(writer.journal.answered(receipt));
            }
        };
        if let Durability::Interval(interval) = durability {
            writer.bell.sync_by(self.deadline(interval), interval);
        }
        Ok(ticket)
    }

    /// Waits for room in the queue, for a task whose batch was refused as [`Full`](ErrorKind::Full) by
    /// [`submit`](Self::submit). The future needs no runtime. It is ready once batches were taken off the queue since
    /// it was made, or the queue is empty; a batch that is refused once more waits once more.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if the store is open for reading only; from the future,
    /// [`Ended`](ErrorKind::Ended) if the writer has ended.
    pub fn room(&self) -> Result<impl Future<Output = Result<()>> + Send + use<>> {
        Ok(self.writer()?.journal.room())
    }

    fn prepare(
        &self,
        writer: &Writer,
        view: &View,
        batch: &Batch,
        footprint: &Footprint,
        append: Append,
    ) -> Result<Preparation> {
        let (seed, micros) = (writer.seed, self.world.clock.now_micros());
        let keep_footprint = append.keep_footprint;
        let bench = Bench { store: self.id(), view, ids: &writer.ids, seed, micros, keep_footprint };
        journal::prepare(batch, footprint, &bench)
    }
}
