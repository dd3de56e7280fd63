//! Deciding: what a closure or gates judge, and what is appended if what they read has not moved.
//!
//! Invariants:
//!
//! D1. What a gate or a decision read through its view has not moved when its batch is committed; if it
//!     moved, the whole is judged again, against a new view.
//! D2. A key that is in the log is answered before any gate is asked, and the key of a decision before the decision is;
//!     the key, the gates and the decision all see one view.
//! D3. A batch is checked once, hashed once, and looked up by its key once in each view.
//! D4. What is judged sees all that is written, visible or not. Every answer, a receipt, a denial, an error of the caller's
//!     closure or a refusal, waits until what it rests on is visible, and durable if the caller asked for that: no
//!     answer rests on an event that is lost while the answer stands.
//! D5. No lock is held while a closure or a gate of the caller's runs. A turn is, but no thread needs it to go on.

use std::borrow::Borrow;
use std::sync::Arc;

use tidegate_format::{Draft, Error, ErrorKind, Position, Result, Text};

use crate::batch::{Batch, Conflict, Footprint, Key, KeyLookup, ValidBatch};
use crate::decide::{Decision, DecisionView, Denied, GateSet, Guard, Outcome, Proposal, record};
use crate::journal::{QueueOptions, Turn, boundaries, judging};
use crate::read::{Query, View};
use crate::settings::AppendOptions;
use crate::store::{Store, Writer};

impl Store {
    /// Reads and decides as one: `decide` reads through a view and comes to events or a denial, and the events are
    /// committed only if nothing it read has moved. If something has, `decide` is asked again, with a new view.
    ///
    /// It returns what a [`Decision`] is made of: a [`Draft`], a `Vec<Draft>`, a [`Batch`], a
    /// [`Denial`](crate::decide::Denial), or a `Decision` if it may come to several of these.
    ///
    /// ```
    /// use tidegate::{Draft, Query, Result, Store};
    ///
    /// # fn main() -> Result<()> {
    /// let store = Store::in_memory()?;
    /// let visits = Query::stream(("shop", "visits"));
    /// let outcome = store.decide(|view| -> Result<_> {
    ///     let number = view.count(&visits)? + 1;
    ///     Ok(Draft::new(("shop", "visits"), "visitor.came").json(&number)?)
    /// })?;
    /// assert!(outcome.receipt().is_some());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors of the caller's own
    ///
    /// The error type is that of the closure, and the store's own errors become it by `From`. It is returned as it is,
    /// once what it rests on is settled. If nothing else says which type that is, the closure does, as above.
    ///
    /// ```
    /// use tidegate::decide::Outcome;
    /// use tidegate::{Draft, Query, Store};
    ///
    /// #[derive(Debug)]
    /// enum BookingError {
    ///     SoldOut,
    ///     Store(tidegate::Error),
    /// }
    ///
    /// impl From<tidegate::Error> for BookingError {
    ///     fn from(error: tidegate::Error) -> Self {
    ///         Self::Store(error)
    ///     }
    /// }
    ///
    /// fn book(store: &Store) -> Result<Outcome, BookingError> {
    ///     let seats = Query::tag("show:7");
    ///     store.decide(|view| {
    ///         if view.count(&seats)? >= 1 {
    ///             return Err(BookingError::SoldOut);
    ///         }
    ///         Ok(vec![Draft::new(("shows", "7"), "seat.booked").tag("show:7")])
    ///     })
    /// }
    ///
    /// let store = Store::in_memory()?;
    /// assert!(book(&store).is_ok());
    /// assert!(matches!(book(&store), Err(BookingError::SoldOut)));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Denials
    ///
    /// A denial is a value, [`Outcome::Denied`]: to say no is one of the answers that the caller asked for.
    /// [`append`](Self::append) asked to write, so there a denial is an error; [`Outcome::into_result`] makes it one here
    /// too. [`AppendOptions::record_denials`] keeps it as an event.
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
    /// use tidegate::{AppendOptions, Draft, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let seats = Query::tag("show:7");
    /// let reserve = |request: &'static str| {
    ///     store.decide_with(AppendOptions::new().key(request), |view| -> tidegate::Result<Decision> {
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
    pub fn decide<D: Into<Decision>, E: From<Error>>(
        &self,
        decide: impl FnMut(&DecisionView) -> std::result::Result<D, E>,
    ) -> std::result::Result<Outcome, E> {
        self.decide_with(AppendOptions::new(), decide)
    }

    /// Reads and decides as one, as `options` say; see [`decide`](Self::decide).
    ///
    /// ```
    /// use tidegate::decide::Denial;
    /// use tidegate::{AppendOptions, Result, Store};
    ///
    /// # fn main() -> Result<()> {
    /// let store = Store::in_memory()?;
    /// let recorded = AppendOptions::new().record_denials(true);
    /// let outcome = store.decide_with(recorded, |_| -> Result<_> {
    ///     Ok(Denial::new("CLOSED", "the shop is closed").field("opens", "08:00"))
    /// })?;
    /// let position = outcome.denied().and_then(|denied| denied.recorded).expect("it was recorded");
    /// assert_eq!(store.view()?.at(position)?.expect("it is there").kind(), "tidegate.denied");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`decide`](Self::decide).
    pub fn decide_with<D: Into<Decision>, E: From<Error>>(
        &self,
        options: AppendOptions,
        decide: impl FnMut(&DecisionView) -> std::result::Result<D, E>,
    ) -> std::result::Result<Outcome, E> {
        self.decide_by(&*self.writer()?, options, decide)
    }

