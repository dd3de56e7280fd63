//! Compares Tidegate with other embedded stores.
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

use tidegate_compare::{cli, engines};

fn main() -> std::process::ExitCode {
    cli::main(&engines::all())
}
