//! The logs of this crate.
#![allow(clippy::unwrap_used, reason = "tests may stop at the first surprise")]

mod faults;
mod model;

use std::sync::Arc;

use tidegate_shared_log::{Faults, FaultyLog, MemoryLog, conformance};

#[test]
fn the_log_in_memory_conforms() {
    let log = MemoryLog::with_item_bytes_max("orders", 4096);
    conformance::check(&|| Arc::new(log.clone()));
}

#[test]
fn the_faulty_log_conforms_without_faults() {
    let log = MemoryLog::with_item_bytes_max("orders", 4096);
    conformance::check(&|| Arc::new(FaultyLog::new(Arc::new(log.clone()), Faults::default(), 1)));
}

/// The suite can fail: a log that loses an item, and one that shows an old end.
#[test]
fn a_log_that_does_not_conform_is_found() {
    for broken in [faults::Broken::Forgets, faults::Broken::StaleEnd, faults::Broken::Reorders] {
        let log = MemoryLog::with_item_bytes_max("orders", 4096);
        let handle = faults::BrokenLog::new(log, broken);
        let checked = std::panic::catch_unwind(|| conformance::check(&|| Arc::new(handle.clone())));
        assert!(checked.is_err(), "{broken:?} was not noticed");
    }
}
