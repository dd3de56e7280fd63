//! Rows of opening after a kill, and of closing then: the files of an open store are copied, which is what a process that was
//! killed leaves.

use std::path::Path;
use std::time::Duration;

use tidegate::{AppendOptions, Draft, Store};

use crate::Failure;
use crate::history::tag;
use crate::log::draft;
use crate::row::{Aim, Row, median, seconds};
use crate::sample::{Sample, mix};
use crate::settings::Settings;

/// Events of the active segment.
const EVENTS: u64 = 100_000;
/// The last of them, of which nothing says that they are durable.
const UNSYNCED: u64 = 1000;
/// Events of the store that is closed.
const CLOSED_EVENTS: u64 = 300_000;

/// Returns the rows that are asked for.
pub(crate) fn rows(settings: &Settings, place: &Path) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let scale = if settings.quick { 10 } else { 1 };
    for tags in [0, 10] {
        let name = format!("open after a kill, {} events, {tags} tags", EVENTS / scale);
        let closing = format!("close after that, {tags} tags");
        if ![&name, &closing].iter().any(|name| settings.wants(name)) {
            continue;
        }
        eprintln!("{name}");
        let place = tempfile::tempdir_in(place)?;
        let store = Store::open(place.path().join("open"))?;
        append(&store, EVENTS / scale, tags)?;
        store.wait_durable(store.frontier().written, Duration::from_secs(60))?;
        append(&store, UNSYNCED, tags)?;
        let (mut opened, mut closed) = (Vec::new(), Vec::new());
        for round in 0..3 {
            let copy = place.path().join(format!("copy-{round}"));
            copy_files(&place.path().join("open"), &copy)?;
            let (time, again) = seconds(|| Store::open(&copy));
            opened.push(time * 1e3);
            let again = again?;
            let (time, done) = seconds(|| again.close());
            done?;
            closed.push(time * 1e3);
        }
        let (limit, closing_limit) = if tags == 0 { (20.0, 6.0) } else { (80.0, 24.0) };
        rows.push(Row::alone(&name, "ms", median(opened.into_iter()), Aim::Below(limit)));
        rows.push(Row::alone(&closing, "ms", median(closed.into_iter()), Aim::Below(closing_limit)));
        store.close()?;
    }
    let name = format!("close, {} events, 10 tags", CLOSED_EVENTS / scale);
    if settings.wants(&name) {
        eprintln!("{name}");
        let place = tempfile::tempdir_in(place)?;
        let store = Store::open(place.path())?;
        append(&store, CLOSED_EVENTS / scale, 10)?;
        let (time, done) = seconds(|| store.close());
        done?;
        rows.push(Row::alone(&name, "ms", time * 1e3, Aim::Below(350.0)));
    }
    rows.retain(|row| settings.wants(&row.name));
    Ok(rows)
}

fn append(store: &Store, events: u64, tags: u64) -> Result<(), Failure> {
    for first in (0..events).step_by(1000) {
        let one = |number: u64| {
            let draft = draft(Sample::new(number, 10_000));
            (0..tags).fold(draft, |draft, salt| draft.tag(tag(mix(number * 10 + salt))))
        };
        let drafts: Vec<Draft> = (first..events.min(first + 1000)).map(one).collect();
        store.append_with(drafts, AppendOptions::new().buffered())?;
    }
    Ok(())
}

fn copy_files(from: &Path, to: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_files(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
