//! The verdict: what state a store is in.

use std::fmt;

use tidegate_format::{Error, ErrorKind};

use super::fault::{Fault, Remark};

/// The state of a store. A writer that opens it and reads it through, a reader, the doctor and salvage give the same
/// verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreVerdict {
    /// Everything is as it was written.
    Sound,
    /// No event and no reader's place is lost. What is wrong is ignored, built anew when it is
    /// needed, or repaired by the next opening for writing, such as the torn end that a crash left.
    Mendable,
    /// Bytes that were durable are gone or are not what was written.
    Damaged,
    /// It is of a newer format. Upgrade.
    Newer,
    /// There is no store, or one that a salvage did not finish.
    Missing,
    /// The system refused to show it, so nothing can be said.
    Unknown,
}

impl StoreVerdict {
    pub(crate) fn of_findings(faults: &[Fault], remarks: &[Remark]) -> Self {
        let is_read = |fault: &Fault| fault.error.kind() != ErrorKind::Io;
        match faults {
            [] if remarks.is_empty() => Self::Sound,
            [] => Self::Mendable,
            faults if faults.iter().any(is_read) => Self::Damaged,
            _ => Self::Unknown,
        }
    }
}

/// The verdict of one who was refused with this error.
impl From<&Error> for StoreVerdict {
    fn from(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Damaged => Self::Damaged,
            ErrorKind::Newer => Self::Newer,
            ErrorKind::Missing => Self::Missing,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for StoreVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sound => "sound",
            Self::Mendable => "sound with remarks",
            Self::Damaged => "damaged",
            Self::Newer => "newer format",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        })
    }
}
