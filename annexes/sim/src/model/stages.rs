//! Drafts outside of the log, and what may be found of them.

use tidegate::Draft;

use crate::failure::{Failure, ensure};

/// What may be staged under a name: the drafts that were acknowledged, and what calls that were never answered may have made
/// of them.
#[derive(Clone, Debug)]
pub(crate) struct ModelStage(Vec<Vec<Draft>>);

impl Default for ModelStage {
    fn default() -> Self {
        Self(vec![Vec::new()])
    }
}

impl ModelStage {
    /// Whether these may be its drafts. Once it is committed its file may still be there, or not.
    pub(crate) fn check(&self, found: &[Draft], is_committed: bool) -> Result<(), Failure> {
        let is_one = self.0.iter().any(|drafts| drafts == found) || is_committed && found.is_empty();
        ensure(is_one, || format!("a stage has the drafts {found:?}, and was to have any of {:?}", self.0))
    }

    /// These are its drafts, durably.
    pub(crate) fn keep(&mut self, drafts: Vec<Draft>) {
        self.0 = vec![drafts];
    }

    /// These may be its drafts.
    pub(crate) fn doubt(&mut self, drafts: Vec<Draft>) {
        self.0.push(drafts);
    }
}
