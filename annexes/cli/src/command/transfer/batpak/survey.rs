//! What a batpak store holds, before anything is imported.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use tidegate::Result;
use tidegate_batpak::Finding;

use super::kinds::Kinds;
use super::source::Source;
use crate::progress::Progress;

/// What there is, and what of it is to be imported.
#[derive(Default, Serialize)]
pub(super) struct Survey {
    /// Events to be imported.
    pub(super) events: u64,
    /// The batches and single events they were appended in.
    pub(super) batches: u64,
    /// Events of batpak's own, which are left out.
    pub(super) own: u64,
    /// Hidden events that are left out.
    pub(super) left_hidden: u64,
    pub(super) kinds: Vec<KindCount>,
    /// How many findings there are of each kind, in JSON.
    #[serde(serialize_with = "count_findings")]
    pub(super) findings: Vec<Finding>,
}

/// How many events there are of a kind.
#[derive(Serialize)]
pub(super) struct KindCount {
    /// Its number, as --kinds names it.
    pub(super) batpak: String,
    /// Its name here.
    pub(super) kind: String,
    pub(super) events: u64,
}

impl Survey {
    /// Reads the whole store.
    pub(super) fn of(source: &Source, kinds: &Kinds, with_hidden: bool, progress: &Progress) -> Result<Self> {
        let (mut survey, mut counts) = (Self::default(), BTreeMap::new());
        let findings = source.each(progress, |batch| {
            let before = survey.events;
            for event in &batch.events {
                if event.is_lifecycle() {
                    survey.own += 1;
                } else if event.is_hidden && !with_hidden {
                    survey.left_hidden += 1;
                } else {
                    survey.events += 1;
                    *counts.entry(event.kind).or_insert(0) += 1;
                }
            }
            survey.batches += u64::from(survey.events > before);
            progress.events(survey.events);
            Ok::<_, tidegate::Error>(())
        });
        survey.findings = findings?;
        let named = |(batpak, events)| KindCount {
            batpak: format!("{batpak:04x}"),
            kind: kinds.name(batpak),
            events,
        };
        survey.kinds = counts.into_iter().map(named).collect();
        Ok(survey)
    }
}

fn count_findings<S: Serializer>(findings: &[Finding], to: S) -> Result<S::Ok, S::Error> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for finding in findings {
        *counts.entry(finding.kind.name()).or_insert(0) += 1;
    }
    let mut object = to.serialize_map(Some(counts.len()))?;
    counts.iter().try_for_each(|(name, count)| object.serialize_entry(name, count))?;
    object.end()
}
