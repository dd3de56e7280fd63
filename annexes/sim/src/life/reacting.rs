//! Those who react: each event of a kind leads to exactly one reaction of each reactor, through crashes, and however
//! often one of them goes back.

use std::cell::RefCell;
use std::time::Duration;

use tidegate::subscription::cursor::{Change, CursorOptions};
use tidegate::subscription::reactor::Step;
use tidegate::{Cause, Draft, Error, ErrorKind, Position, RecordedEvent};

use super::Life;
use super::delivering::report;
use crate::attempt::Attempt;
use crate::defect::Defect;
use crate::dice::Dice;
use crate::failure::{Failure, ensure, same};
use crate::model::{CursorPlace, Erasure};
use crate::query::ModelQuery;

/// The reactors. Both react to some events, each in its own way.
const ECHO: ReactorSpec = ReactorSpec { name: "echo", reaction: "echo.made", sources: &["a.one"] };
const RELAY: ReactorSpec =
    ReactorSpec { name: "relay", reaction: "relay.made", sources: &["a.one", "seat.taken"] };

/// Why their handlers fail, when they do.
const NOT_NOW: &str = "not now";

#[derive(Clone, Copy, Debug)]
struct ReactorSpec {
    name: &'static str,
    /// The kind of what comes of an event.
    reaction: &'static str,
    /// The kinds it reacts to. Readers' files tell each other apart by their queries.
    sources: &'static [&'static str],
}

impl ReactorSpec {
    fn wanted(self) -> ModelQuery {
        ModelQuery::kinds(self.sources)
    }
}

/// What a step of a reactor came to, and the reaction that was asked for in it.
type Done = (tidegate::Result<Step>, Option<Attempt>);

/// Whether an event leads to anything.
fn leads(payload: &[u8]) -> bool {
    payload.len() % 5 != 4
}

/// What comes of an event. It is not the same for each call.
fn reaction(one: ReactorSpec, event: &RecordedEvent, dice: &mut Dice) -> Attempt {
    let stream = ("s0", one.name);
    let mut draft = Draft::new(stream, one.reaction).tag("tag:0").bytes(vec![dice.roll() as u8]);
    draft.correlation = Some(event.correlation());
    draft.causes.push(Cause::At(event.position()));
    Attempt { key: Some(format!("{} to {}", one.name, event.id())), ..Attempt::plain(draft) }
}

/// What a reaction is to.
fn source(attempt: &Attempt) -> Option<u64> {
    attempt.causes[0].iter().find_map(|cause| match cause {
        Cause::At(position) => Some(position.0),
        _ => None,
    })
}

