//! Those who react: each event of a kind leads to exactly one reaction, through crashes.

use std::cell::RefCell;
use std::time::Duration;

use tidegate::subscription::cursor::Settings;
use tidegate::subscription::reactor::Step;
use tidegate::{Cause, Draft, Error, ErrorKind, Event};

use super::Life;
use super::delivering::told;
use crate::attempt::Attempt;
use crate::defect::Defect;
use crate::dice::Dice;
use crate::failure::{Failure, ensure, same};
use crate::model::Told;
use crate::wanted::Wanted;

/// The reactor's name, what it reacts to, and what comes of that.
const NAME: &str = "echo";
const SOURCE: &str = "a.one";
const REACTION: &str = "echo.made";
/// Why its handler fails, when it does.
const NOT_NOW: &str = "not now";

/// Whether an event leads to anything.
fn leads(payload: &[u8]) -> bool {
    payload.len() % 5 != 4
}

/// What comes of an event. It is not the same each time somebody asks.
fn reaction(event: &Event, dice: &mut Dice) -> Attempt {
    let mut draft = Draft::new(("s0", "echo"), REACTION).tag("tag:0").bytes(vec![dice.roll() as u8]);
    draft.correlation = Some(event.correlation());
    draft.causes.push(Cause::At(event.position()));
    Attempt { key: Some(format!("reaction to {}", event.id())), ..Attempt::plain(draft) }
}

/// What a reaction is to.
fn source(attempt: &Attempt) -> Option<u64> {
    attempt.causes[0].iter().find_map(|cause| match cause {
        Cause::At(position) => Some(position.0),
        _ => None,
    })
}

