//! Callers that never hear of what they did and hand it in again, any number of times and in any way. Other things may have
//! changed meanwhile; a batch under a key is there once.

use tidegate::decide::{Decision, Outcome};
use tidegate::{Draft, Durability, Error, ErrorKind};

use super::Life;
use crate::attempt::{Attempt, Demand};
use crate::defect::Defect;
use crate::failure::{Failure, ensure};
use crate::query::ModelQuery;

impl Life<'_> {
    /// Hands one batch in several times under one key, in one group or in several.
    pub(super) fn repeat(&mut self) -> Result<(), Failure> {
        let mut attempt = self.keyed();
        for _ in 0..2 + self.others.below(3) {
            attempt.durability = *self.others.pick(&[Durability::Synced, Durability::Buffered]);
            let mut one = attempt.clone();
            if self.others.chance(1, 8) {
                // The same key for other content is refused, as soon as the first one is there.
                one.drafts[0].schema += 1;
            }
            if self.others.chance(1, 2) {
                self.queue(one)?;
            } else {
                let answer = self.store.append_with(one.batch(self.script.defect), one.append());
                self.poll_tickets()?;
                self.settle(one, answer)?;
            }
            if self.is_over() {
                break;
            }
        }
        Ok(())
    }

    /// Decides under a key: what was decided first under it is the answer, even if another decision would be made now. A
    /// decision that is known is not made. A rival may be first with the same key while the decision is made.
    pub(super) fn decide_again(&mut self) -> Result<(), Failure> {
        let key = format!("order-{}", self.others.below(8));
        // An id that is there refuses a decision before a rival's commit can answer it.
        let attempt = |life: &mut Self| {
            let draft = Draft { id: None, ..life.plain_draft() };
            // What it was shown may be lost before it is handed in.
            Attempt { key: Some(key.clone()), unsure: true, ..Attempt::plain(draft) }
        };
        let (mine, theirs) = (attempt(self), attempt(self));
        let first = self.model.first_of(&key);
        let rivals = self.others.chance(1, 2);
        let (store, disk) = (&self.store, &self.machine.disk);
        let decide = |attempt: &Attempt, before: &mut dyn FnMut()| {
            let batch = Attempt { key: None, ..attempt.clone() }.batch(Defect::None);
            store.decide_with(attempt.append().key(key.clone()), |_| -> tidegate::Result<Decision> {
                before();
                Ok(Decision::Append(batch.clone()))
            })
        };
        let (mut asked, mut rival, mut is_over) = (0, None, false);
        let decided = decide(&mine, &mut || {
            asked += 1;
            if rivals && asked == 1 {
                rival = Some(decide(&theirs, &mut || ()));
                is_over = disk.ended();
            }
        });
        self.poll_tickets()?;
        let known = format!("{key} was decided at {first:?}, and {asked} decisions were made again");
        ensure(first.is_none() || asked == 0 || decided.is_err(), || known)?;
        let has_ended =
            |error: &Error| is_over || matches!(error.kind(), ErrorKind::Ended | ErrorKind::OutcomeUnknown);
        let was_last = matches!(&rival, Some(Err(error)) if has_ended(error)) && decided.is_err();
        if let Some(rival) = rival {
            self.settle_decision(theirs, rival)?;
        }
        if was_last { self.unless_ended(decided).map(drop) } else { self.settle_decision(mine, decided) }
    }

    /// Judges the answer to a decision under a key.
    fn settle_decision(
        &mut self,
        attempt: Attempt,
        decided: tidegate::Result<Outcome>,
    ) -> Result<(), Failure> {
        let first = attempt.key.as_ref().and_then(|key| self.model.first_of(key));
        match (first, decided.and_then(Outcome::into_result)) {
            (Some(first), Ok(receipt)) => self.model.check_repeated(first, &receipt),
            (Some(_), Err(error)) => self.unless_ended(Err::<(), _>(error)).map(drop),
            (None, answer) => self.settle(attempt, answer),
        }
    }

    /// A batch under a key, often with a condition that its own first commit breaks: it is looked for before that.
    pub(super) fn keyed(&mut self) -> Attempt {
        let count = 1 + self.others.below(3);
        let drafts = (0..count).map(|_| self.plain_draft()).collect();
        let mut attempt =
            Attempt { key: Some(format!("key-{}", self.others.below(60))), ..Attempt::of(drafts) };
        let stream = attempt.drafts[0].stream.clone();
        let after = self.model.count() + attempt.drafts.len() as u64 * self.others.below(2);
        let demand = match self.others.below(5) {
            0 => Some(Demand::Version(stream.clone(), self.model.version(&stream))),
            1 => Some(Demand::FailIf(ModelQuery::stream(&stream), after)),
            2 if self.model.version(&stream).0 == 0 => Some(Demand::Absent(stream)),
            _ => None,
        };
        attempt.demands.extend(demand);
        attempt
    }
}
