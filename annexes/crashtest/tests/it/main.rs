//! The short part of each trial that needs neither root nor much time.
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

mod descriptors_run_out;
mod directories_cannot_be_written;
mod files_are_cut_short;
mod flipped_bits_are_caught;
mod forks_change_nothing;
mod killed_process_keeps_acknowledged;
mod limits_are_reached;
mod one_opener_wins;
mod open_files_are_bounded;
mod readers_see_a_prefix;
mod system_calls_may_fail;
mod upkeep_is_cut_off;

use std::io::Write;

use tidegate_crashtest::Outcome;
use tidegate_crashtest::child::Program;

/// The program with the worker in it.
fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_crashtest"))
}

/// Says what is not run, past the harness, which shows nothing of a test that passes.
fn not_run(why: &str) {
    let line = format!("{why}\n");
    std::io::stderr().write_all(line.as_bytes()).expect("standard error takes a line");
}

/// What a trial did; its failure is the test's.
fn done<T>(outcome: Outcome<T>) -> T {
    outcome.unwrap_or_else(|failure| panic!("{failure}"))
}