impl Life<'_> {
    /// Has the reactor do some steps.
    pub(super) fn react(&mut self) -> Result<(), Failure> {
        let steps = 1 + self.others.below(5);
        let failing = self.others.chance(1, 3);
        self.react_to(steps, failing).map(drop)
    }

    /// Has the reactor do some steps, fewer where nothing is left, and says whether it was idle in the end.
    fn react_to(&mut self, steps: u64, failing: bool) -> Result<bool, Failure> {
        if matches!(self.script.defect, Defect::ProgressBeforeReaction | Defect::ReactionsWithoutKey) {
            return self.react_wrongly(steps);
        }
        let settings = Settings {
            attempts: u32::MAX,
            retry_after: Duration::ZERO,
            keep_every: Duration::from_millis(*self.others.pick(&[0, 100])),
            ..Settings::default()
        };
        let (dice, asked) = (RefCell::new(Dice::new(self.others.roll())), RefCell::new(None));
        let store = &self.store;
        let opened = store.reactor(NAME, Wanted::kind(SOURCE).query(), settings, |_, event| {
            let dice = &mut *dice.borrow_mut();
            if failing && dice.chance(1, 4) {
                return Err(NOT_NOW.into());
            }
            if !leads(event.payload()) {
                return Ok(None);
            }
            let attempt = reaction(event, dice);
            let draft = attempt.drafts[0].clone();
            asked.replace(Some(attempt));
            Ok(Some(Draft { causes: Vec::new(), correlation: None, ..draft }.into()))
        });
        // The reactor borrows the store, and what it does is judged once it is gone.
        let mut done = Vec::new();
        let told = opened.and_then(|reactor| {
            let told = told(store, reactor.cursor())?;
            while (done.len() as u64) < steps {
                let step = reactor.step();
                let is_over = matches!(&step, Ok(Step::Idle | Step::Ended) | Err(_));
                done.push((step, asked.take()));
                if is_over {
                    break;
                }
            }
            Ok(told)
        });
        self.poll_tickets()?;
        self.judge_reactions(told, done)
    }

    fn judge_reactions(
        &mut self,
        told: tidegate::Result<Told>,
        done: Vec<(tidegate::Result<Step>, Option<Attempt>)>,
    ) -> Result<bool, Failure> {
        let Some(mut place) = self.begin_at(NAME, &Wanted::kind(SOURCE), told)? else { return Ok(false) };
        let sources: Vec<u64> = self.model.selected(&Wanted::kind(SOURCE)).collect();
        let mut is_idle = false;
        for (step, attempt) in done {
            let source = attempt.as_ref().and_then(source);
            let settled = match step {
                Ok(Step::Reacted(receipt)) => {
                    let attempt = attempt.ok_or_else(|| Failure::new("a reaction nobody was asked for"))?;
                    self.settle(attempt, Ok(receipt))?;
                    source
                }
                Ok(Step::Passed(position)) => {
                    let is_right = !leads(&self.model.at(position.0).draft.payload);
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
                    // The reaction may be in the log, and the progress kept, though nobody heard of it.
                    let unsure = self.script.reads_fail && error.kind() == ErrorKind::Io;
                    self.model.doubt.extend(attempt.map(|attempt| Attempt { unsure, ..attempt }));
                    let sources = Wanted::kind(SOURCE);
                    place
                        .settled
                        .extend(self.model.selected(&sources).find(|at| !place.settled.contains(at)));
                    self.model.progress.get_mut(NAME).expect("it was opened").reach(&place);
                    return self.take(Err::<(), Error>(error)).map(|_| false);
                }
            };
            place.settled.extend(settled);
            self.model.progress.get_mut(NAME).expect("it was opened").reach(&place);
        }
        self.ground.trace.note(&is_idle);
        Ok(is_idle)
    }

    /// Reacts as a broken reactor would.
    fn react_wrongly(&mut self, steps: u64) -> Result<bool, Failure> {
        let opened = self.store.cursor(NAME, Wanted::kind(SOURCE).query(), Settings::default());
        let Some(cursor) = self.take(opened)? else { return Ok(false) };
        for _ in 0..steps {
            let next = cursor.next_now();
            let Some(next) = self.take(next)? else { return Ok(false) };
            let Some(delivery) = next else { return Ok(true) };
            let mut attempt = reaction(delivery.event(), &mut self.others);
            let leads = leads(delivery.event().payload());
            if self.script.defect == Defect::ProgressBeforeReaction {
                let kept = delivery.ack().and_then(|()| cursor.keep());
                if self.take(kept)?.is_none() {
                    return Ok(false);
                }
                self.hand_in(leads.then_some(attempt))?;
            } else {
                attempt.key = None;
                self.hand_in(leads.then_some(attempt))?;
                let kept = delivery.ack().and_then(|()| cursor.keep());
                if self.take(kept)?.is_none() {
                    return Ok(false);
                }
            }
            if self.stopped || self.ended || self.ground.disk.ended() {
                return Ok(false);
            }
        }
        Ok(false)
    }

    fn hand_in(&mut self, attempt: Option<Attempt>) -> Result<(), Failure> {
        let Some(attempt) = attempt else { return Ok(()) };
        let answer = self.store.append(attempt.batch(Defect::None), attempt.append());
        self.poll_tickets()?;
        self.settle(attempt, answer)
    }

    /// Everything is reacted to, and nothing twice.
    pub(super) fn finish_reacting(&mut self) -> Result<(), Failure> {
        let most = 2 * self.model.count() + 4;
        let is_idle = self.react_to(most, false)? || self.react_to(most, false)?;
        ensure(is_idle, || "there is always something to react to".to_owned())?;
        let sources = Wanted::kind(SOURCE);
        for source in self.model.selected(&sources) {
            let is_reaction = |at: &u64| self.model.at(*at).draft.kind == REACTION;
            let later = source + 1..=self.model.count();
            let reactions =
                later.filter(|at| is_reaction(at) && self.model.causes(*at).contains(&source)).count();
            let expected = usize::from(leads(&self.model.at(source).draft.payload));
            same(format_args!("the reactions to {source}"), &expected, &reactions)?;
        }
        Ok(())
    }
}
