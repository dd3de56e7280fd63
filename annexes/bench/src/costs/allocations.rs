//! Rows of allocations: how many times the store allocates memory for each event.
//!
//! Counted on the thread that calls; the events to append are made before.

use std::path::Path;

use tidegate::{AppendOptions, Batch, Query, ReadOptions, Store};

use crate::Failure;
use crate::history::History;
use crate::log::{Source, draft};
use crate::reads::read_all;
use crate::row::{Aim, Row};
use crate::settings::Settings;

/// Allocations that something makes, if they are counted.
#[cfg(feature = "allocations")]
fn count(run: impl FnOnce() -> Result<(), Failure>) -> Result<Option<u64>, Failure> {
    let mut result = Ok(());
    let info = allocation_counter::measure(|| result = run());
    result.map(|()| Some(info.count_total))
}

/// Allocations that something makes, if they are counted.
#[cfg(not(feature = "allocations"))]
fn count(run: impl FnOnce() -> Result<(), Failure>) -> Result<Option<u64>, Failure> {
    run().map(|()| None)
}

fn row(name: &str, count: Option<u64>, events: usize, aim: Aim) -> Option<Row> {
    count.map(|count| Row::alone(name, "each", count as f64 / events as f64, aim))
}

/// Appending one event, and one of a batch of 1000.
pub(crate) fn of_appends(settings: &Settings, place: &Path) -> Result<Vec<Row>, Failure> {
    const NAMES: [&str; 2] = ["allocations, single append", "allocations, batches of 1000"];
    if !NAMES.iter().any(|name| settings.wants(name)) {
        return Ok(Vec::new());
    }
    let place = tempfile::tempdir_in(place)?;
    let store = Store::open(place.path())?;
    let source = Source::new(settings.entities);
    let mut rows = Vec::new();
    for (name, batch, aim) in [(NAMES[0], 1, 10.0), (NAMES[1], 1000, 2.0)] {
        let make = || source.batch(batch).into_iter().map(draft).collect::<Batch>();
        let events = 20_000;
        // Every stream is known by then, so that its tables have their size.
        for _ in 0..events / batch {
            store.append_with(make(), AppendOptions::new().buffered())?;
        }
        let batches: Vec<Batch> = (0..events / batch).map(|_| make()).collect();
        let counted = count(|| {
            for batch in batches {
                store.append_with(batch, AppendOptions::new().buffered())?;
            }
            Ok(())
        })?;
        rows.extend(row(name, counted, events, Aim::Below(aim)));
    }
    store.close()?;
    rows.retain(|row| settings.wants(&row.name));
    Ok(rows)
}

/// Scanning, and reading by position.
pub(crate) fn of_reads(settings: &Settings, history: &History) -> Result<Vec<Row>, Failure> {
    const NAMES: [&str; 2] = ["allocations, scan", "allocations, read by position"];
    if !NAMES.iter().any(|name| settings.wants(name)) {
        return Ok(Vec::new());
    }
    let view = history.store.view()?;
    let scanned = count(|| read_all(&view, &Query::ALL, ReadOptions::new()).map(|_| ()))?;
    let read = count(|| {
        for number in 0..settings.reads {
            view.at(history.sealed_position(number as u64))?;
        }
        Ok(())
    })?;
    let none = Aim::Below(0.01);
    let scanned = row(NAMES[0], scanned, history.events as usize, none);
    let rows = scanned.into_iter().chain(row(NAMES[1], read, settings.reads, none));
    Ok(rows.filter(|row| settings.wants(&row.name)).collect())
}
