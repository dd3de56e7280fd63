//! Power cuts: a file system ends at any moment without flushing anything, and repairs itself from its journal.
//!
//! Only what was reported before the cut counts.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::check::check;
use crate::child::{Program, Running};
use crate::dice::Dice;
use crate::failure::{Failure, Outcome};
use crate::mount::{Kind, Mount};
use crate::report::WorkerReport;
use crate::worker::WorkerOptions;

/// Cuts over one store before the next store is begun.
const LIVES: u64 = 12;

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct PowerReport {
    /// Cuts by shutting the file system down.
    pub shutdowns: u64,
    /// Cuts by going back to what was on the device.
    pub snapshots: u64,
    /// How many times the store was checked: a quarter of the cuts are followed by another before a check.
    pub checks: u64,
    /// Acknowledged events that were looked for.
    pub acknowledged: u64,
    /// Acknowledged events that were not durable, as was reported, and may be gone.
    pub not_durable: u64,
    /// Cuts that left a torn tail.
    pub torn: u64,
}

/// Cuts the power of a file system of this kind this many times.
pub fn power(program: &Program, folder: &Path, kind: Kind, seed: u64, cycles: u64) -> Outcome<PowerReport> {
    let mut dice = Dice::new(seed);
    let mut done = PowerReport::default();
    let mut report = WorkerReport::default();
    let mut mount = Mount::image(folder, kind)?;
    for cycle in 0..cycles {
        if cycle % LIVES == 0 {
            report = WorkerReport::default();
            std::fs::remove_dir_all(mount.point.join("store")).ok();
        }
        let directory = mount.point.join("store");
        let orders = WorkerOptions { life: cycle % LIVES, ..WorkerOptions::new(&directory).endless() };
        let at = |failure: Failure| failure.at(format!("{kind}, seed {seed}, cycle {cycle}"));
        cut_once(program, &orders, &mut mount, &mut dice, &mut report, &mut done).map_err(at)?;
        let all = report.events.len() as u64;
        report.cut_power();
        done.not_durable += all - report.events.len() as u64;
        if dice.below(4) == 0 && cycle + 1 < cycles && (cycle + 1) % LIVES != 0 {
            continue;
        }
        done.acknowledged += report.events.len() as u64;
        let found = check(&directory, &mut report).map_err(at)?;
        done.checks += 1;
        done.torn += u64::from(found.dropped_bytes > 0);
    }
    mount.unmount()?;
    Ok(done)
}

fn cut_once(
    program: &Program,
    orders: &WorkerOptions,
    mount: &mut Mount,
    dice: &mut Dice,
    report: &mut WorkerReport,
    done: &mut PowerReport,
) -> Outcome {
    let mut running = program.start(&orders.words())?;
    for _ in 0..dice.below(150) {
        let Some(line) = running.hear()? else { break };
        report.note(line);
    }
    let late = Instant::now() + Duration::from_micros(dice.below(10_000));
    while Instant::now() < late {
        let Some(line) = running.hear_within(Duration::from_micros(200))?.flatten() else { continue };
        report.note(line);
    }
    let failed = report.failed.len();
    if mount.shuts_down() && dice.below(4) > 0 {
        mount.shut_down()?;
        done.shutdowns += 1;
        // What it says from now on may be about what it could no longer keep.
        running.kill_and_hear(&mut WorkerReport::default())?;
        mount.unmount()?;
    } else {
        stop(&running)?;
        while let Some(line) = running.hear_within(Duration::from_millis(2))?.flatten() {
            report.note(line);
        }
        let snapshot = mount.snapshot()?;
        done.snapshots += 1;
        running.kill_and_hear(&mut WorkerReport::default())?;
        mount.unmount()?;
        mount.put_back(&snapshot)?;
    }
    mount.mount()?;
    report.closed = false;
    match report.failed.get(failed) {
        None => Ok(()),
        Some(error) => Err(Failure(format!("before the cut: {error}"))),
    }
}

/// Stops a process where it is.
fn stop(running: &Running) -> Outcome {
    let id = i32::try_from(running.id()).ok().and_then(Pid::from_raw);
    let id = id.ok_or_else(|| Failure("a process has no id".into()))?;
    Ok(kill_process(id, Signal::STOP)?)
}
