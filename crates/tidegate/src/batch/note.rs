//! Notes: what the store writes on a batch's first event about the gates it met.

use serde_json::{Value, json};
use tidegate_format::{Error, Position, Result, Text, name};
use tidegate_segment::RecordedEvent;

/// The metadata name of the gates that a batch passed, on its first event.
pub(crate) const GATES: &str = "tidegate.gates";
/// The metadata name of what a decision read, on the first event of its batch.
pub(crate) const FOOTPRINT: &str = "tidegate.footprint";
/// The metadata name of a bypass, on the first event of its batch.
pub(crate) const BYPASS: &str = "tidegate.bypass";

/// Returns the note of the gates that passed, and of the position they were judged at.
pub(crate) fn gates(passed: &[Text], judged_at: Position) -> String {
    json!({ "passed": passed, "judged_at": judged_at.0 }).to_string()
}

/// Returns the gates that a batch passed, and the position they were judged at, as noted on its first event.
pub(crate) fn gates_of(first: &RecordedEvent) -> (Vec<Text>, Option<Position>) {
    let (gates, judged_at) = first.meta_text(GATES).and_then(read_gates).unzip();
    (gates.unwrap_or_default(), judged_at)
}

/// Reads a note of gates.
fn read_gates(note: &str) -> Option<(Vec<Text>, Position)> {
    let note: Value = serde_json::from_str(note).ok()?;
    let passed = note.get("passed")?.as_array()?.iter();
    let passed = passed.map(|name| Some(Text::Owned(name.as_str()?.to_owned()))).collect::<Option<_>>()?;
    Some((passed, Position(note.get("judged_at")?.as_u64()?)))
}

/// Why gates were passed over: a named reason, a justification, and who approved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bypass {
    /// The named reason, `migration`.
    pub reason: Text,
    /// Why it is right this time.
    pub justification: String,
    /// Who approved it, if an approval was needed.
    pub approver: Option<String>,
}

impl Bypass {
    /// Returns the note; refused without a reason or a justification.
    pub(crate) fn note(&self) -> Result<String> {
        let Self { reason, justification, approver } = self;
        name::check("reason of a bypass", reason)?;
        if justification.trim().is_empty() {
            return Err(Error::invalid("a bypass needs a justification"));
        }
        Ok(json!({ "reason": reason, "justification": justification, "approver": approver }).to_string())
    }

    /// Reads a note.
    pub(crate) fn read_note(note: &str) -> Result<Self> {
        let broken = || Error::invalid(format!("this is not a bypass: {note}"));
        let note: Value = serde_json::from_str(note).map_err(|cause| broken().because(cause))?;
        let text = |name: &str| note.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            reason: text("reason").ok_or_else(broken)?.into(),
            justification: text("justification").ok_or_else(broken)?,
            approver: text("approver"),
        })
    }
}
