//! `export`, `import` and `import-batpak`: events out of a store and into one.

mod waiting;
mod pending;
mod refusals;
mod importer;
mod from_store;
mod import;
mod export;
mod batpak;

pub(super) use batpak::ImportBatpakArgs;
pub(super) use export::ExportArgs;
pub(super) use import::ImportArgs;
