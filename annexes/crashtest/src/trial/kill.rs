//! Processes killed with SIGKILL at random moments, over and over.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::check::check;
use crate::child::{End, Program};
use crate::dice::Dice;
use crate::failure::{Failure, Outcome, ensure};
use crate::report::WorkerReport;
use crate::worker::WorkerOptions;

/// Kills over one store before the next store is begun, so that checking stays quick.
const LIVES: u64 = 40;

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct KillReport {
    /// Processes that were killed.
    pub kills: u64,
    /// How many times the store was checked: a third of the workers are killed again before a check.
    pub checks: u64,
    /// Acknowledged events that were looked for.
    pub acknowledged: u64,
    /// Events found that no worker had reported.
    pub untold: u64,
    /// Kills that left a torn tail.
    pub torn: u64,
}

/// Kills this many workers, in a directory of its own.
pub fn kill(program: &Program, folder: &Path, seed: u64, cycles: u64) -> Outcome<KillReport> {
    let mut dice = Dice::new(seed);
    let mut done = KillReport::default();
    let mut report = WorkerReport::default();
    for cycle in 0..cycles {
        let directory = folder.join(format!("kill-{}", cycle / LIVES));
        if cycle % LIVES == 0 {
            report = WorkerReport::default();
            let before = folder.join(format!("kill-{}", (cycle / LIVES).wrapping_sub(1)));
            let _ = std::fs::remove_dir_all(before);
        }
        let orders = WorkerOptions { life: cycle % LIVES, ..WorkerOptions::new(&directory).endless() };
        let at =
            |failure: Failure| failure.at(format!("seed {seed}, cycle {cycle}, {}", directory.display()));
        kill_once(program, &orders, &mut dice, &mut report).map_err(at)?;
        done.kills += 1;
        if dice.below(3) == 0 && cycle + 1 < cycles && (cycle + 1) % LIVES != 0 {
            // The next worker finds the store as this one left it.
            continue;
        }
        done.acknowledged += report.events.len() as u64;
        let found = check(&directory, &mut report).map_err(at)?;
        done.checks += 1;
        done.untold += found.untold;
        done.torn += u64::from(found.dropped_bytes > 0);
    }
    Ok(done)
}

/// Kills a worker after this many lines and a short random time.
fn kill_once(
    program: &Program,
    orders: &WorkerOptions,
    dice: &mut Dice,
    report: &mut WorkerReport,
) -> Outcome {
    let mut running = program.start(&orders.words())?;
    let lines = dice.below(120);
    for _ in 0..lines {
        let Some(line) = running.hear()? else { break };
        report.note(line);
    }
    let moment = Duration::from_micros(dice.below(3_000));
    let late = Instant::now() + moment;
    while Instant::now() < late {
        let Some(line) = running.hear_within(Duration::from_micros(200))?.flatten() else { continue };
        report.note(line);
    }
    let end = running.kill_and_hear(report)?;
    ensure(end == End::Killed, || format!("the worker ended by itself: {end:?}, {:?}", report.failed))?;
    ensure(report.failed.is_empty(), || format!("calls failed: {:?}", report.failed))
}
