//! Opening: how long until the first answer, and what it takes in memory.

use std::time::Instant;

use super::{Found, Given, figure};
use crate::engine::{Durability, Result};
use crate::measure::{Memory, warm};

/// After the process that filled the store was killed. What was answered must all be there.
pub(super) fn killed(given: Given<'_>, found: Found<'_>) -> Result {
    first_answer(given, "open.killed", found)
}

/// After the store was closed in good order.
pub(super) fn closed(given: Given<'_>, found: Found<'_>) -> Result {
    first_answer(given, "open.closed", found)
}

fn first_answer(given: Given<'_>, row: &str, found: Found<'_>) -> Result {
    warm(given.directory)?;
    let start = Instant::now();
    let engine = given.open(Durability::Synced)?;
    let last = engine.last()?;
    let time = start.elapsed();
    found(figure(row, time.as_secs_f64(), 1));
    if last < given.events {
        return Err(format!("only {last} of {} events are there", given.events).into());
    }
    let memory = Memory::now()?;
    if row == "open.closed" {
        found(figure("memory.open", memory.peak, 1));
        found(figure("memory.own", memory.own, 1));
    }
    let start = Instant::now();
    engine.close()?;
    if row == "open.killed" {
        found(figure("close", start.elapsed().as_secs_f64(), 1));
    }
    Ok(())
}
