//! Recorded denials: the events that a store writes when a gate or a decision says no and was asked to record it.

use serde_json::{Value, json};
use tidegate_format::refusal::{Denied, Verdict};
use tidegate_format::{Draft, Hash, Position, StreamId, Text};

use crate::batch;

/// The kind of a recorded denial.
pub(crate) const DENIED: &str = "tidegate.denied";
/// The entity of recorded denials, in the scope of the first draft that was denied; a decision drafts nothing, and its
/// denials are in the scope `tidegate`.
const DENIALS: &str = "tidegate.denials";

/// Returns the event that records a denial. What the drafts say is told by a hash that `conceal` makes: payloads can be
/// erased and these events cannot, so a hash that could be found by trying must not stay in them. Equal drafts have equal hashes in one event and nowhere else.
pub(crate) fn denied(
    drafts: &[Draft],
    denied: &Denied,
    judged_at: Position,
    conceal: impl Fn(&Hash) -> Hash,
) -> Draft {
    let verdicts = denied.verdicts.iter().map(|(gate, verdict)| match verdict {
        Verdict::Allow => json!({ "gate": gate, "verdict": "allow" }),
        Verdict::Skipped => json!({ "gate": gate, "verdict": "skipped" }),
        Verdict::Deny(denial) => {
            let fields: serde_json::Map<_, _> = denial
                .fields
                .iter()
                .map(|(name, value)| (name.to_string(), Value::String(value.clone())))
                .collect();
            let (code, message) = (&denial.code, &denial.message);
            json!({ "gate": gate, "verdict": "deny", "code": code, "message": message, "fields": fields })
        }
    });
    let drafted = drafts.iter().map(|draft| {
        json!({
            "scope": draft.stream.scope,
            "entity": draft.stream.entity,
            "lane": draft.stream.lane,
            "kind": draft.kind,
            "content": conceal(&batch::content(draft)).to_string(),
        })
    });
    let payload = json!({ "verdicts": verdicts.collect::<Vec<_>>(), "drafted": drafted.collect::<Vec<_>>(),
        "judged_at": judged_at.0 });
    let scope = drafts.first().map_or(Text::Borrowed("tidegate"), |draft| draft.stream.scope.clone());
    Draft::new(StreamId::new(scope, DENIALS), DENIED).json_text(payload.to_string())
}
