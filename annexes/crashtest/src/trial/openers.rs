//! Several processes open one store for writing at the same moment: one gets it.

use std::path::Path;

use crate::check::check;
use crate::child::{End, Program};
use crate::failure::{Failure, Outcome, ensure};
use crate::report::{ReportLine, WorkerReport};

/// Rounds over one store; the first of them creates it.
const ROUNDS: u64 = 8;
/// Processes at a time.
const OPENERS: usize = 3;

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenersReport {
    /// Rounds in which one process got the store.
    pub won: u64,
    /// Processes that were reported that it is locked.
    pub locked: u64,
}

/// Has processes compete for a store, this many times.
pub fn openers(program: &Program, folder: &Path, rounds: u64) -> Outcome<OpenersReport> {
    let mut done = OpenersReport::default();
    let mut report = WorkerReport::default();
    for round in 0..rounds {
        let directory = folder.join(format!("openers-{}", round / ROUNDS));
        let at = |failure: Failure| failure.at(format!("round {round}"));
        if round % ROUNDS == 0 {
            report = WorkerReport::default();
        }
        compete(program, &directory, &mut report, &mut done).map_err(at)?;
        if round % ROUNDS == ROUNDS - 1 || round + 1 == rounds {
            check(&directory, &mut report).map_err(at)?;
        }
    }
    Ok(done)
}

fn compete(
    program: &Program,
    directory: &Path,
    report: &mut WorkerReport,
    done: &mut OpenersReport,
) -> Outcome {
    let words = ["want".to_owned(), directory.display().to_string()];
    let started = (0..OPENERS).map(|_| program.start(&words)).collect::<Outcome<Vec<_>>>()?;
    let (mut winner, mut locked) = (None, 0);
    for mut running in started {
        match running.hear()? {
            Some(ReportLine::Opened(_)) => {
                ensure(winner.is_none(), || "two processes write to one store".into())?;
                match running.hear()? {
                    Some(line @ ReportLine::Kept(..)) => report.note(line),
                    other => return Err(Failure(format!("the winner says {other:?}"))),
                }
                winner = Some(running);
            }
            Some(ReportLine::Failed(error)) if error.contains("locked: ") => {
                locked += 1;
                ensure(running.end()? == End::GaveUp, || "it goes on without the store".into())?;
            }
            other => return Err(Failure(format!("an opener says {other:?}"))),
        }
    }
    let winner = winner.ok_or_else(|| Failure("no process gets the store".into()))?;
    winner.kill_and_hear(report)?;
    done.won += 1;
    done.locked += locked;
    Ok(())
}
