//! Runs simulated histories from the command line: one seed again, or many for a long time.
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

use std::process::ExitCode;
use std::time::Instant;

use tidegate_sim::{Failure, Soak, Sweep, soak, sweep};

const USAGE: &str = "usage: sim soak|sweep FIRST_SEED [COUNT]
  soak   many lives of one store under random faults, one history a seed
  sweep  a crash at every call of one scenario and of every repair after it";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, other: u64| words.get(at).map_or(Some(other), |word| word.parse().ok());
    let (Some(first), Some(count)) = (number(1, 0), number(2, 1)) else { return misuse() };
    let run: fn(u64) -> Result<String, Failure> = match words.first().map(String::as_str) {
        Some("soak") => |seed| Ok(format!("{:?}", soak(&Soak { seed, ..Soak::default() })?)),
        Some("sweep") => |seed| Ok(format!("{:?}", sweep(&Sweep::of(seed))?)),
        _ => return misuse(),
    };
    let start = Instant::now();
    let mut failed = 0;
    for seed in first..first.saturating_add(count) {
        match run(seed) {
            Ok(done) if count <= 10 => println!("seed {seed}: {done}"),
            Ok(_) => {}
            Err(failure) => {
                failed += 1;
                println!("seed {seed}: {failure}");
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{count} seeds in {seconds:.1} s, {:.0} a second, {failed} failed", count as f64 / seconds);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn misuse() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(64)
}
