//! Guards: gates attached to a store, and which batches they concern.

use tidegate_format::{Cause, Draft, Result};

use super::gate::GateSet;
use crate::read::{Query, View};

/// Gates attached to a store for a query.
#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) query: Query,
    pub(crate) gates: GateSet,
}

impl Guard {
    /// Returns whether the query will select one of these drafts, once they are events.
    pub(crate) fn concerns(&self, drafts: &[Draft], view: &View) -> Result<bool> {
        if !self.query.asks_for_flow() {
            return Ok(drafts.iter().any(|draft| self.query.matches_draft(draft)));
        }
        let query = self.query.resolved(|id| view.position_of(id))?;
        Ok(foresee(drafts, view)?.iter().any(|draft| query.matches_draft(draft)))
    }
}

/// Returns the drafts without payloads, with causes and flow as their events will name them. A flow that begins with
/// an event whose id the store will make has no name yet.
fn foresee(drafts: &[Draft], view: &View) -> Result<Vec<Draft>> {
    let mut foreseen: Vec<Draft> = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let mut next = Draft::new(draft.stream.clone(), draft.kind.clone());
        next.tags.clone_from(&draft.tags);
        next.id = draft.id;
        // The flow is the draft's own word, or that of its first cause in this store, or begins here.
        let mut flow = draft.correlation.map(Some);
        for &cause in &draft.causes {
            let earlier = match cause {
                Cause::Draft(at) => foreseen.get(at as usize),
                Cause::Id(id) => foreseen.iter().find(|earlier| earlier.id == Some(id)),
                Cause::At(_) | Cause::Foreign(..) => None,
            };
            let known = match cause {
                Cause::At(position) => Some(position),
                Cause::Id(id) => view.find_position(id)?,
                Cause::Draft(_) | Cause::Foreign(..) => None,
            };
            flow = flow.or(earlier.map(|earlier| earlier.correlation));
            if let (None, Some(position)) = (flow, known) {
                flow = view.at(position)?.map(|event| Some(event.correlation()));
            }
            let named = known.map(Cause::At);
            let named = named.or(earlier.and_then(|earlier| earlier.id).map(Cause::Id));
            next.causes.push(named.unwrap_or(cause));
        }
        next.correlation = flow.unwrap_or(draft.id.map(Into::into));
        foreseen.push(next);
    }
    Ok(foreseen)
}
