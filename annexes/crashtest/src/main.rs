//! Runs workers and trials from the command line.
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use tidegate_crashtest::child::Program;
use tidegate_crashtest::follower;
use tidegate_crashtest::forked::forked;
use tidegate_crashtest::keeper::keep;
use tidegate_crashtest::mount::{KINDS, is_installed};
use tidegate_crashtest::trial::inject::{Extent, inject};
use tidegate_crashtest::trial::power::power;
use tidegate_crashtest::trial::{
    descriptors, flips, fork, full, kill, memory, open_files, openers, reader, readonly, truncate, upkeep,
};
use tidegate_crashtest::worker::{WorkerOptions, work};
use tidegate_crashtest::{Outcome, ensure};

const USAGE: &str = "usage: crashtest COMMAND [NUMBER [SEED]]
  kill [CYCLES]      workers are killed outright, over and over
  upkeep [CYCLES]    a process that erases, stages, backs up and ships is killed, over and over
  inject [CALL]      every system call on the store fails once in every way, or the process is killed at it
  power [CUTS]       the power of file systems is cut, CUTS times each; needs root
  full [STEP]        disks of any fill level, and files that may not grow; takes root
  readonly           directories that cannot be written to
  descriptors        a process has no file descriptors left
  open-files         a store has more segments than a process may have maps or descriptors
  memory [STEP]      a process gets no more memory
  openers [ROUNDS]   several processes want to write
  fork               a process forks while it has a store open
  reader [WRITERS]   a reader follows writers that are killed
  truncate           files are cut short under readers
  flips [BITS]       single bits flip at rest, in every kind of file";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = words.split_first() else { return misuse() };
    if let Some(code) = be_child(command, rest) {
        return ExitCode::from(code);
    }
    let start = Instant::now();
    match run(command, rest) {
        Ok(Some(done)) => {
            println!("{command}: {done} in {:.0} s", start.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Ok(None) => misuse(),
        Err(failure) => {
            println!("{command}: FAILED: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn misuse() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(64)
}

/// Does what a trial started this program for, if one did.
fn be_child(command: &str, words: &[String]) -> Option<u8> {
    match (command, words) {
        ("worker", _) => Some(work(WorkerOptions::read(words)?)),
        ("keep", [directory, life]) => Some(keep(Path::new(directory), life.parse().ok()?)),
        ("follow", [directory]) => Some(follower::follow(Path::new(directory))),
        ("look", [directory, map]) => Some(follower::look(Path::new(directory), map == "true")),
        ("forked", [directory, thread, call]) => Some(forked(Path::new(directory), thread == "true", call)),
        ("ask", [directory, map, writes]) => {
            Some(follower::ask(Path::new(directory), map == "true", writes == "true"))
        }
        ("want", [directory]) => Some(follower::want(Path::new(directory))),
        _ => None,
    }
}

fn run(command: &str, words: &[String]) -> Outcome<Option<String>> {
    let program = Program::new(std::env::current_exe()?);
    let number = |at: usize, other: u64| words.get(at).map_or(Ok(other), |word| word.parse::<u64>());
    let folder = tempfile::tempdir()?;
    let folder = folder.path();
    Ok(Some(match command {
        "kill" => format!("{:?}", kill::kill(&program, folder, number(1, 1)?, number(0, 100)?)?),
        "upkeep" => format!("{:?}", upkeep::upkeep(&program, folder, number(1, 1)?, number(0, 100)?)?),
        "inject" => {
            let extent = Extent { every: 1, acts: 96 };
            let done = inject(&program, folder, extent, words.first().map(String::as_str))?;
            println!("{done}");
            format!("{} runs", done.runs())
        }
        "power" => format!("{} cuts", cut_all(&program, folder, number(1, 1)?, number(0, 100)?)?),
        "full" => {
            let step = number(0, 2)? as usize;
            println!("tmpfs: {:?}", full::full(&program, folder, true, 240, step)?);
            println!("ext4: {:?}", full::full(&program, folder, false, 240, step)?);
            format!("limited files: {:?}", full::limited(&program, folder, 7_000, 16 * step)?)
        }
        "readonly" => readonly::readonly(&program, folder)?.join(", "),
        "descriptors" => format!("{:?}", descriptors::descriptors(&program, folder, 40, 1)?),
        "open-files" => {
            let seen = open_files::open_files(&program, folder, 400, Some(64), true)?;
            format!("{} events", seen + open_files::open_files(&program, folder, 40_000, None, false)?)
        }
        "memory" => format!("{:?}", memory::memory(&program, folder, 1_000, number(0, 16)? as usize)?),
        "openers" => format!("{:?}", openers::openers(&program, folder, number(0, 200)?)?),
        "fork" => format!("{} forks", fork::fork(&program, folder)?),
        "reader" => format!("{:?}", reader::reader(&program, folder, number(1, 1)?, number(0, 100)?)?),
        "truncate" => format!("{:?}", truncate::truncate(&program, folder)?),
        "flips" => {
            let done = flips::flips(number(1, 1)?, number(0, 120_000)?)?;
            println!("{done}");
            format!("{} bits flipped", done.flips())
        }
        _ => return Ok(None),
    }))
}

fn cut_all(program: &Program, folder: &Path, seed: u64, cycles: u64) -> Outcome<u64> {
    ensure(is_installed("xfs_io"), || "xfs_io is not installed: apt-get install xfsprogs".into())?;
    let mut cuts = 0;
    for kind in KINDS {
        if !is_installed(&format!("mkfs.{}", kind.name)) {
            println!("mkfs.{} is not installed: {kind} is not run", kind.name);
            continue;
        }
        let done = power(program, folder, kind, seed, cycles)?;
        println!("{kind}: {done:?}");
        cuts += done.shutdowns + done.snapshots;
    }
    Ok(cuts)
}
