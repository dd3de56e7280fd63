//! Rows of processor time: what an event costs the whole process, its threads and the system's part included, until the
//! store is closed.

use std::path::Path;

use tidegate::{AppendOptions, Draft, Store};

use crate::Failure;
use crate::history::tag;
use crate::log::draft;
use crate::row::{Aim, Row, processor_time};
use crate::sample::{Sample, mix};
use crate::settings::Settings;

/// Events appended at once.
const BATCH: u64 = 1000;
const NAME: &str = "processor, batches of 1000";

/// Returns the rows of processor time that are asked for.
pub(crate) fn rows(settings: &Settings, place: &Path) -> Result<Vec<Row>, Failure> {
    let with_tags = |number: u64| {
        let draft = draft(Sample::new(number, settings.entities));
        (0..10).fold(draft, |draft, salt| draft.tag(tag(mix(number * 10 + salt))))
    };
    let plain = |number: u64| draft(Sample::new(number, settings.entities));
    let streams = settings.history;
    let many = |number: u64| draft(Sample::new(number, streams));
    let large = |number: u64| {
        Draft::new(("large", format!("e{}", number % 100)), "image.taken").bytes(vec![7; 65_536])
    };
    let mut rows = Vec::new();
    let events = settings.history;
    let mut base = None;
    for (name, make, before, aim) in [
        (NAME.to_owned(), &plain as &dyn Fn(u64) -> Draft, 0, Aim::Below(1000.0)),
        (format!("{NAME}, 10 tags"), &with_tags, 0, Aim::Ratio(0.33)),
        (format!("{NAME}, {streams} streams there"), &many, streams, Aim::Ratio(0.77)),
    ] {
        if !settings.wants(&name) {
            continue;
        }
        eprintln!("{name}");
        let time = measured(place, make, before, events, BATCH)? * 1e9 / events as f64;
        rows.push(match base {
            Some(base) => Row::of_times(&name, "ns an event", base, time, aim),
            None => Row::alone(&name, "ns an event", time, aim),
        });
        if name == NAME {
            base = Some(time);
        }
    }
    let name = "processor, payloads of 64 KiB";
    if settings.wants(name) {
        eprintln!("{name}");
        let events = settings.history / 500;
        let time = measured(place, &large, 0, events, 100)? * 1e9 / (events * 65_536) as f64;
        rows.push(Row::alone(name, "ns a byte", time, Aim::Below(1.3)));
    }
    Ok(rows)
}

/// Returns the processor seconds of appending and closing, without those of making the drafts, with `before` events there.
fn measured(
    place: &Path,
    make: &dyn Fn(u64) -> Draft,
    before: u64,
    events: u64,
    batch: u64,
) -> Result<f64, Failure> {
    let place = tempfile::tempdir_in(place)?;
    let store = Store::open(place.path())?;
    append(&store, make, 0..before, batch)?;
    store.close()?;
    let store = Store::open(place.path())?;
    let start = processor_time();
    let making = append(&store, make, before..before + events, batch)?;
    store.close()?;
    Ok(processor_time() - start - making)
}

/// Appends these events, and returns the processor seconds that making them took the calling thread.
fn append(
    store: &Store,
    make: &dyn Fn(u64) -> Draft,
    numbers: std::ops::Range<u64>,
    batch: u64,
) -> Result<f64, Failure> {
    let mut making = 0.0;
    for first in numbers.clone().step_by(batch as usize) {
        let start = thread_time();
        let drafts: Vec<Draft> = (first..numbers.end.min(first + batch)).map(make).collect();
        making += thread_time() - start;
        store.append_with(drafts, AppendOptions::new().buffered())?;
    }
    Ok(making)
}

fn thread_time() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
