//! Clocks: whose times are shown.

use clap::ValueEnum;
use tidegate::{Micros, RecordedEvent};
use tidegate_json::parse_time;

/// Whose times are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Clock {
    /// When the store recorded the event
    #[default]
    Recorded,
    /// When an imported event happened, as its source says; for others, when the store recorded it
    Source,
}

impl Clock {
    /// Returns the time of an event.
    pub(crate) fn time(self, event: &RecordedEvent) -> Micros {
        let said = match self {
            Self::Recorded => None,
            Self::Source => source_time(event),
        };
        said.unwrap_or(event.time())
    }
}

/// Returns when an imported event happened, as its source says.
pub(crate) fn source_time(event: &RecordedEvent) -> Option<Micros> {
    event.meta_text("import.time").and_then(parse_time)
}
