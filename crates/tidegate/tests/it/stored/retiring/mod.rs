//! The records of the first segments are retired; what stays of them answers all that needs no record.
mod answers;
mod copies;
mod crashes;
mod damage;
pub(crate) mod floors;
mod readers;

use tidegate::report::{Retire, Retirement};
use tidegate::{Position, Result, Store};

pub(crate) fn retire(store: &Store, before: Position) -> Result<Retirement> {
    store.upkeep().retire(before, Retire::new("a test", "desk 2"))
}
