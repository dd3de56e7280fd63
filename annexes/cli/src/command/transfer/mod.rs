//! `export` and `import`: events out of a store and into one, as JSON Lines.

mod importer;
mod import;
mod export;

pub(super) use export::ExportArgs;
pub(super) use import::ImportArgs;