    /// Decides as [`decide_with`](Self::decide_with) does if the store is still in the opening that the reasons for the
    /// decision come from.
    pub(crate) fn decide_in<D: Into<Decision>>(
        &self,
        generation: u64,
        options: AppendOptions,
        decide: impl FnMut(&DecisionView) -> Result<D>,
    ) -> Result<Outcome> {
        let writer = &*self.writer()?;
        if writer.generation != generation {
            let message = "the store was opened again meanwhile; what this rests on may be lost, look again";
            return Err(Error::new(ErrorKind::Ended, message));
        }
        self.decide_by(writer, options, decide)
    }

    fn decide_by<D: Into<Decision>, E: From<Error>>(
        &self,
        writer: &Writer,
        mut options: AppendOptions,
        mut decide: impl FnMut(&DecisionView) -> std::result::Result<D, E>,
    ) -> std::result::Result<Outcome, E> {
        let key = options.key.take();
        let sought = key.as_deref().map(KeyLookup::of_decision).transpose()?;
        self.settle(writer, sought, &options, Contest::default(), |view| {
            Ok(match decide(view)?.into() {
                Decision::Append(batch) => {
                    Ok((ValidBatch::decided(batch, key.as_ref(), &writer.published)?, Vec::new()))
                }
                Decision::Deny(denial) if options.record_denials => {
                    Err(self.record(writer, &[], denial.into(), view.head(), &options)?)
                }
                Decision::Deny(denial) => Err(Denied::from(denial)),
            })
        })
    }

