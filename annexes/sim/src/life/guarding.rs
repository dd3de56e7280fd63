//! Gates attached to the store, and batches whose drafts concern them: the first, a later one, several or none.

use std::collections::HashMap;

use tidegate::decide::{Denial, GateSet, Proposal, Verdict, gate};
use tidegate::{Draft, EventId, Query, QueryItem, StreamId};

use super::Life;
use crate::attempt::Attempt;
use crate::defect::Defect;
use crate::failure::{Failure, failed};
use crate::model::{DESKS, FLOW, GATE};
use crate::weighed::{self, WEIGHED};

impl Life<'_> {
    /// Attaches the gates: one lets no more desks be booked than there are, the other one lets a flow pass.
    pub(super) fn attach_gates(&mut self) -> Result<(), Failure> {
        if !self.script.company || self.script.defect == Defect::GatesIgnored {
            return Ok(());
        }
        let room = gate(GATE, |proposal: &Proposal<'_, ()>, view| {
            let mut asked: HashMap<&str, u64> = HashMap::new();
            let desks = proposal.drafts.iter().filter(|draft| draft.kind == DESKS.0);
            for tag in desks.flat_map(|draft| &draft.tags) {
                let asked = asked.entry(tag).or_default();
                *asked += 1;
                let booked = Query::from(QueryItem::new().kind(DESKS.0).tag(tag.clone()));
                if view.count(&booked)? + *asked > DESKS.1 {
                    return Ok(Verdict::Deny(Denial::new("BOOKED", "every desk is booked")));
                }
            }
            Ok(Verdict::Allow)
        });
        let passing = gate(FLOW.0, |_: &Proposal<'_, ()>, _| Ok(Verdict::Allow));
        self.store
            .guard(QueryItem::new().kind(DESKS.0), GateSet::new().and(room))
            .and_then(|()| {
                self.store.guard(QueryItem::new().correlation(FLOW.1), GateSet::new().and(passing))
            })
            .map_err(failed("attaching gates"))?;
        self.model.guarded = true;
        Ok(())
    }

    /// Books a desk, often in a batch with others: the gate is asked whichever draft it is.
    pub(super) fn book_desk(&mut self) -> Result<(), Failure> {
        let desk = |life: &mut Self| {
            let tag = format!("room:{}", life.others.below(4));
            Draft::new(("s1", "desks"), DESKS.0).tag(tag).bytes(vec![life.others.roll() as u8])
        };
        let mut drafts = vec![desk(self)];
        while drafts.len() < 3 && self.others.chance(1, 2) {
            let draft = if self.others.chance(1, 3) { desk(self) } else { self.plain_draft() };
            let at = self.others.below(drafts.len() as u64 + 1) as usize;
            drafts.insert(at, draft);
        }
        // What the gate read may have moved in the very group that is never answered.
        let mut attempt = Attempt { unsure: true, ..Attempt::of(drafts) };
        if self.others.chance(1, 2) {
            let answer = self.store.append_with(attempt.batch(Defect::None), attempt.append());
            self.poll_tickets()?;
            return self.settle(attempt, answer);
        }
        // Asked once: if what the gate read moves before the commit, the answer is a conflict.
        attempt.unfounded = true;
        self.queue(attempt)
    }

    /// A draft of some stream that asks for nothing, now and then in an earlier version of its kind.
    pub(super) fn plain_draft(&mut self) -> Draft {
        let dice = &mut self.others;
        let stream = StreamId::new(format!("s{}", dice.below(2)), format!("entity-{}", dice.below(4)));
        let kind = *dice.pick(&["a.one", "a.two", "b.three", WEIGHED]);
        let draft = match kind {
            WEIGHED => weighed::draft(dice, stream),
            _ => Draft::new(stream, kind).bytes(vec![dice.roll() as u8]),
        };
        let draft = draft.tag(format!("tag:{}", dice.below(5)));
        let id = dice.chance(1, 4).then(|| EventId(u128::from(dice.below(400)).to_be_bytes()));
        Draft { id, ..draft }
    }
}
