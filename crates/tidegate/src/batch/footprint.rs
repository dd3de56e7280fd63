//! Footprints: what was read to decide a batch, as one more condition of it.

use serde_json::{Value, json};
use tidegate_format::{Error, EventId, Position, Result, Text};

use crate::read::{Query, query_value, read_query};

/// What a decision or a gate read: queries, and ids and idempotency keys that were not found. None of it may have changed when
/// the batch is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    pub(crate) queries: Vec<Query>,
    pub(crate) ids: Vec<EventId>,
    pub(crate) keys: Vec<Text>,
}

impl Footprint {
    /// Returns the queries whose answers it rests on.
    pub fn queries(&self) -> &[Query] {
        &self.queries
    }

    /// Returns the ids it rests on not being in the log.
    pub fn absent_ids(&self) -> &[EventId] {
        &self.ids
    }

    /// Returns the idempotency keys it rests on not being in the log.
    pub fn absent_keys(&self) -> &[Text] {
        &self.keys
    }

    /// Returns whether nothing was read that could change.
    pub fn is_empty(&self) -> bool {
        self.queries.is_empty() && self.ids.is_empty() && self.keys.is_empty()
    }

    /// Returns the note that keeps it, with the last position of the view that was read.
    pub(crate) fn note(&self, judged_at: Position) -> String {
        let queries: Vec<_> = self.queries.iter().map(query_value).collect();
        let ids: Vec<_> = self.ids.iter().map(ToString::to_string).collect();
        let mut note = json!({ "queries": queries, "absent_ids": ids, "judged_at": judged_at.0 });
        if !self.keys.is_empty() {
            note["absent_keys"] = json!(self.keys);
        }
        note.to_string()
    }

    /// Reads a note, and the position that it was judged at.
    pub(crate) fn read_note(note: &str) -> Result<(Self, Position)> {
        let broken = || Error::invalid(format!("a footprint cannot be read from this note: {note}"));
        let note: Value = serde_json::from_str(note).map_err(|cause| broken().because(cause))?;
        let list = |name: &str| note.get(name).and_then(Value::as_array).ok_or_else(broken);
        let queries = list("queries")?.iter().map(read_query).collect::<Result<_>>()?;
        let id = |id: &Value| id.as_str().and_then(|id| id.parse().ok()).ok_or_else(broken);
        let ids = list("absent_ids")?.iter().map(id).collect::<Result<_>>()?;
        let key = |key: &Value| key.as_str().map(|key| Text::Owned(key.to_owned())).ok_or_else(broken);
        let keys = match note.get("absent_keys") {
            None => Vec::new(),
            Some(_) => list("absent_keys")?.iter().map(key).collect::<Result<_>>()?,
        };
        let judged_at = note.get("judged_at").and_then(Value::as_u64).ok_or_else(broken)?;
        Ok((Self { queries, ids, keys }, Position(judged_at)))
    }
}
