//! A reader process follows while writers roll, seal, close and are killed: it sees a prefix, in order, without gaps.

use std::path::Path;

use crate::check::check;
use crate::child::{Program, Running};
use crate::dice::Dice;
use crate::failure::{Failure, Outcome, ensure};
use crate::told::{Line, Told};
use crate::worker::Orders;

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Followed {
    /// Writers that came and were killed.
    pub writers: u64,
    /// Events that the reader was handed.
    pub seen: u64,
}

/// Lets a reader follow so many writers.
pub fn reader(program: &Program, folder: &Path, seed: u64, writers: u64) -> Outcome<Followed> {
    let mut dice = Dice::new(seed);
    let directory = folder.join("reader");
    let words = ["follow".to_owned(), directory.display().to_string()];
    let mut follower = program.start(&words)?.patient();
    let (mut told, mut seen) = (Told::default(), Vec::new());
    for life in 0..writers {
        let orders = Orders { life, ..Orders::new(&directory).endless() };
        let mut writer = program.start(&orders.words())?;
        for _ in 0..20 + dice.below(100) {
            let Some(line) = writer.hear()? else { break };
            told.note(line);
        }
        writer.kill_and_hear(&mut told)?;
        if life % 2 == 1 {
            check(&directory, &mut told).map_err(|failure| failure.at(format!("after writer {life}")))?;
            let head = told.events.last_key_value().map_or(0, |(position, _)| *position);
            take_in(&mut follower, head, &mut seen).map_err(|failure| failure.at(format!("after {life}")))?;
            compare(&seen, &told)?;
        }
    }
    follower.kill_and_hear(&mut Told::default())?;
    Ok(Followed { writers, seen: seen.len() as u64 })
}

/// Hears what the reader sees, up to this position.
fn take_in(follower: &mut Running, head: u64, seen: &mut Vec<String>) -> Outcome {
    while (seen.len() as u64) < head {
        match follower.hear()? {
            Some(Line::Kept(position, leaf)) => {
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

fn compare(seen: &[String], told: &Told) -> Outcome {
    let differs = seen.iter().zip(told.events.values()).position(|(seen, (leaf, _))| seen != leaf);
    ensure(differs.is_none(), || format!("the reader saw another event at {differs:?}"))
}
