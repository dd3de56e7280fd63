//! Denials: what a gate says when it says no.

use std::fmt;

use tidegate_format::{Error, ErrorKind, Position, Text};

/// The code of a gate that panicked.
pub const GATE_DEFECT: &str = "GATE_DEFECT";

/// A typed refusal: which gate, a code for machines, a message for people, and fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The gate that denied; empty for a decision's own denial.
    pub gate: Text,
    /// What programs tell apart, `COURSE_FULL`.
    pub code: Text,
    /// What people read.
    pub message: String,
    /// Further facts, in order.
    pub fields: Vec<(Text, String)>,
}

impl Denial {
    /// A denial with a code and a message.
    pub fn new(code: impl Into<Text>, message: impl Into<String>) -> Self {
        Self { gate: Text::Borrowed(""), code: code.into(), message: message.into(), fields: Vec::new() }
    }

    /// With one more field.
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
        write!(f, "{} ({})", self.message, self.code)
    }
}

/// What a gate says of a proposal.
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
    /// The denials, in order; never none.
    pub fn denials(&self) -> impl Iterator<Item = &Denial> {
        self.verdicts.iter().filter_map(|(_, verdict)| match verdict {
            Verdict::Deny(denial) => Some(denial),
            Verdict::Allow | Verdict::Skipped => None,
        })
    }

    /// The denial behind an error, if that is what it is.
    pub fn of(error: &Error) -> Option<&Self> {
        std::error::Error::source(error)?.downcast_ref()
    }

    pub(crate) fn error(self) -> Error {
        Error::new(ErrorKind::Refused, "a gate denied the batch").because(self)
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
