//! What all questions about the graph share: where to look, as of when, and how to list the answer.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tidegate::graph::Graph;
use tidegate::{Error, Position, StoreReader};

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
    /// As the log was when it ended with this position
    #[arg(long, value_name = "POSITION", value_parser = filter::position)]
    at: Option<Position>,
}

impl GraphArgs {
    /// Returns the store's directory.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
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
pub(super) struct AnswerArgs {
    #[command(flatten)]
    pub(super) filter: Filter,
    /// Maximum number of events
    #[arg(long, value_name = "N", help_heading = "How to answer")]
    limit: Option<usize>,
    /// Only say how many events there are
    #[arg(long, help_heading = "How to answer")]
    count: bool,
}

impl AnswerArgs {
    /// Lists events, or counts them.
    pub(super) fn list(
        &self,
        events: impl IntoIterator<Item = tidegate::Result<Position>>,
        graph: &Graph,
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
        let mut listing = Listing::new(output, json);
        // What was found before an error belongs before its message.
        let shown = events.try_for_each(|event| listing.event(&record(graph, event?)?, graph.view()));
        listing.flush()?;
        shown
    }
}

/// Returns the record of an event that the graph knows.
pub(super) fn record(graph: &Graph, event: Position) -> tidegate::Result<tidegate::RecordedEvent> {
    let record = graph.view().at(event)?;
    record.ok_or_else(|| Error::damaged("an event of the graph is not in the log", event, "none"))
}
