//! Full disks: a tiny file system, filled up to some level, or a limit on the length of files.
//!
//! Here writes are short for real: the system takes what fits, and the rest is refused.

use std::path::Path;

use crate::check::{check, look_only};
use crate::child::{End, Program};
use crate::failure::{Failure, Outcome, ensure};
use crate::mount::{self, Mount};
use crate::report::{ReportLine, WorkerReport};
use crate::worker::WorkerOptions;

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct FullDiskReport {
    /// Runs on a disk that had room again after a while.
    pub room_made: u64,
    /// Of these, runs that acknowledged more afterwards.
    pub went_on: u64,
    /// Runs on a disk that stayed full.
    pub stayed_full: u64,
    /// Of all runs, those in which the disk did get full.
    pub got_full: u64,
    /// Calls that answered with an error.
    pub errors: u64,
    /// Acknowledged events that were looked for.
    pub acknowledged: u64,
}

/// Runs workers on a file system of this sort with every `step`th KiB of room from 4 up to `most`.
pub fn full(
    program: &Program,
    folder: &Path,
    in_memory: bool,
    most: u64,
    step: usize,
) -> Outcome<FullDiskReport> {
    let mut done = FullDiskReport::default();
    for room in (4..most).step_by(step) {
        for make_room in [true, false] {
            let mount =
                if in_memory { Mount::memory(folder, 2 << 20)? } else { Mount::image(folder, mount::SMALL)? };
            let at = |failure: Failure| failure.at(format!("{room} KiB of room, made more: {make_room}"));
            run_full(program, &mount, room, make_room, &mut done).map_err(at)?;
        }
    }
    Ok(done)
}

fn run_full(
    program: &Program,
    mount: &Mount,
    room: u64,
    make_room: bool,
    done: &mut FullDiskReport,
) -> Outcome {
    const ERRORS_ENOUGH: usize = 6;
    let filler = mount.point.join("filler");
    fill(&filler, &mount.point, room)?;
    let orders = WorkerOptions::new(mount.point.join("store"));
    let orders = if make_room { orders.patient() } else { orders };
    let mut report = WorkerReport::default();
    let mut before = None;
    let mut running = program.start(&orders.words())?;
    while let Some(line) = running.hear()? {
        let failed = matches!(line, ReportLine::Failed(_));
        report.note(line);
        if make_room && failed && report.failed.len() == ERRORS_ENOUGH {
            std::fs::remove_file(&filler)?;
            before = Some(report.events.len());
        }
    }
    let end = running.end()?;
    let odd = report.failed.iter().find(|error| !is_about_room(error));
    ensure(odd.is_none(), || format!("an error that is not about room: {odd:?}"))?;
    if make_room {
        ensure(end == End::Done, || format!("{end:?} with room again: {:?}", report.failed))?;
        done.room_made += 1;
        done.went_on += u64::from(before.is_some_and(|before| report.events.len() > before));
    } else {
        done.stayed_full += 1;
    }
    done.got_full += u64::from(!report.failed.is_empty());
    done.errors += report.failed.len() as u64;
    done.acknowledged += report.events.len() as u64;
    // Reading takes no room. If there was none for the watermark either, a reader sees less, and nothing else.
    for event in look_only(&orders.directory, &report)? {
        let report = report.events.get(&event.position().0).map(|(leaf, _)| leaf);
        let same = report.is_none_or(|report| *report == event.leaf().to_string());
        ensure(same, || format!("a reader of the full disk sees another event at {}", event.position()))?;
    }
    if filler.exists() {
        std::fs::remove_file(&filler)?;
    }
    check(&orders.directory, &mut report)?;
    Ok(())
}

/// Fills the disk except for this many KiB.
fn fill(filler: &Path, point: &Path, room: u64) -> Outcome {
    let stat = rustix::fs::statvfs(point)?;
    let free = stat.f_bavail * stat.f_frsize;
    std::fs::write(filler, vec![1; free.saturating_sub(room << 10) as usize])?;
    Ok(())
}

fn is_about_room(error: &str) -> bool {
    // A folder that cannot be created for want of room is reported by the system in words of its own.
    ["full: ", "writer ended: ", "No space left"].iter().any(|words| error.contains(words))
}

/// Runs workers that may not make files longer than this, for every `step`th byte up to `most`.
pub fn limited(program: &Program, folder: &Path, most: u64, step: usize) -> Outcome<FullDiskReport> {
    let mut done = FullDiskReport::default();
    for bytes in (1..most).step_by(step) {
        let orders = WorkerOptions::new(folder.join(format!("limited-{bytes}")));
        let at = |failure: Failure| failure.at(format!("files of {bytes} bytes at most"));
        let limit = format!("--fsize={bytes}");
        let under = program.under(["env", "--ignore-signal=XFSZ", "prlimit", &limit]);
        let mut report = WorkerReport::default();
        under.run(&orders, &mut report).map_err(at)?;
        done.stayed_full += 1;
        done.got_full += u64::from(!report.failed.is_empty());
        done.errors += report.failed.len() as u64;
        done.acknowledged += report.events.len() as u64;
        check(&orders.directory, &mut report).map_err(at)?;
        std::fs::remove_dir_all(&orders.directory)?;
    }
    Ok(done)
}
