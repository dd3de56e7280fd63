//! Appending and deciding: the store's side of what goes in.
//!
//! Invariants:
//!
//! D1. What a gate or a decision read through its view has not moved when its batch is committed; where it
//!     moved, the whole is judged again, against a new view.
//! D2. A key that is in the log is answered before any gate is asked, and the key of a decision before the decision is;
//!     the key, the gates and the decision all see one view.
//! D3. A batch is checked once, hashed once, and looked up by its key once in each view.

use std::borrow::Borrow;
use std::sync::Arc;

use tidegate_format::{Draft, Error, ErrorKind, Position, Result, Text};

use crate::batch::{Batch, Key, SoughtKey, ValidBatch, gates_of};
use crate::batch::{Checked, Receipt, Receipted};
use crate::decide::{Decided, Decision, DecisionView, Denied, Footprint, GateSet, Guard, Proposal, record};
use crate::journal::{self, Bench, Prepared, Ticket};
use crate::read::{Query, View};
use crate::settings::{Append, DecideOptions, Durability};
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
        let writer = self.queuing_writer()?;
        if !writer.guards.load().is_empty() {
            writer.process.check()?;
        }
        let valid = ValidBatch::new(batch.into())?;
        let key = valid.key().map(Key::sought);
        self.settle(writer, key, append, |_| Ok(Ok((&valid, Vec::new()))))?.into_result()
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
    /// A denial is a value here, [`Decided::Denied`]: to say no is one of the answers that the caller asked for.
    /// [`append`](Self::append) asked to write, so there a denial is an error; [`Decided::into_result`] makes it one here
    /// too.
    ///
    /// # Sent again
    ///
    /// A decision that may be sent again, because its answer can be lost, is given an idempotency key with
    /// [`Append::key`]. If a batch is in the log under this key, its first receipt is the answer, and `decide` is not
    /// asked: it would see its own first success and say that the last seat is taken. The content of that batch is not
    /// compared, since what a decision comes to depends on what it read; so one key stands for one request, whatever
    /// it comes to. (The key of an append stands for its content, and other content under it is refused.) A denial
    /// leaves nothing under the key, and `decide` is asked again by the next call.
    ///
    /// ```
    /// use tidegate::decide::Decision;
    /// use tidegate::{Append, Draft, Item, Options, Query, Store};
    ///
    /// let store = Store::in_memory(Options::default())?;
    /// let seats = Query::from(Item::new().tag("show:7"));
    /// let reserve = |request: &'static str| {
    ///     store.decide(Append::default().key(request), |view| {
    ///         if view.exists(&seats)? {
    ///             return Ok(Decision::deny("SOLD_OUT", "the only seat is taken"));
    ///         }
    ///         Ok(Draft::new(("shows", "7"), "seat.reserved").tag("show:7").into())
    ///     })
    /// };
    /// let first = reserve("request-1")?;
    /// assert_eq!(reserve("request-1")?, first, "the answer was lost, and the request sent again");
    /// assert!(reserve("request-2")?.denied().is_some());
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`append`](Self::append) and of `decide` itself; [`Refused`](ErrorKind::Refused) when
    /// something moved each of the [`attempts`](Append::attempts) times. [`Invalid`](ErrorKind::Invalid) if the
    /// decision has a key and comes to a batch with a key of its own.
    pub fn decide(
        &self,
        options: impl Into<DecideOptions>,
        mut decide: impl FnMut(&DecisionView) -> Result<Decision>,
    ) -> Result<Decided> {
        let DecideOptions { append, key } = options.into();
        let sought = key.as_deref().map(SoughtKey::of_decision).transpose()?;
        self.settle(self.writer()?, sought, append, |view| {
            Ok(match decide(view)? {
                Decision::Append(batch) => Ok((ValidBatch::decided(batch, key.as_ref())?, Vec::new())),
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
        let writer = self.writer()?;
        let valid = ValidBatch::new(batch.into())?;
        let drafts = valid.batch().drafts();
        self.settle(writer, valid.key().map(Key::sought), append, |view| {
            match gates.judge(&Proposal { context, drafts }, view)? {
                Ok(passed) => Ok(Ok((&valid, passed))),
                Err(denied) if gates.records() => self.record(drafts, denied, view.head(), append).map(Err),
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

    /// Judges and appends until what was read has not moved. A key that is known beforehand is looked up before that, in
    /// the same view.
    fn settle<B: Borrow<ValidBatch>>(
        &self,
        writer: &Writer,
        key: Option<SoughtKey<'_>>,
        append: Append,
        mut judge: impl FnMut(&DecisionView) -> Result<std::result::Result<(B, Vec<Text>), Denied>>,
    ) -> Result<Decided> {
        let attempts = append.attempts.max(1);
        let (mut moved, mut looked) = (None, Position::START);
        for _ in 0..attempts {
            let view = DecisionView::new(View::of(&self.published));
            if let Some(receipt) = self.known(writer, view.view(), key, looked, append)? {
                return Ok(Decided::Committed(receipt));
            }
            looked = view.head();
            let (batch, mut gates) = match judge(&view)? {
                Ok(judged) => judged,
                Err(denied) => return Ok(Decided::Denied(denied)),
            };
            let valid: &ValidBatch = batch.borrow();
            let own = valid.key().map(Key::sought).filter(|_| key.is_none());
            if let Some(receipt) = self.known(writer, view.view(), own, Position::START, append)? {
                return Ok(Decided::Committed(receipt));
            }
            match self.pass_guards(writer, valid.batch(), &view, append)? {
                Ok(passed) => gates.extend(passed),
                Err(denied) => return Ok(Decided::Denied(denied)),
            }
            let (view, footprint) = view.into_parts();
            match self.append_from(writer, &view, valid, gates, footprint, append) {
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

    /// Judges the gates attached to the store, and returns those that the batch passed.
    fn pass_guards(
        &self,
        writer: &Writer,
        batch: &Batch,
        view: &DecisionView,
        append: Append,
    ) -> Result<std::result::Result<Vec<Text>, Denied>> {
        let guards = writer.guards.load();
        let mut passed = Vec::new();
        if batch.bypasses() || guards.is_empty() {
            return Ok(Ok(passed));
        }
        let drafts = batch.drafts();
        for guard in guards.iter() {
            if !guard.concerns(drafts, view.view())? {
                continue;
            }
            match guard.gates.judge(&Proposal { context: &(), drafts }, view)? {
                Ok(gates) => passed.extend(gates),
                Err(denied) if guard.gates.records() => {
                    return self.record(drafts, denied, view.head(), append).map(Err);
                }
                Err(denied) => return Ok(Err(denied)),
            }
        }
        Ok(Ok(passed))
    }

    /// Records a denial as an event.
    fn record(
        &self,
        drafts: &[Draft],
        mut denied: Denied,
        judged_at: Position,
        append: Append,
    ) -> Result<Denied> {
        let own = ValidBatch::new(Batch::own(record::denied(drafts, &denied, judged_at)))?;
        let view = View::of(&self.published);
        let footprint = Footprint::default();
        let receipt = self.append_from(self.writer()?, &view, &own, Vec::new(), footprint, append)?;
        denied.recorded = Some(receipt.first());
        Ok(denied)
    }

    /// Returns the first receipt of a key that came into the log after a position, as durable as asked for this time.
    fn known(
        &self,
        writer: &Writer,
        view: &View,
        key: Option<SoughtKey<'_>>,
        after: Position,
        append: Append,
    ) -> Result<Option<Receipt>> {
        let Some(key) = key else { return Ok(None) };
        let Some(first) = view.find_key_after(key.text, after)? else { return Ok(None) };
        let receipt = journal::receipt_of(view, self.id(), first, key)?;
        if self.published.durable() < receipt.last() {
            match append.durability.unwrap_or(self.durability) {
                Durability::Synced => writer.journal.flush()?,
                Durability::Interval(interval) => writer.bell.sync_by(self.deadline(interval), interval),
                Durability::Buffered => {}
            }
        }
        Ok(Some(receipt))
    }

    fn append_from(
        &self,
        writer: &Writer,
        view: &View,
        valid: &ValidBatch,
        gates: Vec<Text>,
        footprint: Footprint,
        append: Append,
    ) -> Result<Receipt> {
        let durability = append.durability.unwrap_or(self.durability);
        let prepared = self.prepare(writer, view, valid, gates, footprint, append)?;
        let receipt = writer.journal.append(prepared, durability, append.when_full)?;
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
        let valid = ValidBatch::new(batch.into())?;
        let view = DecisionView::new(View::of(&self.published));
        let key = valid.key().map(Key::sought);
        if let Some(receipt) = self.known(writer, view.view(), key, Position::START, append)? {
            return Ok(writer.journal.answered(receipt));
        }
        let gates = match self.pass_guards(writer, valid.batch(), &view, append)? {
            Ok(gates) => gates,
            Err(denied) => return Err(denied.refused()),
        };
        let (view, footprint) = view.into_parts();
        let prepared = self.prepare(writer, &view, &valid, gates, footprint, append)?;
        let ticket = writer.journal.submit(prepared, durability, append.when_full)?;
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
        valid: &ValidBatch,
        gates: Vec<Text>,
        footprint: Footprint,
        append: Append,
    ) -> Result<Prepared> {
        let (seed, micros) = (writer.seed, self.world.clock.now_micros());
        let keep_footprint = append.keep_footprint;
        let bench = Bench { view, ids: &writer.ids, seed, micros, keep_footprint };
        journal::prepare(valid, gates, footprint, &bench)
    }
}
