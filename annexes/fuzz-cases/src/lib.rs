//! Hostile bytes for everything that reads bytes: what a fuzzer calls with each of its inputs.
//!
//! Each target takes any bytes, hands them to the store as a file, or as edits to files, and looks at everything
//! through the store's public calls. It panics if the store does, if something wrong is shown without an error,
//! and if what verifies is not what can be read. Decoders that are private are reached through a disk in memory.
//! If a checksum guards a file, a bit of the first byte says whether the checksums are made right, so that what lies
//! behind them is reached too.
//!
//! Reading order: `checksums` (making them right), `sample` (a sample store and everything that can be asked of it), then
//! a file a target: `log`, `derived`, `text`, `stores`, `proof`, `batpak`, `upkeep`; and `inputs`, what a fuzzer starts from.
mod checksums;
mod sample;

pub mod log;

pub mod derived;
pub mod text;

pub mod stores;

pub mod proof;

pub mod batpak;

pub mod upkeep;

mod inputs;

pub use inputs::inputs;

/// A target: what is called with each input.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: [(&str, Target); 7] = [
    ("log", log::one),
    ("derived", derived::one),
    ("text", text::one),
    ("stores", stores::one),
    ("proof", proof::one),
    ("batpak", batpak::one),
    ("upkeep", upkeep::one),
];
