//! `export` and `import`: events out of a store and into one, as JSON Lines.

mod header;
mod importer;
mod import;
mod export;

pub(super) use export::ExportArgs;
#[cfg(any(test, fuzzing))]
pub(super) use header::Header;
pub(super) use import::ImportArgs;
