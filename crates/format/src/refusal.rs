//! Refusals: what errors of the kinds [`Conflict`](crate::ErrorKind::Conflict) and
//! [`Denied`](crate::ErrorKind::Denied) say for programs.

use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::name::{StreamId, Text};
use crate::number::{Position, Version};

/// Which kind of condition did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConflictKind {
    /// An event matches a query that no event was allowed to match.
    Boundary,
    /// A stream has another version.
    Version,
    /// A stream has events, or has none.
    Exists,
    /// An id or an idempotency key is in the log already.
    Duplicate,
    /// An event that the caller had seen is not in the log any more.
    Replaced,
}

/// Which of a batch's conditions did not hold; [`Error::conflict`] returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conflict {
    /// Which kind of condition did not hold.
    pub kind: ConflictKind,
    /// The event that conflicts, if there is one.
    pub position: Option<Position>,
    /// Whether the same batch can be accepted later, as it is. `true`: a stream has too few events for its condition,
    /// and may get them, or a gate or a decision read what has moved, and would read something else now. `false`: no
    /// event that comes can make its conditions hold, because events never go away; read again, and append another
    /// batch.
    pub retry: bool,
    /// Whether what moved was read by a gate or a decision, not named by the caller.
    pub footprint: bool,
}

impl Conflict {
    /// Returns the refusal for an event at this position, which matches what none was to match.
    pub fn boundary(position: Position, footprint: bool) -> Error {
        let retry = footprint;
        let conflict = Self { kind: ConflictKind::Boundary, position: Some(position), retry, footprint };
        conflict.refused("an event matches what none was to match; read again and decide again")
    }

    /// Returns the refusal for a stream with another version, whose last event is at this position.
    pub fn version(
        stream: &StreamId,
        expected: Version,
        found: Version,
        position: Option<Position>,
    ) -> Error {
        let retry = found < expected;
        let conflict = Self { kind: ConflictKind::Version, position, retry, footprint: false };
        conflict.refused(format!("the stream {stream} was to have version {expected}, it has {found}"))
    }

    /// Returns the refusal for a stream that was to have no event and has the one at this position, or that was to have
    /// one.
    pub fn exists(stream: &StreamId, position: Option<Position>) -> Error {
        let retry = position.is_none();
        let conflict = Self { kind: ConflictKind::Exists, position, retry, footprint: false };
        let what = if position.is_some() {
            "was to have no event, it has"
        } else {
            "was to have events, it has none"
        };
        conflict.refused(format!("the stream {stream} {what}"))
    }

    /// Returns the refusal for an event that was to be at this position, where another one is, or none.
    pub fn replaced(position: Position) -> Error {
        let position = Some(position);
        let conflict = Self { kind: ConflictKind::Replaced, position, retry: false, footprint: false };
        conflict.refused(
            "an event that the batch rests on was lost before it was durable; read again and decide again",
        )
    }

    /// Returns the refusal for an id or a key that is in the log, or twice in the batch.
    pub fn duplicate(message: String, position: Option<Position>) -> Error {
        let conflict = Self { kind: ConflictKind::Duplicate, position, retry: false, footprint: false };
        conflict.refused(message)
    }

    /// Returns the same refusal, as one that never passes: other conditions of the batch stand against it too.
    pub fn lasting(refusal: &Error) -> Error {
        match refusal.conflict() {
            Some(conflict) => Self { retry: false, ..*conflict }.refused(refusal.message()),
            None => refusal.clone(),
        }
    }

