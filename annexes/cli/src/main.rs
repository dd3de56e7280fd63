//! The command line of Tidegate: a store's events in and out, and a look at the store itself.
//!
//! Reading order: `event` (an event as JSON, both ways), `command` (what can be asked for), then one file a
//! command.
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

mod escape;
mod failure;
mod output;
mod reader;
mod writer;
mod target;
mod progress;
mod message_pack;
mod payload;
mod event;
mod filter;
mod event_ref;
mod listing;
mod lines;
mod command;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::run()
}
