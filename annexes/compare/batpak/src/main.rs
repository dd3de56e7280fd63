//! batpak's part of the comparison.
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

#[macro_use]
mod engine;

engine!(old, batpak_0_8, "batpak 0.8.0", {});
engine!(new, batpak_0_10, "batpak 0.10.0", {
    // It projects nothing that does not say how large its state grows.
    const STATE_CONTRACT: batpak_0_10::event::ProjectionStateContract =
        batpak_0_10::event::ProjectionStateContract::single_entity("stream");

    fn state_extent(&self) -> batpak_0_10::event::StateExtent {
        batpak_0_10::event::StateExtent::single_entity()
    }
});

fn main() -> std::process::ExitCode {
    tidegate_compare::cli::main(&[old::entry(), new::entry()])
}
