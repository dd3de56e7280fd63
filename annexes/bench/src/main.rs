//! Measures the store beside a bare append log, in the same run on the same disk.
//!
//! Every row that compares does so in rounds that alternate between the two, and reports the medians and
//! their ratio: speeds differ from machine to machine and from minute to minute, ratios within a run hold.
//! Reading order: `floor` (what the store is measured against), `appends`, `reads`,
//! `decisions`, `folds`, `deliveries`, `reactions`, `graph`, `costs`.
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

mod settings;
mod sample;
mod floor;
mod log;
mod row;
mod appends;
mod history;
mod reads;
mod decisions;
mod folds;
mod deliveries;
mod reactions;
mod costs;
mod graph;
mod table;

use std::process::ExitCode;

use clap::Parser;

use costs::load::Load;
use settings::Settings;

/// What can go wrong here is shown and ends the run.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let settings = Settings::parse();
    match run(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> Result<(), Failure> {
    let settings = settings.sized();
    let load = Load::new();
    let place = tempfile::Builder::new().prefix("tidegate-bench-").tempdir_in(&settings.dir)?;
    let mut rows = appends::rows(&settings, place.path())?;
    rows.extend(costs::allocations::of_appends(&settings, place.path())?);
    if let Some(history) = history::History::write(&settings, place.path())? {
        rows.extend(reads::rows(&settings, &history)?);
        rows.extend(costs::allocations::of_reads(&settings, &history)?);
        rows.extend(decisions::rows(&settings, &history)?);
        rows.extend(folds::rows(&settings, &history, place.path())?);
    }
    rows.extend(deliveries::rows(&settings, place.path())?);
    rows.extend(reactions::rows(&settings, place.path())?);
    rows.extend(graph::rows(&settings, place.path())?);
    rows.extend(reads::tree::rows(&settings, place.path())?);
    #[cfg(feature = "proofs")]
    rows.extend(reads::proofs::rows(&settings, place.path())?);
    rows.extend(costs::rows(&settings, place.path())?);
    table::print(&settings, &rows, load.beside())?;
    Ok(())
}