    fn refused(self, message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Conflict, message).because(self)
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ConflictKind::Boundary => "boundary",
            ConflictKind::Version => "version",
            ConflictKind::Exists => "existence",
            ConflictKind::Duplicate => "duplicate",
            ConflictKind::Replaced => "replacement",
        };
        write!(f, "{kind} conflict")?;
        match self.position {
            Some(position) => write!(f, " with position {position}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Conflict {}

/// The code of a gate that panicked.
pub const GATE_DEFECT: &str = "GATE_DEFECT";

/// A typed refusal: which gate, a code for machines, a message for people, and fields. Shown as text it tells all of them.
///
/// ```
/// use tidegate_format::refusal::Denial;
/// let denial = Denial::new("OVER_LIMIT", "the account is over its limit").field("limit", 100).field("asked", 120);
/// assert_eq!(denial.to_string(), "the account is over its limit (OVER_LIMIT; limit: 100; asked: 120)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// The gate that denied; empty for a decision's own denial.
    pub gate: Text,
    /// The code for programs, such as `COURSE_FULL`.
    pub code: Text,
    /// The message for people.
    pub message: String,
    /// Further facts, in order.
    pub fields: Vec<(Text, String)>,
}

impl Denial {
    /// Returns a denial with a code and a message.
    pub fn new(code: impl Into<Text>, message: impl Into<String>) -> Self {
        Self { gate: Text::Borrowed(""), code: code.into(), message: message.into(), fields: Vec::new() }
    }

    /// Adds a field: a fact of the caller's own, by name. A recorded denial keeps it by its name, as text.
    #[must_use]
    pub fn field(mut self, name: impl Into<Text>, value: impl fmt::Display) -> Self {
        self.fields.push((name.into(), value.to_string()));
        self
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.gate.is_empty() {
            write!(f, "{}: ", self.gate)?;
        }
        write!(f, "{} ({}", self.message, self.code)?;
        self.fields.iter().try_for_each(|(name, value)| write!(f, "; {name}: {value}"))?;
        f.write_str(")")
    }
}

/// The answer of a gate to a proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may pass.
    Allow,
    /// It may not.
    Deny(Denial),
    /// It was not asked, because another gate had denied already.
    Skipped,
}

/// The verdicts of all gates that a proposal met, at least one of them a denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The name and the verdict of each gate, in order.
    pub verdicts: Vec<(Text, Verdict)>,
    /// Where the denial was recorded as an event, if it was.
    pub recorded: Option<Position>,
}

impl Denied {
    /// Returns the denials, in order; never none.
    pub fn denials(&self) -> impl Iterator<Item = &Denial> {
        self.verdicts.iter().filter_map(|(_, verdict)| match verdict {
            Verdict::Deny(denial) => Some(denial),
            Verdict::Allow | Verdict::Skipped => None,
        })
    }

    /// Returns the error of kind [`Denied`](ErrorKind::Denied) that says so.
    pub fn refused(self) -> Error {
        let by_gate = self.denials().any(|denial| !denial.gate.is_empty());
        let message = if by_gate { "a gate denied the batch" } else { "the decision is a denial" };
        Error::new(ErrorKind::Denied, message).because(self)
    }
}

impl From<Denial> for Denied {
    fn from(denial: Denial) -> Self {
        Self { verdicts: vec![(denial.gate.clone(), Verdict::Deny(denial))], recorded: None }
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, denial) in self.denials().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            denial.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Denied {}

impl Error {
    /// Returns the conflict that a batch was refused for, or `None` if the error is another one.
    pub fn conflict(&self) -> Option<&Conflict> {
        self.get_ref()?.downcast_ref()
    }

    /// Returns the denial that a batch was refused for, or `None` if the error is another one.
    pub fn denied(&self) -> Option<&Denied> {
        self.get_ref()?.downcast_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_of_a_refusal_is_one_still() {
        let refused = Conflict::boundary(Position(7), true).clone();
        let conflict = refused.conflict().copied().expect("it is a conflict");
        assert_eq!((conflict.kind, conflict.position), (ConflictKind::Boundary, Some(Position(7))));
        assert_eq!((refused.kind(), refused.denied()), (ErrorKind::Conflict, None));
        let denied = Denied::from(Denial::new("SOLD_OUT", "all seats are taken"));
        let refused = denied.clone().refused().clone();
        assert_eq!((refused.conflict(), refused.denied()), (None, Some(&denied)));
        assert_eq!(refused.to_string(), "denied: the decision is a denial: all seats are taken (SOLD_OUT)");
    }
}
