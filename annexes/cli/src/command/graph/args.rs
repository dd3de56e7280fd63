//! What all questions about the graph share: where to look, as of when, and how to list the answer.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tidegate::graph::Graph;
use tidegate::{Error, Position, StoreReader};

use crate::clock::Clock;
use crate::failure::Result;
use crate::filter::{self, Filter};
use crate::listing::Listing;
use crate::output::Output;
use crate::reader::{open, warn_of_damage};

/// The store that is read.
#[derive(Args, Debug)]
pub(super) struct GraphArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// As the log was when it ended with this position, which it includes
    #[arg(long, value_name = "POSITION", value_parser = filter::position)]
    at: Option<Position>,
    /// Whose times are shown
    #[arg(long, value_enum, default_value_t = Clock::Recorded, help_heading = "How to answer")]
    clock: Clock,
}

impl GraphArgs {
    /// Returns the store's directory.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns whose times are shown.
    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    /// Answers a question about its graph.
    pub(super) fn ask(&self, json: bool, answer: impl FnOnce(&Graph) -> Result<()>) -> Result<()> {
        let store: StoreReader = open(&self.directory, json)?;
        let view = store.view()?;
        let view = match self.at {
            Some(position) => view.as_of(position),
            None => view,
        };
        answer(&view.graph())?;
        warn_of_damage(&store, json)
    }
}

/// How an answer is listed.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct AnswerArgs {
    #[command(flatten)]
    pub(super) filter: Filter,
    /// Maximum number of events
    #[arg(long, value_name = "N", help_heading = "How to answer")]
    limit: Option<usize>,
    /// Only say how many events there are
    #[arg(long, help_heading = "How to answer", group = "short")]
    count: bool,
    /// Only their positions, one a line; nothing of the events is read
    #[arg(long, help_heading = "How to answer", group = "short")]
    positions: bool,
    /// Only their ids, one a line
    #[arg(long, help_heading = "How to answer", group = "short")]
    ids: bool,
    /// Only their import keys, one a line, or the id of one that has none
    #[arg(long, help_heading = "How to answer", group = "short")]
    keys: bool,
}

impl AnswerArgs {
    /// Lists events, or counts them.
    pub(super) fn list(
        &self,
        events: impl IntoIterator<Item = tidegate::Result<Position>>,
        graph: &Graph,
        clock: Clock,
        output: &mut Output,
        json: bool,
    ) -> Result<()> {
        #[derive(Serialize)]
        struct Count {
            count: u64,
        }
        let mut events = events.into_iter().take(self.limit.unwrap_or(usize::MAX));
        if self.count {
            let count = events.try_fold(0, |count, event| event.map(|_| count + 1))?;
            return if json { output.json(&Count { count }) } else { output.line(count) };
        }
        output.page();
        let mut count = 0;
        let events = events.inspect(|event| count += u64::from(event.is_ok()));
        if self.positions || self.ids || self.keys {
            self.names(events, graph, output, json)?;
        } else {
            let mut listing = Listing::new(output, json).clock(clock);
            // What was found before an error belongs before its message.
            let mut events = events;
            let shown = events.try_for_each(|event| listing.event(&record(graph, event?)?, graph.view()));
            listing.flush()?;
            shown?;
        }
        output.note_none(count, "event", json);
        Ok(())
    }

    /// Lists events by one name each.
    fn names(
        &self,
        events: impl Iterator<Item = tidegate::Result<Position>>,
        graph: &Graph,
        output: &mut Output,
        json: bool,
    ) -> Result<()> {
        for event in events {
            let event = event?;
            if self.positions {
                if json {
                    output.json(&serde_json::json!({ "position": event.0 }))?;
                } else {
                    output.styled(event.0)?;
                }
                continue;
            }
            let record = record(graph, event)?;
            let key = if self.keys { record.meta_text("import.key") } else { None };
            match (key, json) {
                (Some(key), true) => output.json(&serde_json::json!({ "import_key": key }))?,
                (Some(key), false) => output.line(key)?,
                (None, true) => output.json(&serde_json::json!({ "id": record.id().to_string() }))?,
                (None, false) => output.styled(record.id())?,
            }
        }
        Ok(())
    }
}

/// Returns the record of an event that the graph knows.
pub(super) fn record(graph: &Graph, event: Position) -> tidegate::Result<tidegate::RecordedEvent> {
    let record = graph.view().at(event)?;
    record.ok_or_else(|| Error::damaged("an event of the graph is not in the log", event, "none"))
}
