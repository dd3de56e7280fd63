//! `parked`: the events that readers of a store could not deal with.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use tidegate::Position;
use tidegate::subscription::cursor::{Change, ParkedEvent};
use tidegate_json::rfc3339;

use super::cursors::{CursorPlace, change_each};
use crate::escape::escape;
use crate::failure::{Result, note_none};
use crate::output::{Output, clock_time};
use crate::reader::{open, warn_of_damage};

const EXAMPLES: &str = "\
An event is parked when it has failed too many times. The cursor goes on without it until the event is retried or \
discarded.

Examples:
  tidegate parked ./store
  tidegate parked ./store mailer --json
  tidegate parked ./store --state-dir ./mailer-state
  tidegate parked retry ./store mailer 40 41
  tidegate parked discard ./store mailer --all";

const CHANGING: &str = "\
The store must not be open for writing elsewhere; with --state-dir it may be. The program that reads the cursor delivers what is retried when it \
runs next; what is discarded is not delivered again.";

/// Show the events that readers could not deal with, and retry or discard them
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(in crate::command) struct ParkedArgs {
    /// The store's directory
    #[arg(value_name = "DIR", required = true)]
    directory: Option<PathBuf>,
    /// Only those of this cursor
    #[arg(value_name = "CURSOR")]
    cursor: Option<String>,
    /// Those of a reader process that keeps its state in this directory, outside the store
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    #[command(subcommand)]
    end: Option<ParkedAction>,
}

#[derive(Subcommand, Debug)]
enum ParkedAction {
    /// Have parked events delivered once more
    #[command(after_help = CHANGING)]
    Retry(ParkedSelection),
    /// Give parked events up
    #[command(after_help = CHANGING)]
    Discard(ParkedSelection),
}

#[derive(Args, Debug)]
struct ParkedSelection {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The cursor's or reactor's name
    cursor: String,
    /// Where the events are
    #[arg(value_name = "POSITION", required_unless_present = "all", conflicts_with = "all")]
    positions: Vec<u64>,
    /// All that are parked
    #[arg(long)]
    all: bool,
    /// The directory outside the store that keeps its state; the store may be in use then
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

/// A parked event, as JSON.
#[derive(Serialize)]
struct ParkedJson<'a> {
    cursor: &'a str,
    position: u64,
    attempts: u32,
    time: String,
    retried: bool,
    reason: &'a str,
}

impl ParkedArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let (which, one, all): (_, fn(Position) -> Change, _) = match &self.end {
            None => return self.list(output, json),
            Some(ParkedAction::Retry(which)) => (which, Change::Retry, Change::RetryAll),
            Some(ParkedAction::Discard(which)) => (which, Change::Discard, Change::DiscardAll),
        };
        let changes = if which.all {
            vec![all]
        } else {
            which.positions.iter().map(|position| one(Position(*position))).collect()
        };
        change_each(&which.directory, which.state_dir.as_deref(), &which.cursor, &changes, output, json)
    }

    fn list(&self, output: &mut Output, json: bool) -> Result<()> {
        let directory = self.directory.as_ref().expect("it is required without a subcommand");
        let store = open(directory, json)?;
        let place = CursorPlace::of(self.state_dir.as_deref())?;
        let names = match &self.cursor {
            Some(name) => vec![name.clone()],
            None => place.names(&store)?,
        };
        let (mut damage, mut shown) = (None, Vec::new());
        for name in names {
            let state = match place.status(&store, &name) {
                Ok(state) => state,
                Err(error) => {
                    damage = damage.or(Some(error));
                    continue;
                }
            };
            shown.extend(state.parked.into_iter().map(|event| (name.clone(), event)));
        }
        if json {
            shown.iter().try_for_each(|(name, event)| output.json(&parked_json(name, event)))?;
        } else {
            write(&shown, output)?;
        }
        output.flush()?;
        if damage.is_none() {
            note_none(shown.len() as u64, "parked event", json);
        }
        match damage {
            Some(error) => Err(error.into()),
            None => warn_of_damage(&store, json),
        }
    }
}

fn parked_json<'a>(cursor: &'a str, event: &'a ParkedEvent) -> ParkedJson<'a> {
    let ParkedEvent { position, attempts, reason, time, retried } = event;
    ParkedJson {
        cursor,
        position: position.0,
        attempts: *attempts,
        time: rfc3339(*time),
        retried: *retried,
        reason,
    }
}

/// Writes a line for each event, in columns.
fn write(events: &[(String, ParkedEvent)], output: &mut Output) -> Result<()> {
    let name = events.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let place = events.iter().map(|(_, event)| event.position.to_string().len()).max().unwrap_or_default();
    for (cursor, event) in events {
        let tries = match event.attempts {
            1 => "1 try".to_owned(),
            count => format!("{count} tries"),
        };
        let again = if event.retried { ", to be tried again" } else { "" };
        let (time, position) = (clock_time(event.time, false), event.position.0);
        // A reason is the text of a handler, and stays on its line.
        let reason = escape(&event.reason);
        output.line(format_args!(
            "{cursor:<name$}  {position:>place$}  {time}  after {tries}{again}: {reason}"
        ))?;
    }
    Ok(())
}
