//! Rows of the tree over a log: what appending and indexing take with it, or in a build without the feature `proofs`
//! without it. `just bench-tree` runs both builds in turns.

use std::path::Path;

use rustix::time::{ClockId, clock_gettime};
use tidegate::{AppendOptions, Draft, Store, StoreOptions};

use crate::Failure;
use crate::row::{Aim, Row, median};
use crate::settings::Settings;

/// Events appended at once.
const BATCH: u64 = 1000;

/// Returns the rows of the tree, if they are asked for: processor time, since that of two builds can be compared on a
/// machine that does other work as well.
pub(crate) fn rows(settings: &Settings, place: &Path) -> Result<Vec<Row>, Failure> {
    const SIDE: &str = if cfg!(feature = "proofs") { "with the tree" } else { "without the tree" };
    if !settings.wants("tree: ") {
        return Ok(Vec::new());
    }
    let events = settings.history;
    eprintln!("tree: {events} events a round");
    let directory = tempfile::tempdir_in(place)?;
    // Without its thread the store indexes and writes the tree in `step` alone, so the two can be told apart.
    let store = StoreOptions::new().thread(false).open(directory.path().join("store"))?;
    let (mut appending, mut indexing) = (Vec::new(), Vec::new());
    for round in 0..=settings.rounds.min(4) {
        let before = processor_time();
        append(&store, events)?;
        let between = processor_time();
        store.upkeep().step()?;
        // The first round warms up.
        if round > 0 {
            appending.push((between - before) * 1e9 / events as f64);
            indexing.push((processor_time() - between) * 1e9 / events as f64);
        }
    }
    store.close()?;
    let row = |what: &str, times: Vec<f64>| {
        let name = format!("tree: {what}, {SIDE}, processor");
        Row::alone(&name, "ns an event", median(times.into_iter()), Aim::None)
    };
    Ok(vec![row("appending 1000 at once", appending), row("indexing", indexing)])
}

/// Appends events of 200 bytes about a thousand entities.
pub(crate) fn append(store: &Store, events: u64) -> Result<(), Failure> {
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

/// Returns the seconds that this process has kept a processor busy.
fn processor_time() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}
