//! The command line of Tidegate: a store's events in and out, and a look at the store itself.
//!
//! Reading order: `output` and `failure` (what is printed), `command` (the commands), then one file a command. Events as
//! JSON are in the crate `tidegate-json`.
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

mod escape;
mod failure;
mod pager;
mod output;
mod reader;
mod writer;
mod target;
mod keyring;
mod progress;
mod filter;
mod event_ref;
mod clock;
mod listing;
mod lines;
mod command;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::run()
}
