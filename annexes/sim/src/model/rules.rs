//! What holds of a log at every position, and what led to what, by plain walks.

use std::collections::{BTreeSet, HashMap};

use tidegate::Cause;
use tidegate::graph::CorrelationId;

use super::Model;
use crate::failure::{Failure, ensure};

/// The gate of the store, by its name in receipts.
pub(crate) const GATE: &str = "room";

/// A gate that lets everything pass and concerns one flow: its name in receipts, and the flow.
pub(crate) const FLOW: (&str, CorrelationId) = ("flow", CorrelationId(1004_u128.to_be_bytes()));

/// A rule that decisions keep: a maximum number of events of this kind with the same tag.
pub(crate) const SEATS: (&str, u64) = ("seat.taken", 3);

/// A rule that the gate keeps.
pub(crate) const DESKS: (&str, u64) = ("desk.booked", 2);

impl Model {
    /// Whether each rule holds at each position.
    pub(crate) fn check_rules(&self) -> Result<(), Failure> {
        let mut counts: HashMap<(&str, &str), u64> = HashMap::new();
        for (known, position) in self.events.iter().zip(1..) {
            let rule = [SEATS, DESKS].into_iter().find(|(kind, _)| known.draft.kind == *kind);
            let Some((kind, most)) = rule else { continue };
            for tag in &known.draft.tags {
                let count = counts.entry((kind, &**tag)).or_default();
                *count += 1;
                ensure(*count <= most, || {
                    format!("the rule of at most {most} {kind} with {tag} is broken at position {position}")
                })?;
            }
        }
        Ok(())
    }

    /// How many events of a kind have a tag.
    pub(crate) fn count_of(&self, kind: &str, tag: &str) -> u64 {
        let is = |draft: &tidegate::Draft| draft.kind == kind && draft.tags.iter().any(|found| found == tag);
        self.events.iter().filter(|known| is(&known.draft)).count() as u64
    }

    /// The positions that an event names as causes, each once.
    pub(crate) fn causes(&self, position: u64) -> BTreeSet<u64> {
        let causes = self.at(position).causes.iter().filter_map(|cause| match cause {
            Cause::At(position) => Some(position.0),
            _ => None,
        });
        causes.collect()
    }

    /// Everything that led to an event.
    pub(crate) fn ancestors(&self, position: u64) -> BTreeSet<u64> {
        let mut found = self.causes(position);
        let mut next = found.last().copied();
        while let Some(position) = next {
            found.extend(self.causes(position));
            next = found.range(..position).next_back().copied();
        }
        found
    }

    /// Everything that an event led to.
    pub(crate) fn descendants(&self, position: u64) -> BTreeSet<u64> {
        let mut found = BTreeSet::new();
        for later in position + 1..=self.count() {
            let causes = self.causes(later);
            if causes.contains(&position) || !causes.is_disjoint(&found) {
                found.insert(later);
            }
        }
        found
    }
}
