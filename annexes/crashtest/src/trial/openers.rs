//! Several processes open one store for writing at the same moment: one gets it.

use std::path::Path;

use crate::check::check;
use crate::child::{End, Program};
use crate::failure::{Failure, Outcome, ensure};
use crate::told::{Line, Told};

/// Rounds over one store; the first of them creates it.
const ROUNDS: u64 = 8;
/// Processes at a time.
const OPENERS: usize = 3;

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opened {
    /// Rounds in which one process got the store.
    pub won: u64,
    /// Processes that were told that it is locked.
    pub locked: u64,
}

/// Has processes compete for a store, so many times.
pub fn openers(program: &Program, folder: &Path, rounds: u64) -> Outcome<Opened> {
    let mut done = Opened::default();
    let mut told = Told::default();
    for round in 0..rounds {
        let directory = folder.join(format!("openers-{}", round / ROUNDS));
        let at = |failure: Failure| failure.at(format!("round {round}"));
        if round % ROUNDS == 0 {
            told = Told::default();
        }
        compete(program, &directory, &mut told, &mut done).map_err(at)?;
        if round % ROUNDS == ROUNDS - 1 || round + 1 == rounds {
            check(&directory, &mut told).map_err(at)?;
        }
    }
    Ok(done)
}

fn compete(program: &Program, directory: &Path, told: &mut Told, done: &mut Opened) -> Outcome {
    let words = ["want".to_owned(), directory.display().to_string()];
    let started = (0..OPENERS).map(|_| program.start(&words)).collect::<Outcome<Vec<_>>>()?;
    let (mut winner, mut locked) = (None, 0);
    for mut running in started {
        match running.hear()? {
            Some(Line::Opened(_)) => {
                ensure(winner.is_none(), || "two processes write to one store".into())?;
                match running.hear()? {
                    Some(line @ Line::Kept(..)) => told.note(line),
                    other => return Err(Failure(format!("the winner says {other:?}"))),
                }
                winner = Some(running);
            }
            Some(Line::Failed(error)) if error.contains("locked: ") => {
                locked += 1;
                ensure(running.end()? == End::GaveUp, || "it goes on without the store".into())?;
            }
            other => return Err(Failure(format!("an opener says {other:?}"))),
        }
    }
    let winner = winner.ok_or_else(|| Failure("nobody gets the store".into()))?;
    winner.kill_and_hear(told)?;
    done.won += 1;
    done.locked += locked;
    Ok(())
}
