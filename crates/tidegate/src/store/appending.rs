//! Appending and deciding: the store's side of what goes in.
//!
//! Invariants:
//!
//! D1. What a gate or a decision read through its view has not moved when its batch is committed; where it
//!     moved, the whole is judged again, against a new view.
//! D2. A key that is in the log is answered before any gate is asked, and the key of a decision before the decision is;
//!     the key, the gates and the decision all see one view.
//! D3. A batch is checked once, hashed once, and looked up by its key once in each view.
//! D4. What is judged sees all that is written, visible or not. Every answer, a receipt, a denial, an error of the caller's
//!     closure or a refusal, waits until what it rests on is visible, and durable where the caller asked for that: no
//!     answer rests on an event that is lost while the answer stands.
//! D5. No lock is held while a closure or a gate of the caller's runs. A turn is, but nobody needs it to go on.

use std::borrow::Borrow;
use std::sync::Arc;

use tidegate_format::{Draft, Error, ErrorKind, Position, Result, Text};

use crate::batch::{Batch, Conflict, Key, KeyLookup, ValidBatch, gates_of};
use crate::batch::{Receipt, ReceiptEvent, ReceiptStatus};
use crate::decide::{Decision, DecisionView, Denied, Footprint, GateSet, Guard, Outcome, Proposal, record};
use crate::journal::{self, PrepareContext, PreparedBatch, QueueOptions, Ticket, Turn, boundaries, judging};
use crate::read::{Query, View};
use crate::settings::{AppendOptions, Durability};
use crate::store::{Store, Writer};

impl Store {
    /// Appends a batch, or a single draft, and waits until it is as durable as asked for. Either all of its
    /// events are in the log then, at consecutive positions, or none.
    ///
    /// A denial by gates that are [attached](Self::guard) to the store is an error here, as the call asked to write and
    /// nothing was written; [`Error::denied`] returns it. [`decide`](Self::decide) and [`propose`](Self::propose) ask
    /// whether to write, and there a denial is one of the answers, [`Outcome::Denied`].
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a draft that breaks a rule or a limit, and
    /// [`Refused`](ErrorKind::Refused) for an unknown cause; [`Conflict`](ErrorKind::Conflict) for an id that is in the
    /// log already and a condition that does not hold ([`Error::conflict`]); [`Denied`](ErrorKind::Denied) by a gate
    /// ([`Error::denied`]); [`Full`](ErrorKind::Full) if the queue or the disk is. Nothing was written then.
    /// [`Ended`](ErrorKind::Ended) when the writer has ended; if it ended over this batch, whether its
    /// events are kept is unknown until the store is opened again.
    pub fn append(&self, batch: impl Into<Batch>) -> Result<Receipt> {
        self.append_with(batch, AppendOptions::new())
    }

    /// Appends a batch as `options` say; see [`append`](Self::append).
    ///
    /// # Errors
    ///
    /// Those of [`append`](Self::append); [`Invalid`](ErrorKind::Invalid) if the options have a key, which is that of a
    /// decision.
    pub fn append_with(&self, batch: impl Into<Batch>, options: AppendOptions) -> Result<Receipt> {
        let options = without_key(options)?;
        let writer = self.queuing_writer()?;
        if !writer.guards.load().is_empty() {
            writer.process.check()?;
        }
        let valid = ValidBatch::new(batch.into())?;
        let key = valid.key().map(Key::lookup);
        let contest = Contest { decides: false, ..Contest::default() };
        self.settle(writer, key, &options, contest, |_| Ok(Ok((&valid, Vec::new()))))?.into_result()
    }

