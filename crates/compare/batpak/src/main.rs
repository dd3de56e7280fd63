//! batpak's part of the comparison.
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

#[macro_use]
mod engine;

engine!(old, batpak_0_8, "batpak 0.8.0");
engine!(new, batpak_0_10, "batpak 0.10.0");

fn main() -> std::process::ExitCode {
    tidegate_compare::cli::main(&[old::entry(), new::entry()])
}
