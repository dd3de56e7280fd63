//! The files of a store, in memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tidegate_batpak::{BatpakBatch, BatpakEvent, BatpakStore, Finding, FindingKind};
use tidegate_format::{Error, ErrorKind, Result};

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The files of a store by their names.
#[derive(Clone)]
pub(crate) struct Files(pub(crate) BTreeMap<String, Vec<u8>>);

/// What was read of a store.
pub(crate) struct Found {
    pub(crate) batches: Vec<BatpakBatch>,
    pub(crate) findings: Vec<Finding>,
}

impl Files {
    pub(crate) fn of(store: &str) -> Self {
        let entries = fs::read_dir(fixtures().join(store)).unwrap().map(|entry| entry.unwrap().path());
        Self(entries.map(|path| (name(&path), fs::read(&path).unwrap())).collect())
    }

    pub(crate) fn read(&self) -> Result<Found> {
        let names: Vec<String> = self.0.keys().cloned().collect();
        let missing = |name: &str| Error::new(ErrorKind::Missing, name);
        let mut store =
            BatpakStore::open(&names, |name| self.0.get(name).cloned().ok_or_else(|| missing(name)))?;
        let mut batches = Vec::new();
        for segment in store.segments().to_vec() {
            batches.extend(store.read_segment(&segment, &self.0[&segment])?);
        }
        Ok(Found { batches, findings: store.findings().to_vec() })
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

impl Found {
    /// What batpak shows: neither hidden events nor those of its own.
    pub(crate) fn visible(&self) -> Vec<&BatpakEvent> {
        let events = self.batches.iter().flat_map(|batch| &batch.events);
        events.filter(|event| !event.is_hidden && !event.is_lifecycle()).collect()
    }

    pub(crate) fn kinds(&self) -> Vec<FindingKind> {
        self.findings.iter().map(|finding| finding.kind).collect()
    }
}

/// What batpak itself shows of a store.
pub(crate) fn expected(store: &str) -> Vec<Value> {
    let lines = fs::read_to_string(fixtures().join(format!("{store}.expected.jsonl"))).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// An event as a line of what batpak shows.
pub(crate) fn line(event: &BatpakEvent) -> Value {
    let hex = |id: tidegate_format::EventId| id.to_string().replace('-', "");
    serde_json::json!({
        "id": hex(event.id),
        "correlation": hex(event.correlation),
        "causation": event.causation.map(hex),
        "sequence": event.sequence,
        "entity": event.entity,
        "scope": event.scope,
        "lane": event.lane,
        "kind": format!("{:04x}", event.kind),
        "timestamp_us": event.timestamp,
        "payload": rmp_serde::from_slice::<Value>(&event.payload).unwrap(),
    })
}
