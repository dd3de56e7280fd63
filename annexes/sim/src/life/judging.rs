//! Those who decide upon one look at the log, while a rival changes what they saw: what is committed rests on what the
//! look would show right before it.

use std::cell::RefCell;

use tidegate::decide::{Decision, Outcome};
use tidegate::{Error, ErrorKind, EventId};

use super::Life;
use crate::attempt::Attempt;
use crate::failure::{Failure, ensure, same};
use crate::model::Basis;

impl Life<'_> {
    /// Looks, lets a rival append, and commits.
    pub(super) fn judge(&mut self) -> Result<(), Failure> {
        let (mut mine, mut theirs) = (self.plain_draft(), self.plain_draft());
        if self.others.chance(2, 3) {
            theirs.stream = mine.stream.clone();
            theirs.tags.clone_from(&mine.tags);
        }
        let id = EventId(u128::from(500 + self.others.below(2000)).to_be_bytes());
        theirs.id = self.others.chance(1, 2).then_some(id).or(theirs.id);
        mine.id = None;
        let tag = mine.tags[0].to_string();
        let basis = Basis::of(&mut self.others, self.model, &mine.stream, &tag, id);
        // What its look rests on may be lost before the decision is handed in.
        let (mut mine, mut theirs) = (Attempt::of(vec![mine]), Attempt::of(vec![theirs]));
        (mine.unsure, theirs.unsure) = (true, true);
        if let Basis::Key(key) = &basis {
            theirs.key = Some(key.clone());
        }
        let rivals = self.others.chance(2, 3);
        let (store, defect, disk) = (&self.store, self.script.defect, &self.machine.disk);
        let (mut asked, mut rival, mut is_over) = (0, None, false);
        let seen = RefCell::new(Vec::new());
        let decided = store.decide_with(mine.append(), |view| -> tidegate::Result<Decision> {
            asked += 1;
            seen.replace(basis.look(view)?);
            if rivals && asked == 1 {
                rival = Some(store.append_with(theirs.batch(defect), theirs.append()));
                is_over = disk.ended();
            }
            Ok(Decision::Append(mine.batch(defect)))
        });
        self.poll_tickets()?;
        let has_ended =
            |error: &Error| is_over || matches!(error.kind(), ErrorKind::Ended | ErrorKind::OutcomeUnknown);
        let was_last = matches!(&rival, Some(Err(error)) if has_ended(error)) && decided.is_err();
        if let Some(rival) = rival {
            self.settle(theirs, rival)?;
        }
        if was_last {
            // What ended the rival ended everything: the decision was never handed in.
            return self.unless_ended(decided).map(drop);
        }
        let answer = match decided {
            Ok(Outcome::Committed(receipt)) => {
                let seen = seen.into_inner();
                self.machine.trace.note(&(asked, &seen));
                same(format_args!("what a decision rests on, {basis:?}"), &basis.answer(self.model), &seen)?;
                Ok(receipt)
            }
            Ok(Outcome::Denied(denied)) => {
                return Err(Failure::new(format!("denied without a gate that denies: {denied}")));
            }
            Err(error) => Err(error),
        };
        ensure(asked < 3, || format!("a decision was asked {asked} times with one rival"))?;
        self.settle(mine, answer)
    }
}
