//! Ranges: from where to where a log is read.

use clap::Args;
use tidegate::{Micros, Position, ReadOptions};

/// From where to where, by positions and by recorded times.
#[derive(Args, Debug)]
#[command(next_help_heading = "From where to where")]
pub(crate) struct Range {
    /// Only events after this position, without it
    #[arg(long, value_name = "POSITION", value_parser = super::position)]
    after: Option<Position>,
    /// Only events before this position, without it
    #[arg(long, value_name = "POSITION", value_parser = super::position)]
    before: Option<Position>,
    /// Only events recorded at this time or later
    #[arg(long, value_name = "TIME", value_parser = super::time)]
    since: Option<Micros>,
    /// Only events recorded before this time
    #[arg(long, value_name = "TIME", value_parser = super::time)]
    until: Option<Micros>,
}

impl Range {
    /// Returns the options that read it.
    pub(crate) fn options(&self) -> ReadOptions {
        let (after, before) = (self.after.unwrap_or(Position::START), self.before.unwrap_or(Position::MAX));
        ReadOptions::new().after(after).before(before).since(self.since).until(self.until)
    }
}
