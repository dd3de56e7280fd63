//! The short part of each trial that needs neither root nor much time.
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

mod killed_process_keeps_acknowledged;
mod system_calls_may_fail;

use tidegate_ordeal::child::Program;

/// The program with the worker in it.
fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_ordeal"))
}
