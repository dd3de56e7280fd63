#![no_main]
#![allow(dead_code, reason = "the program's files, of which its parsers are called")]

#[path = "allocations.rs"]
mod allocations;

#[path = "../../annexes/cli/src/escape.rs"]
mod escape;
#[path = "../../annexes/cli/src/failure.rs"]
mod failure;
#[path = "../../annexes/cli/src/pager.rs"]
mod pager;
#[path = "../../annexes/cli/src/output.rs"]
mod output;
#[path = "../../annexes/cli/src/reader.rs"]
mod reader;
#[path = "../../annexes/cli/src/writer.rs"]
mod writer;
#[path = "../../annexes/cli/src/target.rs"]
mod target;
#[path = "../../annexes/cli/src/keyring.rs"]
mod keyring;
#[path = "../../annexes/cli/src/progress.rs"]
mod progress;
#[path = "../../annexes/cli/src/filter/mod.rs"]
mod filter;
#[path = "../../annexes/cli/src/event_ref.rs"]
mod event_ref;
#[path = "../../annexes/cli/src/clock.rs"]
mod clock;
#[path = "../../annexes/cli/src/listing.rs"]
mod listing;
#[path = "../../annexes/cli/src/lines.rs"]
mod lines;
#[path = "../../annexes/cli/src/command/mod.rs"]
mod command;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| command::one(bytes));
