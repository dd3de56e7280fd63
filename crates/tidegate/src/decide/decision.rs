//! Decisions: what a caller's closure comes to, and what the store makes of it.

use tidegate_format::Draft;
use tidegate_format::refusal::{Denial, Denied};

use crate::batch::Batch;
use crate::batch::Receipt;

/// What a decision comes to: events, or a denial.
#[derive(Clone, Debug)]
pub enum Decision {
    /// These events, if what was read still holds.
    Append(Batch),
    /// Nothing, for this reason.
    Deny(Denial),
}

impl Decision {
    /// A denial with a code and a message.
    pub fn deny(code: impl Into<tidegate_format::Text>, message: impl Into<String>) -> Self {
        Self::Deny(Denial::new(code, message))
    }
}

impl From<Batch> for Decision {
    fn from(batch: Batch) -> Self {
        Self::Append(batch)
    }
}

impl From<Draft> for Decision {
    fn from(draft: Draft) -> Self {
        Self::Append(draft.into())
    }
}

impl From<Denial> for Decision {
    fn from(denial: Denial) -> Self {
        Self::Deny(denial)
    }
}

/// What became of a decision or a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// Its events are in the log.
    Committed(Receipt),
    /// It was denied, and nothing was written but, where asked for, the denial.
    Denied(Denied),
}

impl Decided {
    /// The receipt, unless it was denied.
    pub fn receipt(&self) -> Option<&Receipt> {
        match self {
            Self::Committed(receipt) => Some(receipt),
            Self::Denied(_) => None,
        }
    }

    /// The denial, if it was denied.
    pub fn denied(&self) -> Option<&Denied> {
        match self {
            Self::Committed(_) => None,
            Self::Denied(denied) => Some(denied),
        }
    }
}
