//! `export` and `import`: events out of a store and into one, as JSON Lines.

mod header;
mod intake;
mod import;
mod export;

pub(super) use export::Export;
#[cfg(any(test, fuzzing))]
pub(super) use header::Header;
pub(super) use import::Import;
