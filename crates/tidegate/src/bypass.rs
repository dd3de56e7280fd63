//! Bypasses: gates passed over, for a reason that stays visible.

use serde_json::json;
use tidegate_format::Text;

/// The metadata name of a bypass, on the first event of its batch.
pub(crate) const BYPASS: &str = "tidegate.bypass";

/// Why gates were passed over: a named reason, a justification, and who approved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bypass {
    /// The named reason, `migration`.
    pub reason: Text,
    /// Why it is right this time.
    pub justification: String,
    /// Who approved it, if anybody had to.
    pub approver: Option<String>,
}

impl Bypass {
    pub(crate) fn note(&self) -> String {
        let Self { reason, justification, approver } = self;
        json!({ "reason": reason, "justification": justification, "approver": approver }).to_string()
    }
}
