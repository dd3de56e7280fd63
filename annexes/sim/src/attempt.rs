//! One batch that a scenario tries to append.

use tidegate::{AppendOptions, Batch, Cause, Condition, Draft, Durability, StreamId, Version};

use crate::defect::Defect;
use crate::query::ModelQuery;

/// What must hold at the commit of an attempt.
#[derive(Clone, Debug)]
pub(crate) enum Demand {
    Version(StreamId, Version),
    Exists(StreamId),
    Absent(StreamId),
    /// No event after this position is selected.
    FailIf(ModelQuery, u64),
}

impl Demand {
    fn condition(&self) -> Condition {
        match self {
            Self::Version(stream, version) => Condition::Version(stream.clone(), *version),
            Self::Exists(stream) => Condition::Exists(stream.clone()),
            Self::Absent(stream) => Condition::Absent(stream.clone()),
            Self::FailIf(wanted, after) => {
                Condition::fail_if(wanted.query()).after(tidegate::Position(*after))
            }
        }
    }
}

/// A batch, with what its causes mean at the moment it is handed over.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) drafts: Vec<Draft>,
    /// The causes of each draft, by position or by draft.
    pub(crate) causes: Vec<Vec<Cause>>,
    pub(crate) durability: Durability,
    pub(crate) key: Option<String>,
    pub(crate) demands: Vec<Demand>,
    /// Whether it may be refused for a reason that the model does not judge, such as a cause that is not there.
    pub(crate) unfounded: bool,
    /// Whether it may be missing in a group that was never answered: it may have been refused, or have failed on
    /// its own.
    pub(crate) unsure: bool,
    /// The positions whose payloads it erases.
    pub(crate) erases: Vec<u64>,
}

impl Attempt {
    /// One draft that asks for nothing and is synced.
    pub(crate) fn plain(draft: Draft) -> Self {
        Self::of(vec![draft])
    }

    /// Drafts that ask for nothing and are synced.
    pub(crate) fn of(drafts: Vec<Draft>) -> Self {
        Self {
            causes: drafts.iter().map(|draft| draft.causes.clone()).collect(),
            drafts,
            durability: Durability::Synced,
            key: None,
            demands: Vec::new(),
            unfounded: false,
            unsure: false,
            erases: Vec::new(),
        }
    }

    pub(crate) fn batch(&self, defect: Defect) -> Batch {
        let mut batch = Batch::from(self.drafts.clone());
        if let Some(key) = self.key.as_ref().filter(|_| defect != Defect::KeysIgnored) {
            batch = batch.key(key.clone());
        }
        if defect != Defect::ConditionsIgnored {
            batch = self.demands.iter().fold(batch, |batch, demand| batch.only_if(demand.condition()));
        }
        batch
    }

    pub(crate) fn append(&self) -> AppendOptions {
        AppendOptions::new().durability(self.durability)
    }
}
