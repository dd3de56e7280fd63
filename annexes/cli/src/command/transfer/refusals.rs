//! What an import says of an event or a batch that is there already.

use tidegate::{Error, ErrorKind, Position, RecordedEvent};
use tidegate_format::Hash;
use tidegate_json::SourcePlace;

/// Returns whether an event has the idempotency key of a line. A content hash of zeros fits any other: a payload of the
/// batch was erased on that side.
pub(super) fn is_key_of(event: &RecordedEvent, place: &SourcePlace) -> bool {
    match (event.record().key(), &place.key) {
        (None, None) => true,
        (Some((key, kept)), Some((named, Some(content)))) => {
            key == named && (kept == *content || kept == Hash::ZERO || *content == Hash::ZERO)
        }
        _ => false,
    }
}

/// Refuses an event that differs in these fields from the one at a place.
pub(super) fn refuse_different(different: &[&str], place: &str) -> tidegate::Result<()> {
    if different.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the same event is there already, at {place}, with {}; events never change, so give this one another import \
         key or id",
        other(different)
    );
    Err(Error::new(ErrorKind::Refused, message))
}

/// Names what is different: `another kind`, `other tags and payload`.
fn other(different: &[&str]) -> String {
    match different {
        [] => String::new(),
        // Those of which one event has several.
        [one @ ("tags" | "causes" | "content")] => format!("other {one}"),
        [one] => format!("another {one}"),
        [before @ .., last] => format!("other {} and {last}", before.join(", ")),
    }
}

/// Returns the refusal of a batch whose idempotency key another batch at this position has.
pub(super) fn taken(position: Position) -> Error {
    let message = format!(
        "another batch is in the store under its idempotency key, at position {position}: both stores did the same; \
         leave this batch out, or import into an empty store"
    );
    Error::new(ErrorKind::Refused, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_different_reads_as_a_sentence() {
        assert_eq!(other(&["kind"]), "another kind");
        assert_eq!(other(&["tags"]), "other tags");
        assert_eq!(other(&["tags", "payload"]), "other tags and payload");
        assert_eq!(other(&["kind", "tags", "payload"]), "other kind, tags and payload");
    }
}
