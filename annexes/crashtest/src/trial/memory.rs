//! A process that gets no more memory ends like one that is killed.

use std::path::Path;

use crate::check::check;
use crate::child::Program;
use crate::failure::{Failure, Outcome, ensure};
use crate::mount::is_installed;
use crate::report::WorkerReport;
use crate::worker::WorkerOptions;

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryReport {
    /// Runs that created a store.
    pub runs: u64,
    /// Of these, runs that ended for want of memory.
    pub ended: u64,
    /// Acknowledged events that were looked for.
    pub acknowledged: u64,
}

/// Runs workers with a limited address space in KiB, from `least` on until one has enough.
pub fn memory(program: &Program, folder: &Path, least: u64, step: usize) -> Outcome<MemoryReport> {
    const ENOUGH: u64 = 1 << 20;
    ensure(is_installed("prlimit"), || "prlimit is not installed: apt-get install util-linux".into())?;
    let mut done = MemoryReport::default();
    for room in (least..ENOUGH).step_by(step) {
        let orders = WorkerOptions::new(folder.join(format!("memory-{room}")));
        let at = |failure: Failure| failure.at(format!("{room} KiB of memory"));
        let mut report = WorkerReport::default();
        let under = program.under(["prlimit", &format!("--as={}", room << 10)]);
        let end = under.run(&orders, &mut report);
        if !orders.directory.join("STORE").exists() {
            continue;
        }
        done.runs += 1;
        done.acknowledged += report.events.len() as u64;
        check(&orders.directory, &mut report).map_err(at)?;
        match end {
            Ok(_) => return Ok(done),
            Err(failure) if failure.0.contains("memory allocation of") => done.ended += 1,
            Err(failure) => return Err(at(failure)),
        }
    }
    Err(Failure("no run has enough memory".into()))
}
