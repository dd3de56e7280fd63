//! `project`: a state folded from the events of a query.

use std::collections::HashMap;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use console::style;
use indicatif::HumanCount;
use serde::Serialize;
use tidegate::{Micros, Position, ReadOptions, RecordedEvent};
use tidegate_json::rfc3339;

use crate::escape::escape;
use crate::failure::Result;
use crate::filter::{self, Filter};
use crate::output::{Output, clock_time};
use crate::progress::Progress;
use crate::reader::{above_floor, open, warn_of_damage};

const EXAMPLES: &str = "\
Reads every event of the query once. `tidegate stats` counts without reading, and knows no last ones.

Examples:
  tidegate project ./store
  tidegate project ./store --by stream --kind 'order.*' --limit 10 --json";

/// Fold events: how many there are of each kind or stream, and the last one of each
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct ProjectArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    filter: Filter,
    /// What events are put together by
    #[arg(long, value_enum, default_value_t = GroupBy::Kind, help_heading = HOW)]
    by: GroupBy,
    /// Only events after this position
    #[arg(long, value_name = "POSITION", value_parser = filter::position, help_heading = HOW)]
    after: Option<Position>,
    /// As of this position
    #[arg(long, value_name = "POSITION", value_parser = filter::position, help_heading = HOW)]
    at: Option<Position>,
    /// Maximum number of rows; those with the most events
    #[arg(long, value_name = "N", help_heading = HOW)]
    limit: Option<usize>,
}

const HOW: &str = "How to fold";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum GroupBy {
    Kind,
    Stream,
}

/// How many there were, and the last one.
struct Tally {
    count: u64,
    last: Position,
    time: Micros,
}

#[derive(Serialize)]
struct TallyJson<'a> {
    name: &'a str,
    count: u64,
    last: u64,
    recorded: String,
}

impl ProjectArgs {
    pub(super) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let store = open(&self.directory, json)?;
        let view = store.view()?;
        let view = match self.at {
            Some(position) => view.as_of(position),
            None => view,
        };
        let query = self.filter.query();
        let range = ReadOptions::new().after(self.after.unwrap_or(Position::START));
        let count = view.count_with(&query, range)?;
        let progress = Progress::of_events(count, json);
        let mut tallies: HashMap<String, Tally> = HashMap::new();
        for (done, event) in (1..).zip(view.read_with(&query, range)) {
            let event = event.map_err(|error| above_floor(error.into(), &view))?;
            self.take(&event, &mut tallies);
            if done % 1024 == 0 {
                progress.moved_to(done);
                progress.events(done);
            }
        }
        drop(progress);
        let mut tallies: Vec<_> = tallies.into_iter().collect();
        tallies.sort_unstable_by(|(name, one), (others, other)| {
            other.count.cmp(&one.count).then_with(|| name.cmp(others))
        });
        tallies.truncate(self.limit.unwrap_or(usize::MAX));
        write(&tallies, output, json)?;
        warn_of_damage(&store, json)
    }

    fn take(&self, event: &RecordedEvent, tallies: &mut HashMap<String, Tally>) {
        let (last, time) = (event.position(), event.time());
        let mut take = |name: &str| match tallies.get_mut(name) {
            Some(tally) => *tally = Tally { count: tally.count + 1, last, time },
            None => drop(tallies.insert(name.to_owned(), Tally { count: 1, last, time })),
        };
        match self.by {
            GroupBy::Kind => take(event.kind()),
            GroupBy::Stream => take(&event.stream().to_string()),
        }
    }
}

fn write(tallies: &[(String, Tally)], output: &mut Output, json: bool) -> Result<()> {
    let wide = tallies.first().map_or(0, |(_, most)| HumanCount(most.count).to_string().len());
    let places = tallies.iter().map(|(_, tally)| tally.last.to_string().len()).max().unwrap_or(0);
    for (name, Tally { count, last, time }) in tallies {
        if json {
            output.json(&TallyJson { name, count: *count, last: last.0, recorded: rfc3339(*time) })?;
            continue;
        }
        output.styled(format_args!(
            "{:>wide$}  last {:>places$}  {}  {}",
            HumanCount(*count).to_string(),
            last.0,
            style(clock_time(*time, false)).dim(),
            style(escape(name)).cyan(),
        ))?;
    }
    Ok(())
}
