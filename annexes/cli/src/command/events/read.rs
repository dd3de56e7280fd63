//! `read`: the events of a store, all or some.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tidegate::{Error, ErrorKind, EventId, Position, ReadOptions, RecordedEvent, StoreReader, View};

use crate::clock::Clock;
use crate::failure::Result;
use crate::filter::{self, Contents, Filter, Range};
use crate::keyring::KeyringArg;
use crate::listing::Listing;
use crate::output::Output;
use crate::reader::{self, above_floor, open};

const EXAMPLES: &str = "\
Without --json a line is: position, time recorded (UTC), stream and version, kind, tags, payload. \
With --json it is the event in the shape that `tidegate import` reads. `tidegate show` shows one event whole.

--after, --before and --until leave out what they name, --since does not. --where and --grep look into each event that \
the rest selects; --limit counts what they leave.

Examples:
  tidegate read ./store --stream shop/order-7
  tidegate read ./store --kind 'order.*' --tag vip --backwards --limit 10
  tidegate read ./store --stream shop/order-7 --versions 3-7
  tidegate read ./store --since 2026-04-07 --until 2026-04-08T12:00:00Z
  tidegate read ./store --kind order.placed --where '/total>10' --grep Ada
  tidegate read ./store --after 1000 --json > events.jsonl";

/// Read events
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(in crate::command) struct ReadArgs {
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
    #[command(flatten)]
    range: Range,
    #[command(flatten)]
    contents: Contents,
    /// Maximum number of events
    #[arg(long, value_name = "N", help_heading = HOW)]
    limit: Option<usize>,
    /// From the last event to the first
    #[arg(long, help_heading = HOW)]
    backwards: bool,
    /// Only say how many events there are
    #[arg(long, help_heading = HOW)]
    count: bool,
    /// Whose times are shown
    #[arg(long, value_enum, default_value_t = Clock::Recorded, help_heading = HOW)]
    clock: Clock,
}

const WHICH: &str = "Which events";
const HOW: &str = "How to read them";
/// What makes no sense beside the one event.
const ONE: [&str; 20] = [
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
    "comparisons",
    "grep",
    "limit",
    "backwards",
    "count",
];

impl ReadArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let store = open(&self.directory, json)?;
        self.keyring.read_with(&store)?;
        let view = store.view()?;
        if self.count {
            self.write_count(&store, &view, output, json)?;
        } else if self.position.is_some() || self.id.is_some() {
            let mut listing = Listing::new(output, json).clock(self.clock);
            listing.event(&self.one(&view)?, &view)?;
            listing.flush()?;
        } else {
            output.page();
            let mut listing = Listing::new(output, json).clock(self.clock);
            // What was read before an error belongs before its message.
            let shown = self.each(&view, |event| listing.event(event, &view));
            listing.flush()?;
            let count = shown.map_err(|failure| above_floor(failure, &view))?;
            output.note_none(count, "event", json);
        }
        reader::warn_of_damage(&store, json)
    }

    /// Hands over the events in turn, and returns how many there were.
    fn each(&self, view: &View, mut show: impl FnMut(&RecordedEvent) -> Result<()>) -> Result<u64> {
        let limit = self.limit.unwrap_or(usize::MAX) as u64;
        let mut events = view.read_with(&self.filter.query(), self.options());
        let mut shown = 0;
        while shown < limit {
            let Some(event) = events.next_borrowed()? else { break };
            if self.contents.selects(event)? {
                show(event)?;
                shown += 1;
            }
        }
        Ok(shown)
    }

    fn options(&self) -> ReadOptions {
        // What is looked into is counted behind that.
        let limit = self.limit.filter(|_| self.contents.is_empty());
        self.range.options().backwards(self.backwards).limit(limit)
    }

    fn write_count(&self, store: &StoreReader, view: &View, output: &mut Output, json: bool) -> Result<()> {
        #[derive(Serialize)]
        struct CountJson {
            count: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            unconfirmed: Option<u64>,
        }
        let count = if self.contents.is_empty() {
            view.count_with(&self.filter.query(), self.options()).map_err(Into::into)
        } else {
            self.each(view, |_| Ok(()))
        };
        let count = count.map_err(|failure| above_floor(failure, view))?;
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
