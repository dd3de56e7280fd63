//! Those who decide: a rule read and kept as one, with rivals in between.

use tidegate::decide::{Decision, Outcome};
use tidegate::{Draft, Error, ErrorKind, Result, Store};

use super::Life;
use crate::attempt::Attempt;
use crate::defect::Defect;
use crate::failure::{Failure, ensure};
use crate::model::SEATS;
use crate::query::ModelQuery;

/// Takes a seat if there is one left. Each time it is asked, `before` is called between reading and deciding.
fn seat(store: &Store, attempt: &Attempt, defect: Defect, mut before: impl FnMut()) -> Result<Outcome> {
    let tag = &attempt.drafts[0].tags[0];
    let taken = ModelQuery::tagged(SEATS.0, tag).query();
    let full = || Decision::deny("FULL", "every seat is taken");
    if defect == Defect::FootprintsIgnored {
        let count = store.view()?.count(&taken)?;
        before();
        return match full() {
            Decision::Deny(denial) if count >= SEATS.1 => Ok(Outcome::Denied(denial.into())),
            _ => store.append_with(attempt.batch(defect), attempt.append()).map(Outcome::Committed),
        };
    }
    store.decide_with(attempt.append(), |view| -> tidegate::Result<Decision> {
        let count = view.count(&taken)?;
        before();
        Ok(if count >= SEATS.1 { full() } else { attempt.batch(defect).into() })
    })
}

impl Life<'_> {
    /// A decision, and often a rival that decides the same while the first one thinks.
    pub(super) fn take_seat(&mut self) -> std::result::Result<(), Failure> {
        let tag = format!("course:{}", self.others.below(3));
        let mut attempt = || {
            let draft = Draft::new(("s0", "seats"), SEATS.0).tag(tag.clone());
            let mut attempt = Attempt::plain(draft.bytes(vec![self.others.roll() as u8]));
            // What it was shown may be lost before it is handed in.
            attempt.unsure = true;
            if self.others.chance(1, 3) {
                attempt.durability = tidegate::Durability::Buffered;
            }
            attempt
        };
        let (mine, theirs) = (attempt(), attempt());
        let rivals = self.others.chance(2, 3);
        let (store, defect, disk) = (&self.store, self.script.defect, &self.machine.disk);
        let (mut asked, mut rival, mut is_over) = (0, None, false);
        let decided = seat(store, &mine, defect, || {
            asked += 1;
            if rivals && asked == 1 {
                rival = Some(seat(store, &theirs, defect, || ()));
                is_over = disk.ended();
            }
        });
        self.poll_tickets()?;
        let moved = matches!(rival, Some(Ok(Outcome::Committed(_))));
        ensure(!moved || asked > 1 || decided.is_err() || defect != Defect::None, || {
            "what a decision read has moved, and it was not asked again".to_owned()
        })?;
        let has_ended =
            |error: &Error| is_over || matches!(error.kind(), ErrorKind::Ended | ErrorKind::OutcomeUnknown);
        let was_last = matches!(&rival, Some(Err(error)) if has_ended(error)) && decided.is_err();
        if let Some(rival) = rival {
            self.settle_seat(theirs, rival)?;
        }
        if was_last {
            // What ended the rival ended everything: the other one was never handed in.
            return self.unless_ended(decided).map(drop);
        }
        self.settle_seat(mine, decided)
    }

    fn settle_seat(
        &mut self,
        attempt: Attempt,
        decided: Result<Outcome>,
    ) -> std::result::Result<(), Failure> {
        let count = self.model.count_of(SEATS.0, &attempt.drafts[0].tags[0]);
        match decided {
            Ok(Outcome::Committed(receipt)) => {
                ensure(count < SEATS.1, || format!("a seat was given away though {count} were taken"))?;
                self.settle(attempt, Ok(receipt))
            }
            Ok(Outcome::Denied(_)) => {
                self.machine.trace.note(&"denied");
                ensure(count >= SEATS.1, || format!("a seat was denied though only {count} were taken"))
            }
            Err(error) => self.settle(attempt, Err(error)),
        }
    }
}