    /// Says whether the log still agrees with a receipt. A store that is open for reading only shows what is known to be
    /// durable; an event that it only finds written is [`Unconfirmed`](ReceiptStatus::Unconfirmed).
    ///
    /// # Errors
    ///
    /// Those of reading; [`Damaged`](ErrorKind::Damaged) if damage hides what the receipt is about.
    pub fn check(&self, receipt: &Receipt) -> Result<ReceiptStatus> {
        if receipt.store != self.id() {
            return Ok(ReceiptStatus::OtherStore);
        }
        let view = self.view()?;
        let mut agrees = ReceiptStatus::Agrees;
        for (index, expected) in receipt.events.iter().enumerate() {
            let event = match view.at(expected.position)? {
                Some(event) => event,
                None => match self.unconfirmed(expected.position)? {
                    None => return Ok(ReceiptStatus::Missing(expected.position)),
                    Some(event) => {
                        agrees = ReceiptStatus::Unconfirmed(receipt.first().max(view.head().next()));
                        event
                    }
                },
            };
            let (gates, judged_at) = gates_of(&event);
            let said = index > 0 || (gates == receipt.gates && judged_at == receipt.judged_at);
            if !said || ReceiptEvent::of(&event) != *expected || event.time() != receipt.time {
                return Ok(ReceiptStatus::Differs(expected.position));
            }
        }
        Ok(agrees)
    }

    /// Reads and decides as one: `decide` reads through a view and comes to events or a denial, and the
    /// events are committed only if nothing it read has moved. Where something has, it is asked again.
    ///
    /// A denial is a value here, [`Outcome::Denied`]: to say no is one of the answers that the caller asked for.
    /// [`append`](Self::append) asked to write, so there a denial is an error; [`Outcome::into_result`] makes it one here
    /// too.
    ///
    /// # Sent again
    ///
    /// A decision that may be sent again, because its answer can be lost, is given an idempotency key with
    /// [`AppendOptions::key`]. If a batch is in the log under this key, its first receipt is the answer, and `decide` is not
    /// asked: it would see its own first success and say that the last seat is taken. The content of that batch is not
    /// compared, since what a decision comes to depends on what it read; so one key stands for one request, whatever
    /// it comes to. (The key of an append stands for its content, and other content under it is refused.) A denial
    /// leaves nothing under the key, and `decide` is asked again by the next call.
    ///
    /// ```
    /// use tidegate::decide::Decision;
    /// use tidegate::{AppendOptions, Draft, QueryItem, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let seats = Query::from(QueryItem::new().tag("show:7"));
    /// let reserve = |request: &'static str| {
    ///     store.decide_with(AppendOptions::new().key(request), |view| {
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
    /// Those of [`append`](Self::append) and of `decide` itself; [`Conflict`](ErrorKind::Conflict) if
    /// something moved each of the [`attempts`](AppendOptions::attempts) times. [`Invalid`](ErrorKind::Invalid) if the
    /// decision has a key and comes to a batch with a key of its own.
    pub fn decide(&self, decide: impl FnMut(&DecisionView) -> Result<Decision>) -> Result<Outcome> {
        self.decide_with(AppendOptions::new(), decide)
    }

    /// Reads and decides as one, as `options` say; see [`decide`](Self::decide).
    ///
    /// # Errors
    ///
    /// Those of [`decide`](Self::decide).
    pub fn decide_with(
        &self,
        mut options: AppendOptions,
        mut decide: impl FnMut(&DecisionView) -> Result<Decision>,
    ) -> Result<Outcome> {
        let key = options.key.take();
        let sought = key.as_deref().map(KeyLookup::of_decision).transpose()?;
        self.settle(self.writer()?, sought, &options, Contest::default(), |view| {
            Ok(match decide(view)? {
                Decision::Append(batch) => Ok((ValidBatch::decided(batch, key.as_ref())?, Vec::new())),
                Decision::Deny(denial) => Err(Denied::from(denial)),
            })
        })
    }

    /// Appends a batch if the gates allow it, judging them with a context of the caller's. What they read
    /// holds at the commit. A denial is a value, [`Outcome::Denied`], as with [`decide`](Self::decide).
    ///
    /// # Errors
    ///
    /// Those of [`decide`](Self::decide).
    pub fn propose<C: ?Sized>(
        &self,
        context: &C,
        batch: impl Into<Batch>,
        gates: &GateSet<C>,
    ) -> Result<Outcome> {
        self.propose_with(context, batch, gates, AppendOptions::new())
    }

