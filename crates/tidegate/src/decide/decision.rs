//! Decisions: what a caller's closure comes to, and what the store makes of it.

use tidegate_format::refusal::{Denial, Denied};
use tidegate_format::{Draft, Result};

use crate::batch::Batch;
use crate::batch::Receipt;

/// The result of a decision: events to append, or a denial.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Appends these events, if what was read still holds.
    Append(Batch),
    /// Appends nothing, for this reason.
    Deny(Denial),
}

impl Decision {
    /// Returns a denial with a code and a message; [`Denial::new`] makes one that takes fields.
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

impl From<Vec<Draft>> for Decision {
    fn from(drafts: Vec<Draft>) -> Self {
        Self::Append(drafts.into())
    }
}

impl From<Denial> for Decision {
    fn from(denial: Denial) -> Self {
        Self::Deny(denial)
    }
}

/// What became of a decision or a proposal.
///
/// A denial is a value here and not an error: it is one of the answers that a caller of
/// [`decide`](crate::Store::decide) or [`propose`](crate::Store::propose) asked for.
/// [`into_result`](Self::into_result) turns it into an error. [`append`](crate::Store::append), which asked to write,
/// always returns an error.
///
/// One that is dropped unseen warns:
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// use tidegate::decide::Decision;
/// use tidegate::Store;
///
/// let store = Store::in_memory()?;
/// store.decide(|_| -> tidegate::Result<Decision> { Ok(Decision::deny("CLOSED", "the shop is closed")) })?;
/// # Ok::<(), tidegate::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it may be a denial, and then nothing was written"]
pub enum Outcome {
    /// Its events are in the log.
    Committed(Receipt),
    /// It was denied, and nothing was written but, if asked for, the denial.
    Denied(Denied),
}

impl Outcome {
    /// Returns the receipt, unless it was denied.
    pub fn receipt(&self) -> Option<&Receipt> {
        match self {
            Self::Committed(receipt) => Some(receipt),
            Self::Denied(_) => None,
        }
    }

    /// Returns the receipt, or the denial as the error that [`append`](crate::Store::append) makes of one.
    ///
    /// ```
    /// use tidegate::decide::Decision;
    /// use tidegate::{ErrorKind, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let decided = store.decide(|_| -> tidegate::Result<Decision> { Ok(Decision::deny("CLOSED", "the shop is closed")) })?;
    /// let error = decided.into_result().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Denied);
    /// assert_eq!(error.denied().unwrap().denials().next().unwrap().code, "CLOSED");
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Denied`](tidegate_format::ErrorKind::Denied) if it was denied; [`Error::denied`](tidegate_format::Error::denied) returns the denial.
    pub fn into_result(self) -> Result<Receipt> {
        match self {
            Self::Committed(receipt) => Ok(receipt),
            Self::Denied(denied) => Err(denied.refused()),
        }
    }

    /// Returns the denial, if it was denied.
    pub fn denied(&self) -> Option<&Denied> {
        match self {
            Self::Committed(_) => None,
            Self::Denied(denied) => Some(denied),
        }
    }
}
