//! Whether what was read once has been erased since.

use tidegate_format::{Position, Result};

use super::erased::{ErasedPositions, events_between};
use super::query::Query;
use super::range::ReadOptions;
use super::view::View;

/// Runs beyond which it is not looked whether a query selects any of them: then it counts as if it did.
const LOOKS_MAX: usize = 10_000;

/// Returns whether a query selects any of these positions, up to one.
pub(crate) fn is_selected(
    view: &View,
    query: &Query,
    positions: &ErasedPositions,
    until: Position,
) -> Result<bool> {
    for (looked, (first, last)) in positions.within(Position(1), until).enumerate() {
        let run = ReadOptions::new().after(first.before()).before(last.next());
        if looked == LOOKS_MAX || view.count_with(query, run.limit(1))? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns whether an event that a query selects, up to the position `until`, was erased by an event between the two
/// positions of `erased`: after the one, and up to the other.
pub(crate) fn is_touched(
    view: &View,
    query: &Query,
    erased: (Position, Position),
    until: Position,
) -> Result<bool> {
    for (_, positions) in events_between(view.log(), erased.0, erased.1)? {
        if is_selected(view, query, &positions, until)? {
            return Ok(true);
        }
    }
    Ok(false)
}