    /// Appends a batch if the gates allow it, as `options` say; see [`propose`](Self::propose).
    ///
    /// # Errors
    ///
    /// Those of [`propose`](Self::propose); [`Invalid`](ErrorKind::Invalid) if the options have a key, which is that of a
    /// decision.
    pub fn propose_with<C: ?Sized>(
        &self,
        context: &C,
        batch: impl Into<Batch>,
        gates: &GateSet<C>,
        options: AppendOptions,
    ) -> Result<Outcome> {
        let options = without_key(options)?;
        let writer = self.writer()?;
        let valid = ValidBatch::new(batch.into())?;
        let drafts = valid.batch().drafts();
        self.settle(writer, valid.key().map(Key::lookup), &options, Contest::default(), |view| {
            match gates.judge(&Proposal { context, drafts }, view)? {
                Ok(passed) => Ok(Ok((&valid, passed))),
                Err(denied) if gates.records() => self.record(drafts, denied, view.head(), &options).map(Err),
                Err(denied) => Ok(Err(denied)),
            }
        })
    }

    /// Attaches gates to the store: from now on, as long as this handle lives, every batch with an event that
    /// the query will select has to pass them, whoever appends it.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if the query asks for [`versions`](crate::QueryItem::versions): a gate is asked
    /// before its batch has any.
    pub fn guard(&self, query: impl Into<Query>, gates: GateSet) -> Result<()> {
        let query = query.into();
        if query.asks_for_versions() {
            let message = "a gate cannot be attached for a range of versions, which events get after it was asked; \
                attach it without the range and let it read the stream's version";
            return Err(Error::invalid(message));
        }
        let guard = Arc::new(Guard { query, gates });
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
        key: Option<KeyLookup<'_>>,
        append: &AppendOptions,
        mut contest: Contest,
        mut judge: impl FnMut(&DecisionView) -> Judged<(B, Vec<Text>)>,
    ) -> Result<Outcome> {
        let attempts = append.attempts.max(1);
        for _ in 0..attempts {
            if let Some(decided) = self.attempt(writer, key, append, &mut contest, &mut judge)? {
                return Ok(decided);
            }
        }
        let message = format!("what was read moved before the commit, {attempts} times in a row");
        let error = Error::new(ErrorKind::Conflict, message);
        let Some(conflict) = contest.moved else { return Err(error) };
        let position = conflict.position.unwrap_or_default();
        Err(self.hold(writer, position, append, error.because(conflict))?)
    }

    /// Judges and appends once; `None` where that is to be done again.
    fn attempt<B: Borrow<ValidBatch>>(
        &self,
        writer: &Writer,
        key: Option<KeyLookup<'_>>,
        append: &AppendOptions,
        contest: &mut Contest,
        judge: &mut impl FnMut(&DecisionView) -> Judged<(B, Vec<Text>)>,
    ) -> Result<Option<Outcome>> {
        let view = DecisionView::new(View::written(&self.published));
        if let Some(receipt) = self.known(writer, view.view(), key, contest.looked, append)? {
            return Ok(Some(Outcome::Committed(receipt)));
        }
        contest.looked = view.head();
        let (batch, mut gates) = match self.judged(writer, &view, append, contest, || judge(&view))? {
            Ok(judged) => judged,
            Err(denied) => return Ok(Some(Outcome::Denied(denied))),
        };
        let valid: &ValidBatch = batch.borrow();
        let own = valid.key().map(Key::lookup).filter(|_| key.is_none());
        if let Some(receipt) = self.known(writer, view.view(), own, Position::START, append)? {
            return Ok(Some(Outcome::Committed(receipt)));
        }
        let guards = || self.pass_guards(writer, valid.batch(), &view, append);
        match self.judged(writer, &view, append, contest, guards)? {
            Ok(passed) => gates.extend(passed),
            Err(denied) => return Ok(Some(Outcome::Denied(denied))),
        }
        let (view, footprint) = view.into_parts();
        let boundaries = boundaries(&footprint, writer.seed);
        if contest.turn.is_none() && writer.turns.are_insisted_on(&boundaries) {
            contest.turn = writer.turns.take(&boundaries);
            if contest.turn.is_some() {
                // What was read has most likely moved meanwhile.
                return Ok(None);
            }
        }
        let prepared = match self.prepare(writer, &view, valid, gates, footprint, append) {
            Ok(prepared) => prepared,
            Err(error) => {
                let rests_on = if contest.decides { view.head() } else { rests_on(&error) };
                return Err(self.hold(writer, rests_on, append, error)?);
            }
        };
        let options = QueueOptions { turn: contest.turn.clone(), again: true, ..self.queue_options(append) };
        match writer.journal.append(prepared, options) {
            Ok(receipt) => {
                self.sync_within(writer, append);
                Ok(Some(Outcome::Committed(receipt)))
            }
            Err(error) => match error.conflict() {
                Some(conflict) if conflict.footprint => {
                    contest.lose(*conflict, writer, &boundaries);
                    Ok(None)
                }
                // It refuses what was decided by what was read, which may be lost where the conflict cannot.
                _ if contest.decides && error.kind().is_refusal() => {
                    Err(self.hold(writer, view.head(), append, error)?)
                }
                _ => Err(error),
            },
        }
    }

