//! Rows of proofs: what checkpoints and proofs take and read, and what the tree takes on the disk.

use std::path::{Path, PathBuf};

use tidegate::proofs::{Checkpoint, DEFAULT_PREFIX, DisclosureForm, KeyFile, SignedCheckpoint};
use tidegate::{Position, Store, StoreOptions};

use super::tree::append;
use crate::Failure;
use crate::row::{Aim, Row, quantile, seconds};
use crate::sample::mix;
use crate::settings::Settings;

/// Returns the rows of proofs, if they are asked for.
pub(crate) fn rows(settings: &Settings, place: &Path) -> Result<Vec<Row>, Failure> {
    if !settings.wants("proofs: ") {
        return Ok(Vec::new());
    }
    let (events, more) = (settings.proofs, settings.history);
    eprintln!("proofs: {events} events and {more} more");
    let directory = tempfile::tempdir_in(place)?;
    let (shop, key) = (directory.path().join("shop"), directory.path().join("shop.key"));
    let store = StoreOptions::new().open(&shop)?;
    append(&store, events)?;
    let signer = KeyFile::create(&key, &Checkpoint::origin_of(DEFAULT_PREFIX, store.id())?)?;
    store.upkeep().step()?;
    store.proofs().checkpoint(&signer)?;
    append(&store, more)?;
    let (after, _) = timed(|| store.proofs().checkpoint(&signer))?;
    store.upkeep().step()?;
    store.close()?;
    // Nothing of the tree is in memory now, and nothing of the active segment.
    let store = StoreOptions::new().open(&shop)?;
    let (first, signed) = timed(|| store.proofs().checkpoint(&signer))?;
    let mut rows = vec![
        Row::alone(&format!("proofs: checkpoint after {more} more"), "s", after, Aim::Below(0.3)),
        Row::alone("proofs: first checkpoint of an opening", "s", first, Aim::Below(0.3)),
    ];
    rows.extend(inclusion(settings, &store, &signed)?);
    store.close()?;
    let bytes = folder_bytes(&shop.join("tree"))? as f64 / (events + more) as f64;
    rows.push(Row::alone("proofs: bytes of the tree", "bytes an event", bytes, Aim::Below(0.15)));
    Ok(rows)
}

/// Proofs of single events at places without an order.
fn inclusion(settings: &Settings, store: &Store, signed: &SignedCheckpoint) -> Result<Vec<Row>, Failure> {
    let size = signed.checkpoint().size();
    let mut times = Vec::new();
    let before = reads()?;
    for number in 0..settings.reads as u64 / 10 {
        let position = Position(1 + mix(number) % size);
        let (took, _) = timed(|| store.proofs().prove(position, signed, DisclosureForm::Names))?;
        times.push(took * 1e6);
    }
    let (calls, bytes) = reads()?;
    let count = times.len() as f64;
    let row = |what: &str, unit, value, aim| {
        Row::alone(&format!("proofs: inclusion in {size}, {what}"), unit, value, aim)
    };
    Ok(vec![
        row("median", "us", quantile(&mut times, 0.5), Aim::Below(1000.0)),
        row("99 of 100", "us", quantile(&mut times, 0.99), Aim::None),
        // Beside them, it reads the records of 256 events from the map of their segment.
        row("reads of files", "each", (calls - before.0) as f64 / count, Aim::None),
        row("bytes they read", "bytes", (bytes - before.1) as f64 / count, Aim::None),
    ])
}

/// Returns how many times this process has called the system to read, and the bytes that it got.
fn reads() -> Result<(u64, u64), Failure> {
    let text = std::fs::read_to_string("/proc/self/io")?;
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.parse().ok());
        line.ok_or_else(|| format!("/proc/self/io says nothing of {name}"))
    };
    Ok((number("syscr")?, number("rchar")?))
}

fn folder_bytes(folder: &PathBuf) -> Result<u64, Failure> {
    let mut bytes = 0;
    for file in std::fs::read_dir(folder)? {
        bytes += file?.metadata()?.len();
    }
    Ok(bytes)
}

fn timed<T>(call: impl FnOnce() -> tidegate::Result<T>) -> Result<(f64, T), Failure> {
    let (took, answer) = seconds(call);
    Ok((took, answer?))
}
