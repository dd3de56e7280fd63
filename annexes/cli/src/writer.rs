//! A store as it is opened to write to it: what the opening cut off is told, and never dropped in silence.

use std::path::Path;

use tidegate::report::OpenReport;
use tidegate::{Result, Store, StoreOptions};

use crate::failure::warn;
use crate::output::counted;

/// Opens a store for writing. Warns of a torn end that was cut off, and of a clock that is behind the log.
pub(crate) fn open(directory: &Path, options: StoreOptions, json: bool) -> Result<Store> {
    let store = options.open(directory)?;
    for (kind, message) in warnings(&store.report()) {
        warn(kind, &message, json);
    }
    Ok(store)
}

/// Returns what a report says that has to be known, by the kind of warning.
fn warnings(report: &OpenReport) -> Vec<(&'static str, String)> {
    let mut warnings = Vec::new();
    if report.dropped_bytes > 0 {
        let because = report.dropped_because.as_ref().map_or_else(String::new, |error| format!(": {error}"));
        let bytes = counted(report.dropped_bytes, "byte");
        let message = format!(
            "the store was not closed; a torn end of {bytes} behind position {} was cut off{because}",
            report.head
        );
        warnings.push(("recovered", message));
    }
    if let Some(behind) = report.clock_behind {
        let message = format!(
            "the clock is {} behind the last recorded time; events get that time until the clock has passed it, so \
             set the clock right if it is this one that is wrong",
            counted(behind.as_secs() / 3600, "hour")
        );
        warnings.push(("clock-behind", message));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_report_in_order_warns_of_nothing() {
        assert!(warnings(&OpenReport { rebuilt_indexes: 3, ..OpenReport::default() }).is_empty());
        let report = OpenReport { clock_behind: Some(Duration::from_secs(90_000)), ..OpenReport::default() };
        assert_eq!(warnings(&report)[0].0, "clock-behind");
    }
}