    /// Runs the caller's own code, without a lock. A denial and an error are held until what was read is settled; a batch
    /// has an answer of its own later (keeps D4).
    fn judged<T>(
        &self,
        writer: &Writer,
        view: &DecisionView,
        append: &AppendOptions,
        contest: &mut Contest,
        judge: impl FnOnce() -> Judged<T>,
    ) -> Judged<T> {
        let judged = judging(judge);
        if !matches!(judged, Ok(Ok(_))) {
            // Nothing will be written, so the next one need not wait for the sync that this answer waits for.
            contest.turn = None;
            self.hold(writer, view.head(), append, ())?;
        }
        judged
    }

    /// Holds an answer back until what it rests on is visible, and durable if the caller asked for that. The caller runs
    /// the sync where no other thread does.
    ///
    /// # Errors
    ///
    /// That of the writer's end: what the answer rests on may be lost then.
    fn hold<T>(&self, writer: &Writer, rests_on: Position, append: &AppendOptions, answer: T) -> Result<T> {
        // What was never written cannot be waited for, and nothing rests on it.
        let rests_on = rests_on.min(self.published.written());
        let synced = self.queue_options(append).durability == Durability::Synced;
        if !writer.journal.is_settled(rests_on, synced) {
            writer.journal.settle_until(rests_on, synced, None)?;
        }
        Ok(answer)
    }

    /// How a batch is appended that nobody decides again.
    fn queue_options(&self, append: &AppendOptions) -> QueueOptions {
        let durability = append.durability.unwrap_or(self.durability);
        QueueOptions { durability, when_full: append.when_full, turn: None, again: false }
    }

    /// Asks for a sync within the interval, if that is what the caller chose.
    fn sync_within(&self, writer: &Writer, append: &AppendOptions) {
        if let Durability::Interval(interval) = self.queue_options(append).durability {
            writer.worker.sync_by(self.deadline(interval), interval);
        }
    }

    /// Judges the gates attached to the store, and returns those that the batch passed.
    fn pass_guards(
        &self,
        writer: &Writer,
        batch: &Batch,
        view: &DecisionView,
        append: &AppendOptions,
    ) -> Judged<Vec<Text>> {
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
        append: &AppendOptions,
    ) -> Result<Denied> {
        let own = ValidBatch::new(Batch::own(record::denied(drafts, &denied, judged_at)))?;
        let (writer, view) = (self.writer()?, View::written(&self.published));
        let prepared = self.prepare(writer, &view, &own, Vec::new(), Footprint::default(), append)?;
        let receipt = writer.journal.append(prepared, self.queue_options(append))?;
        self.sync_within(writer, append);
        denied.recorded = Some(receipt.first());
        Ok(denied)
    }