impl Life<'_> {
    /// Has a reactor do some steps.
    pub(super) fn react(&mut self) -> Result<(), Failure> {
        let one = *self.others.pick(&[ECHO, ECHO, RELAY]);
        let steps = 1 + self.others.below(5);
        let failing = self.others.chance(1, 3);
        let back = self.others.chance(1, 5).then(|| self.others.below(self.model.count() + 1));
        self.react_to(one, steps, failing, back).map(drop)
    }

    /// Has a reactor go back if it has come so far, and then do some steps, fewer if nothing is left. Says whether it
    /// was idle in the end.
    fn react_to(
        &mut self,
        one: ReactorSpec,
        mut steps: u64,
        failing: bool,
        back: Option<u64>,
    ) -> Result<bool, Failure> {
        if matches!(self.script.defect, Defect::ProgressBeforeReaction | Defect::ReactionsWithoutKey) {
            return self.react_wrongly(one, steps);
        }
        let settings = CursorOptions::new()
            .max_attempts(u32::MAX)
            .retry_after(Duration::ZERO)
            .commit_interval(Duration::from_millis(*self.others.pick(&[0, 100])));
        let (dice, asked) = (RefCell::new(Dice::new(self.others.roll())), RefCell::new(None));
        let store = &self.store;
        let opened = store.reactor_with(one.name, one.wanted().query(), settings, |_, event| {
            let dice = &mut *dice.borrow_mut();
            if failing && dice.chance(1, 4) {
                return Err(NOT_NOW.into());
            }
            // One that is erased leads to nothing any more.
            if !event.payload().is_ok_and(leads) {
                return Ok(None);
            }
            let attempt = reaction(one, event, dice);
            let draft = attempt.drafts[0].clone();
            asked.replace(Some(attempt));
            Ok(Some(Draft { causes: Vec::new(), correlation: None, ..draft }.into()))
        });
        // The reactor borrows the store, and what it does is judged once it is gone.
        let (mut done, mut gone) = (Vec::new(), None);
        let report = opened.and_then(|reactor| {
            let report = report(store, reactor.cursor())?;
            if let Some(after) = back.map(Position).filter(|after| *after <= reactor.cursor().position()) {
                let rewound = reactor.cursor().change(Change::Rewind(after));
                steps *= u64::from(rewound.is_ok());
                gone = Some((after.0, rewound));
            }
            while (done.len() as u64) < steps {
                let step = reactor.step();
                let is_over = matches!(&step, Ok(Step::Idle | Step::Ended) | Err(_));
                done.push((step, asked.take()));
                if is_over {
                    break;
                }
            }
            Ok(report)
        });
        self.poll_tickets()?;
        let name = one.name;
        let Some(mut place) = self.begin_at(name, &one.wanted(), report)? else { return Ok(false) };
        if let Some((after, gone)) = gone {
            place.settled.retain(|position| *position <= after);
            self.model.progress.get_mut(name).expect("it was opened").note(&place, gone.is_ok());
            self.take(gone)?;
        }
        self.judge_reactions(one, place, done)
    }

    fn judge_reactions(
        &mut self,
        one: ReactorSpec,
        mut place: CursorPlace,
        done: Vec<Done>,
    ) -> Result<bool, Failure> {
        let sources: Vec<u64> = self.model.selected(&one.wanted()).collect();
        let (name, mut is_idle) = (one.name, false);
        for (step, attempt) in done {
            let source = attempt.as_ref().and_then(source);
            let settled = match step {
                Ok(Step::Reacted(receipt)) => {
                    let attempt =
                        attempt.ok_or_else(|| Failure::new("a reaction without a call of the handler"))?;
                    self.settle(attempt, Ok(receipt))?;
                    source
                }
                Ok(Step::Passed(position)) => {
                    let known = self.model.at(position.0);
                    let is_right = !leads(&known.draft.payload) || known.erasure != Erasure::Not;
                    ensure(is_right, || format!("{position} led to nothing"))?;
                    Some(position.0)
                }
                Ok(Step::Known(position, first)) => {
                    same("what a reaction is to", &[position.0].into(), &self.model.causes(first.0))?;
                    Some(position.0)
                }
                Ok(Step::Failed(failure)) => {
                    same("why a reaction failed", &NOT_NOW, &failure.reason.to_string().as_str())?;
                    let position = failure.position.0;
                    let is_open = sources.contains(&position) && !place.settled.contains(&position);
                    ensure(is_open, || format!("the reactor failed over {position}, which was none to do"))?;
                    None
                }
                Ok(Step::Idle | Step::Ended) => {
                    is_idle = true;
                    None
                }
                Err(error) => {
                    // The reaction may be in the log, and the progress kept, though no answer arrived.
                    let unsure = self.script.reads_fail && error.kind() == ErrorKind::Io;
                    self.model.doubt.extend(attempt.map(|attempt| Attempt { unsure, ..attempt }));
                    let sources = one.wanted();
                    place
                        .settled
                        .extend(self.model.selected(&sources).find(|at| !place.settled.contains(at)));
                    self.model.progress.get_mut(name).expect("it was opened").reach(&place);
                    return self.take(Err::<(), Error>(error)).map(|_| false);
                }
            };
            place.settled.extend(settled);
            self.model.progress.get_mut(name).expect("it was opened").reach(&place);
        }
        self.machine.trace.note(&is_idle);
        Ok(is_idle)
    }

    /// Reacts as a broken reactor would.
    fn react_wrongly(&mut self, one: ReactorSpec, steps: u64) -> Result<bool, Failure> {
        let opened = self.store.cursor(one.name, one.wanted().query());
        let Some(cursor) = self.take(opened)? else { return Ok(false) };
        for _ in 0..steps {
            let next = cursor.next_now();
            let Some(next) = self.take(next)? else { return Ok(false) };
            let Some(delivery) = next else { return Ok(true) };
            let mut attempt = reaction(one, delivery.event(), &mut self.others);
            let leads = leads(delivery.event().payload().unwrap_or_default());
            if self.script.defect == Defect::ProgressBeforeReaction {
                let kept = delivery.ack().and_then(|()| cursor.commit());
                if self.take(kept)?.is_none() {
                    return Ok(false);
                }
                self.hand_in(leads.then_some(attempt))?;
            } else {
                attempt.key = None;
                self.hand_in(leads.then_some(attempt))?;
                let kept = delivery.ack().and_then(|()| cursor.commit());
                if self.take(kept)?.is_none() {
                    return Ok(false);
                }
            }
            if self.stopped || self.ended || self.machine.disk.ended() {
                return Ok(false);
            }
        }
        Ok(false)
    }

    fn hand_in(&mut self, attempt: Option<Attempt>) -> Result<(), Failure> {
        let Some(attempt) = attempt else { return Ok(()) };
        let answer = self.store.append_with(attempt.batch(Defect::None), attempt.append());
        self.poll_tickets()?;
        self.settle(attempt, answer)
    }

    /// Everything is reacted to by each reactor, and nothing twice, even if the first event is gone back to.
    pub(super) fn finish_reacting(&mut self) -> Result<(), Failure> {
        let back = self.others.chance(1, 3).then_some(0);
        for one in [ECHO, RELAY] {
            let most = 2 * self.model.count() + 4;
            // The first time a damaged place is removed.
            let is_idle = self.react_to(one, most, false, back)? || self.react_to(one, most, false, None)?;
            ensure(is_idle, || format!("{} always has something to react to", one.name))?;
        }
        for one in [ECHO, RELAY] {
            let sources = one.wanted();
            for source in self.model.selected(&sources) {
                let known = self.model.at(source);
                let leads = leads(&known.draft.payload);
                let is_reaction = |at: &u64| self.model.at(*at).draft.kind == one.reaction;
                let later = source + 1..=self.model.count();
                let reactions =
                    later.filter(|at| is_reaction(at) && self.model.causes(*at).contains(&source)).count();
                let is_right = reactions == usize::from(leads);
                // It may have been erased before there was any.
                let is_right = is_right || known.erasure != Erasure::Not && reactions == 0;
                ensure(is_right, || format!("{} reacted {reactions} times to {source}", one.name))?;
            }
        }
        Ok(())
    }
}
