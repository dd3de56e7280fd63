//! A process runs out of file descriptors: at its start, or in the middle of its run and for a while.

use std::path::Path;
use std::process::Command;

use rustix::process::{Resource, getrlimit};

use crate::check::check;
use crate::child::{End, Program};
use crate::failure::{Failure, Outcome, ensure};
use crate::mount::is_installed;
use crate::report::{ReportLine, WorkerReport};
use crate::worker::WorkerOptions;

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct DescriptorReport {
    /// Runs with too few descriptors from their start.
    pub runs: u64,
    /// Of these, runs that did all the same.
    pub enough: u64,
    /// Runs that had none for a while.
    pub whiles: u64,
    /// Calls that answered with an error.
    pub errors: u64,
}

/// Runs workers with 4 to `most` descriptors, and then ones that have none for a while from every `step`th line on.
pub fn descriptors(program: &Program, folder: &Path, most: u64, step: usize) -> Outcome<DescriptorReport> {
    ensure(is_installed("prlimit"), || "prlimit is not installed: apt-get install util-linux".into())?;
    let mut done = DescriptorReport::default();
    for limit in 4..=most {
        let orders = WorkerOptions::new(folder.join(format!("descriptors-{limit}")));
        let shell = ["sh", "-c", "ulimit -n $0; exec \"$@\"", &limit.to_string()].map(String::from);
        let at = |failure: Failure| failure.at(format!("with {limit} descriptors"));
        let mut report = WorkerReport::default();
        let end = program.under(shell).run(&orders, &mut report).map_err(at)?;
        if report.failed.iter().any(|error| error.contains("error while loading"))
            || orders.directory.exists()
        {
            done.runs += 1;
            done.enough += u64::from(end == End::Done);
            done.errors += report.failed.len() as u64;
            check(&orders.directory, &mut report).map_err(at)?;
        }
    }
    for line in (1..100).step_by(step) {
        let orders = WorkerOptions::new(folder.join(format!("while-{line}"))).patient();
        let at = |failure: Failure| failure.at(format!("without descriptors after line {line}"));
        for_a_while(program, &orders, line, &mut done).map_err(at)?;
    }
    Ok(done)
}

fn for_a_while(
    program: &Program,
    orders: &WorkerOptions,
    lines: usize,
    done: &mut DescriptorReport,
) -> Outcome {
    const OPEN_ALWAYS: u64 = 3;
    let usual = getrlimit(Resource::Nofile).current.unwrap_or(1024);
    let mut report = WorkerReport::default();
    let mut running = program.start(&orders.words())?;
    for _ in 0..lines {
        let Some(line) = running.hear()? else { break };
        report.note(line);
    }
    limit(running.id(), OPEN_ALWAYS)?;
    let mut failed = 0;
    while let Some(line) = running.hear()? {
        failed += usize::from(matches!(line, ReportLine::Failed(_)));
        report.note(line);
        if failed == 5 {
            limit(running.id(), usual)?;
        }
    }
    let end = running.end()?;
    ensure(end == End::Done, || format!("{end:?} with descriptors again: {:?}", report.failed))?;
    done.whiles += 1;
    done.errors += report.failed.len() as u64;
    check(&orders.directory, &mut report)?;
    Ok(())
}

/// Lets a process open no descriptor with this number or a greater one.
fn limit(process: u32, descriptors: u64) -> Outcome {
    let words = [format!("--pid={process}"), format!("--nofile={descriptors}:")];
    let done = Command::new("prlimit").args(words).output()?;
    let gone = |text: &str| text.contains("No such process");
    let text = String::from_utf8_lossy(&done.stderr);
    ensure(done.status.success() || gone(&text), || format!("prlimit: {}", text.trim()))
}