    /// Returns the first receipt of a key that came into the log after a position, as durable as asked for this time.
    fn known(
        &self,
        writer: &Writer,
        view: &View,
        key: Option<KeyLookup<'_>>,
        after: Position,
        append: &AppendOptions,
    ) -> Result<Option<Receipt>> {
        let Some(known) = self.find_known(view, key, after)? else { return Ok(None) };
        let rests_on = known.as_ref().map_or_else(rests_on, Receipt::last);
        let known = self.hold(writer, rests_on, append, known)?;
        if self.published.durable() < rests_on {
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
    /// [`WhenFull::Refuse`](crate::settings::WhenFull::Refuse) instead, and awaits [`room`](Self::room) when it is
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
    /// ticket's answer, and so does a refusal that rests on events which are still to be synced. Gates attached to the store are asked once: where what they read moves before the
    /// commit, the answer is a boundary conflict, and submitting again asks them again.
    pub fn submit(&self, batch: impl Into<Batch>) -> Result<Ticket> {
        self.submit_with(batch, AppendOptions::new())
    }

    /// Queues a batch as `options` say; see [`submit`](Self::submit).
    ///
    /// # Errors
    ///
    /// Those of [`submit`](Self::submit); [`Invalid`](ErrorKind::Invalid) if the options have a key, which is that of a
    /// decision.
    pub fn submit_with(&self, batch: impl Into<Batch>, options: AppendOptions) -> Result<Ticket> {
        let append = &without_key(options)?;
        let writer = self.writer()?;
        let valid = ValidBatch::new(batch.into())?;
        let view = DecisionView::new(View::written(&self.published));
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
            Ok(prepared) => writer.journal.submit(prepared, self.queue_options(append))?,
            Err(error) => return self.answer_later(writer, append, Position::START, Err(error)),
        };
        self.sync_within(writer, append);
        Ok(ticket)
    }

    /// Answers a batch that is not queued: at once where nothing is left to wait for, otherwise by a ticket (keeps D4).
    /// `read` is the last position that was read for it.
    fn answer_later(
        &self,
        writer: &Writer,
        append: &AppendOptions,
        read: Position,
        answer: Result<Receipt>,
    ) -> Result<Ticket> {
        let said = answer.as_ref().map_or_else(rests_on, Receipt::last);
        let rests_on = said.max(read).min(self.published.written());
        let synced = self.queue_options(append).durability == Durability::Synced;
        match answer {
            Err(error) if writer.journal.is_settled(rests_on, synced) => Err(error),
            answer => {
                self.sync_within(writer, append);
                Ok(writer.journal.answer(answer, rests_on, synced))
            }
        }
    }

    /// Waits for room in the queue, for a task whose batch was refused as [`Full`](ErrorKind::Full) by
    /// [`submit`](Self::submit). The future needs no runtime. It is ready once batches were answered since
    /// it was made, or none is queued or on its way; a batch that is refused once more waits once more.
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
        append: &AppendOptions,
    ) -> Result<PreparedBatch> {
        let (seed, micros) = (writer.seed, self.world.clock.now_micros());
        let keep_footprint = append.keep_footprint;
        let context = PrepareContext { view, ids: &writer.ids, seed, micros, keep_footprint };
        journal::prepare(valid, gates, footprint, &context)
    }
}

/// What the caller's own code comes to: what is to be appended, or a denial.
type Judged<T> = Result<std::result::Result<T, Denied>>;

/// What a decision or an append went through so far.
#[derive(Debug)]
struct Contest {
    /// Whether what is appended depends on what was read.
    decides: bool,
    /// Up to where its key was looked for.
    looked: Position,
    turn: Option<Arc<Turn>>,
    lost: u32,
    moved: Option<Conflict>,
}

impl Default for Contest {
    fn default() -> Self {
        Self { decides: true, looked: Position::START, turn: None, lost: 0, moved: None }
    }
}

/// How many times a decision is judged again before others have to wait for it.
const LOST_MAX: u32 = 3;

impl Contest {
    /// What was read has moved: from now on those who contend for the same take turns.
    fn lose(&mut self, conflict: Conflict, writer: &Writer, boundaries: &[usize]) {
        (self.moved, self.lost) = (Some(conflict), self.lost + 1);
        match &self.turn {
            None => self.turn = writer.turns.take(boundaries),
            Some(turn) if self.lost > LOST_MAX => turn.insist(),
            Some(_) => {}
        }
    }
}

/// Returns the options of a call whose key is that of its batch.
fn without_key(options: AppendOptions) -> Result<AppendOptions> {
    if options.key.is_none() {
        return Ok(options);
    }
    Err(Error::invalid(
        "the key of these options is for a decision; give the batch its own key with `Batch::key`",
    ))
}

/// The last position that a refusal rests on.
fn rests_on(error: &Error) -> Position {
    error.conflict().and_then(|conflict| conflict.position).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::StoreOptions;

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
            assert_eq!(keyed.map(|event| event.position()), expected);
        }
        assert_eq!(view.as_of(Position(1)).find_id_after(second.id(), Position(0)).unwrap(), None);
        assert!(view.as_of(Position(1)).find_key_after("two", Position(0)).unwrap().is_none());
    }
}
