//! What an import reads by, where it goes, and the batch that it is reading.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use tidegate::batch::ImportedPayload;
use tidegate::{Draft, EventId, Store};
use tidegate_format::{Hash, Micros};
use tidegate_json::{LineRules, SourcePlace};

use super::waiting::WaitingLines;

/// Events that are appended together if the file says nothing of batches, and at most before a sync.
pub(super) const BATCH_EVENTS_MAX: usize = 1000;
/// Bytes of them after which that is enough.
pub(super) const BATCH_BYTES_MAX: usize = 4 << 20;

/// What an import did.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct ImportSummary {
    pub(super) imported: u64,
    pub(super) skipped: u64,
    /// Whether the events of an export kept the times they were recorded at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) times_kept: Option<bool>,
    /// Events that the export left out, as nothing said that they were durable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unconfirmed: Option<u64>,
}

/// Where events go.
pub(super) enum Destination<'a> {
    /// Into a store.
    Store(&'a Store),
    /// Nowhere: it is only found out what a store, if there is one, would take. The ids are those of events so far.
    Plan(HashSet<EventId>),
}

/// How lines are read.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) rules: LineRules,
    /// Whether an import key of another scope may be a cause.
    pub(super) other_scopes: bool,
    /// The lines that wait for their causes, if they may.
    pub(super) waiting: Option<WaitingLines>,
}

impl Reading {
    /// Returns whether lines are read as an export writes them.
    pub(super) fn is_strict(&self) -> bool {
        self.rules == LineRules::new() && !self.other_scopes && self.waiting.is_none()
    }
}

/// A batch that is read.
#[derive(Default)]
pub(super) struct PendingBatch {
    pub(super) drafts: Vec<Draft>,
    /// What the source keeps beside the payload of each draft, if the line says it.
    pub(super) payloads: Vec<Option<ImportedPayload>>,
    /// The line of each draft.
    pub(super) numbers: Vec<u64>,
    /// The places in the batch of the ids in it.
    pub(super) places: HashMap<EventId, usize>,
    pub(super) bytes: usize,
    /// Whether the file says where it ends.
    pub(super) has_boundaries: bool,
    /// Where its last event stood.
    pub(super) last: SourcePlace,
    /// Its idempotency key, and the hash of the content.
    pub(super) key: Option<(String, Option<Hash>)>,
    /// When it was recorded.
    pub(super) recorded: Option<Micros>,
    /// Events of it that are in the store already.
    pub(super) known: usize,
}

impl PendingBatch {
    pub(super) fn is_empty(&self) -> bool {
        self.drafts.is_empty() && self.known == 0
    }

    pub(super) fn is_full(&self) -> bool {
        !self.has_boundaries && (self.drafts.len() >= BATCH_EVENTS_MAX || self.bytes >= BATCH_BYTES_MAX)
    }
}
