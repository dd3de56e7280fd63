//! What the store costs beside time: allocations, processor time, reads from the disk; and openings and closings.

pub(crate) mod load;

pub(crate) mod allocations;
mod cold;
mod kills;
mod processor;

use std::path::Path;

use crate::Failure;
use crate::row::Row;
use crate::settings::Settings;

/// Returns the rows of stores of their own that are asked for.
pub(crate) fn rows(settings: &Settings, place: &Path) -> Result<Vec<Row>, Failure> {
    let mut rows = processor::rows(settings, place)?;
    rows.extend(kills::rows(settings, place)?);
    rows.extend(cold::rows(settings, place)?);
    Ok(rows)
}
