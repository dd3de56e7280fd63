//! `read`: the events of a store, all or some.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tidegate::{Error, ErrorKind, EventId, Micros, Position, RecordedEvent, StoreReader, View};

use crate::failure::Result;
use crate::filter::{self, Filter};
use crate::keyring::KeyringArg;
use crate::listing::Listing;
use crate::output::Output;
use crate::reader::{self, above_floor, open};

const EXAMPLES: &str = "\
Without --json a line is: position, time recorded (UTC), stream and version, kind, tags, payload. \
With --json it is the event in the shape that `tidegate import` reads.

Examples:
  tidegate read ./store --stream shop/order-7
  tidegate read ./store --kind 'order.*' --tag vip --backwards --limit 10
  tidegate read ./store --stream shop/order-7 --versions 3-7
  tidegate read ./store --since 2026-04-07 --until 2026-04-08T12:00:00Z
  tidegate read ./store --after 1000 --json > events.jsonl";

/// Read events
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct ReadArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    keyring: KeyringArg,
    #[command(flatten)]
    filter: Filter,
    /// The one event at this position
    #[arg(long, value_name = "N", value_parser = filter::position, help_heading = WHICH, conflicts_with_all = ONE)]
    position: Option<Position>,
    /// The one event with this id
    #[arg(long, value_name = "ID", help_heading = WHICH, conflicts_with_all = ONE)]
    id: Option<EventId>,
    /// Only events after this position
    #[arg(long, value_name = "POSITION", value_parser = filter::position, help_heading = HOW)]
    after: Option<Position>,
    /// Only events before this position
    #[arg(long, value_name = "POSITION", value_parser = filter::position, help_heading = HOW)]
    before: Option<Position>,
    /// Only events recorded at this time or later
    #[arg(long, value_name = "TIME", value_parser = filter::time, help_heading = HOW)]
    since: Option<Micros>,
    /// Only events recorded before this time
    #[arg(long, value_name = "TIME", value_parser = filter::time, help_heading = HOW)]
    until: Option<Micros>,
    /// Maximum number of events
    #[arg(long, value_name = "N", help_heading = HOW)]
    limit: Option<usize>,
    /// From the last event to the first
    #[arg(long, help_heading = HOW)]
    backwards: bool,
    /// Only say how many events there are
    #[arg(long, help_heading = HOW)]
    count: bool,
}

const WHICH: &str = "Which events";
const HOW: &str = "How to read them";
/// What makes no sense beside the one event.
const ONE: [&str; 18] = [
    "stream",
    "scope",
    "entity",
    "entity_prefix",
    "lane",
    "kind",
    "tag",
    "versions",
    "correlation",
    "cause",
    "query",
    "after",
    "before",
    "since",
    "until",
    "limit",
    "backwards",
    "count",
];

impl ReadArgs {
    pub(super) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let store = open(&self.directory, json)?;
        self.keyring.read_with(&store)?;
        let view = store.view()?;
        if self.count {
            self.write_count(&store, &view, output, json)?;
        } else if self.position.is_some() || self.id.is_some() {
            let mut listing = Listing::new(output, json);
            listing.event(&self.one(&view)?, &view)?;
            listing.flush()?;
        } else {
            let mut listing = Listing::new(output, json);
            let mut events = view.read_with(&self.filter.query(), self.range());
            // What was read before an error belongs before its message.
            let shown = events.try_for_each(|event| listing.event(&event?, &view));
            listing.flush()?;
            shown.map_err(|failure| above_floor(failure, &view))?;
        }
        reader::warn_of_damage(&store, json)
    }

    fn range(&self) -> tidegate::ReadOptions {
        let (after, before) = (self.after.unwrap_or(Position::START), self.before.unwrap_or(Position::MAX));
        let read =
            tidegate::ReadOptions::new().after(after).before(before).since(self.since).until(self.until);
        read.backwards(self.backwards).limit(self.limit)
    }

    fn write_count(&self, store: &StoreReader, view: &View, output: &mut Output, json: bool) -> Result<()> {
        #[derive(Serialize)]
        struct CountJson {
            count: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            unconfirmed: Option<u64>,
        }
        let count = view.count_with(&self.filter.query(), self.range());
        let count = count.map_err(|error| above_floor(error.into(), view))?;
        let unconfirmed = reader::unconfirmed(store);
        if json { output.json(&CountJson { count, unconfirmed }) } else { output.line(count) }
    }

    /// Returns the event that was asked for by its place or its id.
    fn one(&self, view: &View) -> Result<RecordedEvent> {
        let (found, what) = match (self.position, self.id) {
            (Some(position), _) => (view.at(position)?, format!("at position {position}")),
            (None, Some(id)) => (view.find(id)?, format!("with the id {id}")),
            (None, None) => (None, "that was asked for".to_owned()),
        };
        let missing = || {
            let message = format!("there is no event {what}; the log ends at position {}", view.head());
            Error::new(ErrorKind::Missing, message).into()
        };
        found.ok_or_else(missing)
    }
}
