#![no_main]
#![allow(dead_code, reason = "the program's files, of which its parsers are called")]

#[path = "allocations.rs"]
mod allocations;

#[path = "../../crates/cli/src/shown.rs"]
mod shown;
#[path = "../../crates/cli/src/failure.rs"]
mod failure;
#[path = "../../crates/cli/src/output.rs"]
mod output;
#[path = "../../crates/cli/src/reader.rs"]
mod reader;
#[path = "../../crates/cli/src/writer.rs"]
mod writer;
#[path = "../../crates/cli/src/target.rs"]
mod target;
#[path = "../../crates/cli/src/progress.rs"]
mod progress;
#[path = "../../crates/cli/src/message_pack.rs"]
mod message_pack;
#[path = "../../crates/cli/src/payload.rs"]
mod payload;
#[path = "../../crates/cli/src/event/mod.rs"]
mod event;
#[path = "../../crates/cli/src/filter.rs"]
mod filter;
#[path = "../../crates/cli/src/named.rs"]
mod named;
#[path = "../../crates/cli/src/listing.rs"]
mod listing;
#[path = "../../crates/cli/src/lines.rs"]
mod lines;
#[path = "../../crates/cli/src/command/mod.rs"]
mod command;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| command::one(bytes));
