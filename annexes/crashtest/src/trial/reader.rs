//! A reader process follows while writers roll, seal, close and are killed: it sees a prefix, in order, without gaps.
//! Others come and look meanwhile, and find nothing wrong.

use std::path::Path;

use tidegate::report::examine_in;
use tidegate::{Query, StoreReader};
use tidegate_disk::Env;

use crate::check::check;
use crate::child::{Program, Running};
use crate::dice::Dice;
use crate::failure::{Failure, Outcome, ensure};
use crate::report::{ReportLine, WorkerReport};
use crate::worker::WorkerOptions;

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct FollowerReport {
    /// Writers that came and were killed.
    pub writers: u64,
    /// Events that the reader was handed.
    pub seen: u64,
    /// How many times another reader was opened, and the doctor run, beside a writer.
    pub looks: u64,
}

/// Lets a reader follow this many writers.
pub fn reader(program: &Program, folder: &Path, seed: u64, writers: u64) -> Outcome<FollowerReport> {
    let mut dice = Dice::new(seed);
    let directory = folder.join("reader");
    let words = ["follow".to_owned(), directory.display().to_string()];
    let mut follower = program.start(&words)?.patient();
    let (mut report, mut seen, mut looks) = (WorkerReport::default(), Vec::new(), 0);
    for life in 0..writers {
        let orders = WorkerOptions { life, ..WorkerOptions::new(&directory).endless() };
        let mut writer = program.start(&orders.words())?;
        for step in 0..20 + dice.below(100) {
            // The writer of a later life recovers first, and no reader waits for it.
            if step % 8 == 0 && (life > 0 || step > 0) {
                look(&directory).map_err(|failure| failure.at(format!("beside writer {life}")))?;
                looks += 1;
            }
            let Some(line) = writer.hear()? else { break };
            report.note(line);
        }
        writer.kill_and_hear(&mut report)?;
        if life % 2 == 1 {
            check(&directory, &mut report).map_err(|failure| failure.at(format!("after writer {life}")))?;
            let head = report.events.last_key_value().map_or(0, |(position, _)| *position);
            take_in(&mut follower, head, &mut seen).map_err(|failure| failure.at(format!("after {life}")))?;
            compare(&seen, &report)?;
        }
    }
    follower.kill_and_hear(&mut WorkerReport::default())?;
    Ok(FollowerReport { writers, seen: seen.len() as u64, looks })
}

/// Opens the store for reading and reads it, and examines it.
fn look(directory: &Path) -> Outcome {
    let store = StoreReader::open(directory)?;
    if let Some(damage) = &store.report().damage {
        return Err(Failure(format!("a reader is reported of damage: {damage}")));
    }
    store.read(&Query::ALL)?.try_for_each(|event| event.map(drop))?;
    let examined = examine_in(&Env::native(directory), |_| ())?;
    let faults: Vec<String> = examined.faults.iter().map(ToString::to_string).collect();
    ensure(faults.is_empty(), || format!("the doctor reports {}", faults.join(", ")))
}

/// Hears what the reader sees, up to this position.
fn take_in(follower: &mut Running, head: u64, seen: &mut Vec<String>) -> Outcome {
    while (seen.len() as u64) < head {
        match follower.hear()? {
            Some(ReportLine::Kept(position, leaf)) => {
                ensure(position == seen.len() as u64 + 1, || {
                    format!("the reader sees {position} after {}", seen.len())
                })?;
                seen.push(leaf);
            }
            other => {
                return Err(Failure(format!(
                    "the reader says {other:?}, and {} is not seen",
                    seen.len() + 1
                )));
            }
        }
    }
    Ok(())
}

fn compare(seen: &[String], report: &WorkerReport) -> Outcome {
    let differs = seen.iter().zip(report.events.values()).position(|(seen, (leaf, _))| seen != leaf);
    ensure(differs.is_none(), || format!("the reader saw another event at {differs:?}"))
}
