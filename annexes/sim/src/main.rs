//! Runs simulated histories from the command line: one seed again, or many for a long time.
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

use std::process::ExitCode;
use std::time::Instant;

use tidegate_sim::{Failure, Soak, SoakReport, Sweep, SweepReport, soak, sweep};

const USAGE: &str = "usage: sim soak|upkeep|long|appenders|sweep|crowd FIRST_SEED [COUNT]
  soak       few lives of one store under random faults, one short history a seed
  upkeep     the same, with erasures, stages, backups, shipments and restores
  long       many lives, long histories
  appenders  those who append, alone
  sweep      a crash at every call of one scenario and of every repair after it
  crowd      the same with all actors";

/// How seeds are run, and what they went through together.
#[derive(Default)]
struct Run {
    soaked: SoakReport,
    swept: SweepReport,
}

impl Run {
    fn one(&mut self, what: &str, seed: u64) -> Option<Result<String, Failure>> {
        let settings = match what {
            "soak" => Soak::of(seed),
            "upkeep" => Soak::upkeep(seed),
            "long" => Soak::long(seed),
            "appenders" => Soak::appenders(seed),
            "sweep" => return Some(self.sweep(&Sweep::of(seed))),
            "crowd" => return Some(self.sweep(&Sweep { company: true, ..Sweep::of(seed) })),
            _ => return None,
        };
        Some(soak(&settings).map(|soaked| {
            self.soaked += soaked;
            format!("trace {:016x}, {soaked:?}", soaked.trace)
        }))
    }

    fn sweep(&mut self, settings: &Sweep) -> Result<String, Failure> {
        let swept = sweep(settings)?;
        self.swept.crash_points += swept.crash_points;
        self.swept.openings += swept.openings;
        self.swept.events += swept.events;
        Ok(format!("{swept:?}"))
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, other: u64| words.get(at).map_or(Some(other), |word| word.parse().ok());
    let (Some(what), Some(first), Some(count)) = (words.first(), number(1, 0), number(2, 1)) else {
        return misuse();
    };
    let start = Instant::now();
    let (mut run, mut failed) = (Run::default(), 0);
    for seed in first..first.saturating_add(count) {
        match run.one(what, seed) {
            None => return misuse(),
            Some(Ok(done)) if count <= 10 => println!("seed {seed}: {done}"),
            Some(Ok(_)) => {}
            Some(Err(failure)) => {
                failed += 1;
                println!("seed {seed}: {failure}");
                println!("again: cargo run -p tidegate-sim -- {what} {seed}");
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{:?}", run.soaked);
    println!("{:?}", run.swept);
    println!("{count} seeds in {seconds:.1} s, {:.0} a second, {failed} failed", count as f64 / seconds);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn misuse() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(64)
}