    /// Appends a batch if the gates allow it, judging them with a context of the caller's. What they read
    /// holds at the commit. A denial is a value, [`Outcome::Denied`], as with [`decide`](Self::decide).
    ///
    /// ```
    /// use tidegate::decide::{Denial, GateSet, Proposal, Verdict, gate};
    /// use tidegate::{Draft, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let owners = gate("owners", |proposal: &Proposal<'_, str>, _view| {
    ///     let is_owner = proposal.drafts.iter().all(|draft| draft.stream.entity == *proposal.context);
    ///     Ok(if is_owner { Verdict::Allow } else { Verdict::Deny(Denial::new("FOREIGN", "not your account")) })
    /// });
    /// let gates = GateSet::new().and(owners);
    /// let close = || Draft::new(("bank", "alice"), "account.closed");
    /// assert!(store.propose("bob", close(), &gates)?.denied().is_some());
    /// assert!(store.propose("alice", close(), &gates)?.receipt().is_some());
    /// # Ok::<(), tidegate::Error>(())
    /// ```
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
        let writer = &*self.writer()?;
        let valid = ValidBatch::new(batch.into(), &writer.published)?;
        let drafts = valid.batch().drafts();
        self.settle(writer, valid.key().map(Key::lookup), &options, Contest::default(), |view| {
            match gates.judge(&Proposal { context, drafts }, view)? {
                Ok(passed) => Ok(Ok((&valid, passed))),
                Err(denied) if gates.records() => {
                    self.record(writer, drafts, denied, view.head(), &options).map(Err)
                }
                Err(denied) => Ok(Err(denied)),
            }
        })
    }

    /// Attaches gates to the store: from now on, as long as this handle lives, every batch with an event that
    /// the query will select has to pass them, whichever caller appends it.
    ///
    /// ```
    /// use tidegate::decide::{Denial, GateSet, Verdict, gate};
    /// use tidegate::{Draft, ErrorKind, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let small = gate("small", |proposal, _view| {
    ///     let is_small = proposal.drafts.iter().all(|draft| draft.payload.len() <= 100);
    ///     Ok(if is_small { Verdict::Allow } else { Verdict::Deny(Denial::new("TOO_LARGE", "at most 100 bytes")) })
    /// });
    /// store.guard(Query::ALL, GateSet::new().and(small))?;
    /// let refused = store.append(Draft::new(("s", "e"), "thing.done").bytes(vec![0; 101])).unwrap_err();
    /// assert_eq!(refused.kind(), ErrorKind::Denied);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) for a query that names what no event can have, and one that asks for
    /// [`versions`](crate::QueryItem::versions): a gate is asked before its batch has any.
    pub fn guard(&self, query: impl Into<Query>, gates: GateSet) -> Result<()> {
        let query = query.into();
        query.check()?;
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
    pub(super) fn settle<B: Borrow<ValidBatch>, E: From<Error>>(
        &self,
        writer: &Writer,
        key: Option<KeyLookup<'_>>,
        append: &AppendOptions,
        mut contest: Contest,
        mut judge: impl FnMut(&DecisionView) -> Judged<(B, Vec<Text>), E>,
    ) -> std::result::Result<Outcome, E> {
        let attempts = append.attempts.max(1);
        for _ in 0..attempts {
            if let Some(decided) = self.attempt(writer, key, append, &mut contest, &mut judge)? {
                return Ok(decided);
            }
        }
        let message = format!("what was read moved before the commit, {attempts} times in a row");
        let error = Error::new(ErrorKind::Conflict, message);
        let Some(conflict) = contest.moved else { return Err(error.into()) };
        let position = conflict.position.unwrap_or_default();
        Err(Self::hold(writer, position, append, error.because(conflict))?.into())
    }

    /// Judges and appends once; `None` if that is to be done again.
    fn attempt<B: Borrow<ValidBatch>, E: From<Error>>(
        &self,
        writer: &Writer,
        key: Option<KeyLookup<'_>>,
        append: &AppendOptions,
        contest: &mut Contest,
        judge: &mut impl FnMut(&DecisionView) -> Judged<(B, Vec<Text>), E>,
    ) -> std::result::Result<Option<Outcome>, E> {
        let view = DecisionView::new(View::written(&writer.published));
        if let Some(receipt) = self.known(writer, view.view(), key, contest.looked, append)? {
            return Ok(Some(Outcome::Committed(receipt)));
        }
        contest.looked = view.head();
        let (batch, mut gates) = match Self::judged(writer, &view, append, contest, || judge(&view))? {
            Ok(judged) => judged,
            Err(denied) => return Ok(Some(Outcome::Denied(denied))),
        };
        let valid: &ValidBatch = batch.borrow();
        let own = valid.key().map(Key::lookup).filter(|_| key.is_none());
        if let Some(receipt) = self.known(writer, view.view(), own, Position::START, append)? {
            return Ok(Some(Outcome::Committed(receipt)));
        }
        let guards = || self.pass_guards(writer, valid.batch(), &view, append);
        match Self::judged(writer, &view, append, contest, guards)? {
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
                return Err(Self::hold(writer, rests_on, append, error)?.into());
            }
        };
        let options =
            QueueOptions { turn: contest.turn.clone(), again: true, ..Self::queue_options(writer, append) };
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
                    Err(Self::hold(writer, view.head(), append, error)?.into())
                }
                _ => Err(error.into()),
            },
        }
    }

    /// Runs the caller's own code, without a lock. A denial and an error are held until what was read is settled; a batch
    /// has an answer of its own later (keeps D4).
    fn judged<T, E: From<Error>>(
        writer: &Writer,
        view: &DecisionView,
        append: &AppendOptions,
        contest: &mut Contest,
        judge: impl FnOnce() -> Judged<T, E>,
    ) -> Judged<T, E> {
        let judged = judging(judge);
        if !matches!(judged, Ok(Ok(_))) {
            // Nothing will be written, so the next one need not wait for the sync that this answer waits for.
            contest.turn = None;
            Self::hold(writer, view.head(), append, ())?;
        }
        judged
    }

    /// Judges the gates attached to the store, and returns those that the batch passed.
    pub(super) fn pass_guards(
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
                    return self.record(writer, drafts, denied, view.head(), append).map(Err);
                }
                Err(denied) => return Ok(Err(denied)),
            }
        }
        Ok(Ok(passed))
    }

    /// Records a denial as an event.
    fn record(
        &self,
        writer: &Writer,
        drafts: &[Draft],
        mut denied: Denied,
        judged_at: Position,
        append: &AppendOptions,
    ) -> Result<Denied> {
        let view = View::written(&writer.published);
        let conceal = writer.ids.concealment();
        let denied_event = record::denied(drafts, &denied, judged_at, conceal);
        let own = ValidBatch::new(Batch::own(vec![denied_event]), &writer.published)?;
        let prepared = self.prepare(writer, &view, &own, Vec::new(), Footprint::default(), append)?;
        let receipt = writer.journal.append(prepared, Self::queue_options(writer, append))?;
        self.sync_within(writer, append);
        denied.recorded = Some(receipt.first());
        Ok(denied)
    }
}

/// What the caller's own code comes to: what is to be appended, or a denial.
pub(super) type Judged<T, E = Error> = std::result::Result<std::result::Result<T, Denied>, E>;

/// What a decision or an append went through so far.
#[derive(Debug)]
pub(super) struct Contest {
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
    /// Returns the contest of an append, which does not depend on what was read.
    pub(super) fn of_append() -> Self {
        Self { decides: false, ..Self::default() }
    }

    /// Notes that what was read has moved: from now on callers that contend for the same take turns.
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
pub(super) fn without_key(options: AppendOptions) -> Result<AppendOptions> {
    if options.key.is_none() {
        return Ok(options);
    }
    Err(Error::invalid(
        "the key of these options is for a decision; give the batch its own key with `Batch::key`",
    ))
}

/// Returns the last position that a refusal rests on.
pub(super) fn rests_on(error: &Error) -> Position {
    error.conflict().and_then(|conflict| conflict.position).unwrap_or_default()
}
