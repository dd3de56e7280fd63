//! Rows of the tree over a log: what it costs beside appends, and what checkpoints and proofs take.

use std::path::Path;

use tidegate::proofs::{Checkpoint, DEFAULT_PREFIX, DisclosureForm, KeyFile};
use tidegate::{AppendOptions, Draft, Position, Store, StoreOptions};

use crate::Failure;
use crate::row::{Aim, Row, quantile, seconds};
use crate::sample::mix;
use crate::settings::Settings;

/// Events appended at once.
const BATCH: u64 = 1000;

/// Returns the rows of the tree, if they are asked for.
pub(crate) fn rows(settings: &Settings, place: &Path) -> Result<Vec<Row>, Failure> {
    if !settings.wants("proofs") {
        return Ok(Vec::new());
    }
    let events = settings.graph.max(BATCH);
    eprintln!("proofs, {events} events");
    let directory = tempfile::tempdir_in(place)?;
    let (shop, key) = (directory.path().join("shop"), directory.path().join("shop.key"));
    // Without its thread the store indexes and writes the tree in `step` alone, so their times can be told apart.
    let store = StoreOptions::new().thread(false).open(&shop)?;
    append(&store, events)?;
    store.upkeep().step()?;
    let signer = KeyFile::create(&key, &Checkpoint::origin_of(DEFAULT_PREFIX, store.id())?)?;
    let (first, _) = timed(|| store.proofs().checkpoint(&signer))?;
    append(&store, events)?;
    let (with_indexing, ()) = timed(|| store.upkeep().step())?;
    let (again, signed) = timed(|| store.proofs().checkpoint(&signer))?;
    let mut rows = vec![
        Row::alone(
            "proofs: indexing and tree beside appends",
            "us an event",
            with_indexing * 1e6 / events as f64,
            Aim::None,
        ),
        Row::alone("proofs: first checkpoint", "s", first, Aim::Below(0.3)),
        Row::alone("proofs: checkpoint after as many again", "s", again, Aim::Below(0.3)),
    ];
    let mut times = Vec::new();
    for number in 0..settings.reads as u64 / 10 {
        let position = Position(1 + mix(number) % (2 * events));
        let (took, _) = timed(|| store.proofs().prove(position, &signed, DisclosureForm::Names))?;
        times.push(took * 1e6);
    }
    rows.push(Row::alone("proofs: inclusion, median", "us", quantile(&mut times, 0.5), Aim::Below(1000.0)));
    rows.push(Row::alone("proofs: inclusion, 99 of 100", "us", quantile(&mut times, 0.99), Aim::None));
    store.close()?;
    let mut bytes = 0;
    for file in std::fs::read_dir(shop.join("tree"))? {
        bytes += file?.metadata()?.len();
    }
    rows.push(Row::alone(
        "proofs: bytes of the tree",
        "bytes an event",
        bytes as f64 / (2.0 * events as f64),
        Aim::Below(0.15),
    ));
    Ok(rows)
}

fn append(store: &Store, events: u64) -> Result<(), Failure> {
    let payload = vec![b'x'; 200];
    for batch in 0..events / BATCH {
        let draft = |number: u64| {
            let entity = format!("e{}", (batch * BATCH + number) % 1000);
            Draft::new(("proofs", entity), "step.taken").bytes(payload.clone())
        };
        let drafts: Vec<_> = (0..BATCH).map(draft).collect();
        store.append_with(drafts, AppendOptions::new().buffered())?;
    }
    Ok(())
}

fn timed<T>(call: impl FnOnce() -> tidegate::Result<T>) -> Result<(f64, T), Failure> {
    let (took, answer) = seconds(call);
    Ok((took, answer?))
}
