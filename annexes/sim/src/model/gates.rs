//! What the gates of the store say to a batch: it is any of its drafts that concerns them, not the first one.

use std::collections::BTreeMap;

use tidegate::Cause;
use tidegate::graph::CorrelationId;

use super::Model;
use super::rules::{DESKS, FLOW, GATE};
use crate::attempt::Attempt;

impl Model {
    /// Returns the gates that a batch has to pass, in the order in which they were attached.
    pub(super) fn gates_of(&self, attempt: &Attempt) -> Vec<&'static str> {
        if !self.guarded {
            return Vec::new();
        }
        let books = attempt.drafts.iter().any(|draft| draft.kind == DESKS.0);
        let flows = self.flows(attempt).contains(&Some(FLOW.1));
        [(books, GATE), (flows, FLOW.0)]
            .into_iter()
            .filter_map(|(concerns, gate)| concerns.then_some(gate))
            .collect()
    }

    /// Whether a gate denies a batch as the log is now: it books a desk of which there are none left, those that its
    /// own earlier drafts book counted.
    pub(super) fn is_denied(&self, attempt: &Attempt) -> bool {
        let mut asked: BTreeMap<&str, u64> = BTreeMap::new();
        let desks = attempt.drafts.iter().filter(|draft| draft.kind == DESKS.0);
        self.guarded
            && desks.flat_map(|draft| &draft.tags).any(|tag| {
                let asked = asked.entry(tag).or_default();
                *asked += 1;
                self.count_of(DESKS.0, tag) + *asked > DESKS.1
            })
    }

    /// The flow of each draft's event, as far as it is known before the store has made ids.
    fn flows(&self, attempt: &Attempt) -> Vec<Option<CorrelationId>> {
        let mut flows: Vec<Option<CorrelationId>> = Vec::with_capacity(attempt.drafts.len());
        for (draft, causes) in attempt.drafts.iter().zip(&attempt.causes) {
            let inherited = causes.iter().find_map(|cause| match cause {
                Cause::At(position) => {
                    let event = self.events.get(position.0.checked_sub(1)? as usize)?;
                    Some(Some(event.correlation))
                }
                Cause::Draft(earlier) => flows.get(*earlier as usize).copied(),
                _ => None,
            });
            flows.push(draft.correlation.or(inherited.unwrap_or(draft.id.map(Into::into))));
        }
        flows
    }
}
