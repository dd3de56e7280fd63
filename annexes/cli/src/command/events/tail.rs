//! `tail`: the newest events, and those to come.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tidegate::subscription::Subscription;
use tidegate::{ErrorKind, Position, ReadOptions, StoreReader};

use crate::clock::Clock;
use crate::failure::{Failure, Result};
use crate::filter::{self, Contents, Filter};
use crate::keyring::KeyringArg;
use crate::listing::Listing;
use crate::output::Output;
use crate::reader::open;

/// How long to wait for an event before checking whether the output is still open.
const WAIT: Duration = Duration::from_millis(200);

const EXAMPLES: &str = "\
Events show once they are synced. --follow goes on until it is interrupted, or until its output is closed.

Examples:
  tidegate tail ./store
  tidegate tail ./store --follow --kind 'order.*' --json
  tidegate tail ./store --follow --where '/total>1000'";

/// Show the newest events, and go on with those to come
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(in crate::command) struct TailArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    keyring: KeyringArg,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    contents: Contents,
    /// Only events after this position, without it
    #[arg(long, value_name = "POSITION", value_parser = filter::position, help_heading = HOW)]
    after: Option<Position>,
    /// Number of earlier events to show first
    #[arg(long, value_name = "N", default_value_t = 10, help_heading = HOW)]
    limit: usize,
    /// Wait for more events and show them as they come
    #[arg(long, short, help_heading = HOW)]
    follow: bool,
    /// Whose times are shown
    #[arg(long, value_enum, default_value_t = Clock::Recorded, help_heading = HOW)]
    clock: Clock,
}

const HOW: &str = "How to read them";

impl TailArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let store = open(&self.directory, json)?;
        self.keyring.read_with(&store)?;
        let query = self.filter.query();
        let mut listing = Listing::new(output, json).clock(self.clock);
        let view = store.view()?;
        // The last events before damage, if there is any: what follows them is not there to be shown.
        let shown = view.as_of(view.head());
        let range = ReadOptions::new().backwards(true).after(self.after.unwrap_or(Position::START));
        let limit = self.contents.is_empty().then_some(self.limit);
        let mut events = Vec::new();
        for event in shown.read_with(&query, range.limit(limit)) {
            let event = event?;
            if events.len() == self.limit {
                break;
            }
            if self.contents.selects(&event)? {
                events.push(event);
            }
        }
        for event in events.iter().rev() {
            listing.event(event, &view)?;
        }
        listing.flush()?;
        if let Some(damage) = view.damage() {
            return Err(damage.clone().into());
        }
        let seen = view.head().max(range.after);
        if self.follow {
            follow(&store, store.subscribe(query, seen), &self.contents, &mut listing)
        } else {
            Ok(())
        }
    }
}

/// Shows what comes, for ever.
fn follow(
    store: &StoreReader,
    mut coming: Subscription,
    contents: &Contents,
    listing: &mut Listing<'_>,
) -> Result<()> {
    loop {
        match coming.next_within(WAIT) {
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                if listing.is_closed() {
                    return Err(Failure::Closed);
                }
                continue;
            }
            first => {
                let mut next = first?;
                let view = store.view()?;
                while let Some(event) = next {
                    if contents.selects(&event)? {
                        listing.event(&event, &view)?;
                    }
                    next = coming.next_now().or_else(|error| listing.flush().and(Err(error.into())))?;
                }
            }
        }
        listing.flush()?;
    }
}
