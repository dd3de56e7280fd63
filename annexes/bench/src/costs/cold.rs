//! Rows of cold reads: what is read from the disk if nothing of the store is in memory. The files are put out of the page
//! cache by the bench itself, so it needs a disk with one (not a file system in memory).

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use rustix::fs::{Advice, fadvise, fdatasync};
use tidegate::{AppendOptions, Draft, Position, Query, ReadOptions, Store, StoreOptions, View};

use crate::Failure;
use crate::history::tag;
use crate::log::draft;
use crate::reads::read_all;
use crate::row::{Aim, Row, median};
use crate::sample::{Sample, mix};
use crate::settings::Settings;

const PAGE_BYTES: f64 = 4096.0;

/// What something read from the disk.
#[derive(Clone, Copy, Debug)]
struct Reading {
    /// Pages that were read, and how many times something waited for one that it looked at.
    pages: f64,
    faults: f64,
    seconds: f64,
}

/// Returns the rows of cold reads, if they are asked for.
pub(crate) fn rows(settings: &Settings, place: &Path) -> Result<Vec<Row>, Failure> {
    const NAMES: [&str; 7] = [
        "cold point read, pages read",
        "cold point read, waits",
        "cold point read",
        "cold page of 100 of a tag, pages read",
        "cold page of 100 of a tag, waits",
        "cold page of 100 of a tag",
        "cold scan",
    ];
    if !NAMES.iter().any(|name| settings.wants(name)) {
        return Ok(Vec::new());
    }
    eprintln!("cold reads, {} events", settings.history);
    let place = tempfile::tempdir_in(place)?;
    let options = StoreOptions::new().segment_bytes(if settings.quick { 8 << 20 } else { 64 << 20 });
    fill(&options.open(place.path())?, settings.history)?;
    let open = || -> Result<(Store, View), Failure> {
        let store = options.open(place.path())?;
        let view = store.view()?;
        evict(place.path())?;
        Ok((store, view))
    };
    let rounds = settings.rounds as u64 * 2;
    let (mut points, mut pages, mut scans) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let (store, view) = open()?;
        let position = Position(1 + mix(round) % (settings.history * 3 / 4));
        points.push(reading(|| Ok(view.at(position)?.ok_or("an event is missing")?.payload()?.len()))?);
        drop((view, store));
        let (_store, view) = open()?;
        let page = |number: u64| {
            let after = Position(mix(round) % (settings.history / 2));
            read_all(&view, &Query::tag(tag(number)), ReadOptions::new().after(after).limit(100))
        };
        // The upper part of the index comes into memory with pages of other tags.
        page(round)?;
        page(round + 1)?;
        pages.push(reading(|| page(round + 2))?);
    }
    for _ in 0..3 {
        let (_store, view) = open()?;
        scans.push(reading(|| read_all(&view, &Query::ALL, ReadOptions::new()))?);
    }
    let of = |readings: &[Reading], part: fn(&Reading) -> f64| median(readings.iter().map(part));
    let mut rows = Vec::new();
    for (names, readings, limit) in [(&NAMES[..3], &points, 4.5), (&NAMES[3..6], &pages, 110.5)] {
        rows.push(Row::alone(names[0], "pages", of(readings, |one| one.pages), Aim::Below(limit)));
        rows.push(Row::alone(names[1], "each", of(readings, |one| one.faults), Aim::None));
        rows.push(Row::alone(names[2], "us", of(readings, |one| one.seconds * 1e6), Aim::None));
    }
    let speed = settings.history as f64 / of(&scans, |one| one.seconds);
    rows.push(Row::alone(NAMES[6], "events/s", speed, Aim::None));
    rows.retain(|row| settings.wants(&row.name));
    Ok(rows)
}

fn fill(store: &Store, events: u64) -> Result<(), Failure> {
    for first in (0..events).step_by(1000) {
        let one = |number: u64| draft(Sample::new(number, 10_000)).tag(tag(mix(number)));
        let drafts: Vec<Draft> = (first..events.min(first + 1000)).map(one).collect();
        store.append_with(drafts, AppendOptions::new().buffered())?;
    }
    Ok(store.close()?)
}

/// Puts all files of a directory out of the page cache, but for what is mapped.
fn evict(directory: &Path) -> Result<(), Failure> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            evict(&entry.path())?;
        } else {
            let file = File::open(entry.path())?;
            fdatasync(&file)?;
            fadvise(&file, 0, None, Advice::DontNeed)?;
        }
    }
    Ok(())
}

fn reading(read: impl FnOnce() -> Result<usize, Failure>) -> Result<Reading, Failure> {
    let (pages, waits, start) = (read_bytes()? / PAGE_BYTES, faults()?, Instant::now());
    read()?;
    let seconds = start.elapsed().as_secs_f64();
    Ok(Reading { pages: read_bytes()? / PAGE_BYTES - pages, faults: faults()? - waits, seconds })
}

/// Returns how many bytes the process has had read from disks.
fn read_bytes() -> Result<f64, Failure> {
    let counts = std::fs::read_to_string("/proc/self/io")?;
    let line = counts.lines().find_map(|line| line.strip_prefix("read_bytes: "));
    Ok(line.ok_or("the system does not count what is read")?.parse()?)
}

/// Returns how many times the process has waited for a page of a map to be read.
fn faults() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    Ok(fields.split_whitespace().nth(9).ok_or("the system does not count faults")?.parse()?)
}
