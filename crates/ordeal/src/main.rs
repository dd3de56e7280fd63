//! Runs workers and trials from the command line.
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use tidegate_ordeal::child::Program;
use tidegate_ordeal::trial::inject::{Extent, inject};
use tidegate_ordeal::worker::{Orders, work};
use tidegate_ordeal::{Outcome, trial};

const USAGE: &str = "usage: ordeal COMMAND [NUMBER]
  kill [CYCLES]      workers are killed outright, over and over
  inject [CALL]      every system call on the store fails once in every way, and is killed at once";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.split_first() {
        Some((word, rest)) if word == "worker" => match Orders::read(rest) {
            Some(orders) => ExitCode::from(work(orders)),
            None => misuse(),
        },
        Some((word, rest)) => {
            let start = Instant::now();
            let done = match run(word, rest) {
                Ok(Some(done)) => done,
                Ok(None) => return misuse(),
                Err(failure) => {
                    println!("{word}: FAILED: {failure}");
                    return ExitCode::FAILURE;
                }
            };
            println!("{word}: {done} in {:.0} s", start.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        None => misuse(),
    }
}

fn misuse() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(64)
}

fn run(command: &str, words: &[String]) -> Outcome<Option<String>> {
    let program = Program::new(std::env::current_exe()?);
    let number = |at: usize, other: u64| words.get(at).map_or(Ok(other), |word| word.parse::<u64>());
    let folder = tempfile::tempdir()?;
    let folder: &Path = folder.path();
    Ok(Some(match command {
        "kill" => format!("{:?}", trial::kill::kill(&program, folder, number(1, 1)?, number(0, 100)?)?),
        "inject" => {
            let extent = Extent { every: 1, acts: 96 };
            let done = inject(&program, folder, extent, words.first().map(String::as_str))?;
            println!("{done}");
            format!("{} runs", done.runs())
        }
        _ => return Ok(None),
    }))
}
