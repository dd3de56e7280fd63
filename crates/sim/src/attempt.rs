//! One batch that a scenario tries to append.

use tidegate::{Append, Batch, Cause, Condition, Coordinate, Draft, Durability, Version};

/// A batch, with what its causes mean at the moment it is handed over.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) drafts: Vec<Draft>,
    /// The causes of each draft, by position or by draft.
    pub(crate) causes: Vec<Vec<Cause>>,
    pub(crate) durability: Durability,
    pub(crate) key: Option<String>,
    pub(crate) version: Option<(Coordinate, Version)>,
    /// Whether one of its causes is not in the log.
    pub(crate) unfounded: bool,
}

impl Attempt {
    pub(crate) fn batch(&self) -> Batch {
        let mut batch = Batch::from(self.drafts.clone());
        if let Some(key) = &self.key {
            batch = batch.key(key.clone());
        }
        if let Some((stream, version)) = &self.version {
            batch = batch.only_if(Condition::Version(stream.clone(), *version));
        }
        batch
    }

    pub(crate) fn append(&self) -> Append {
        Append { durability: Some(self.durability), ..Append::default() }
    }
}
