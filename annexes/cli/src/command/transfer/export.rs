//! `export`: a whole store as a file that `import` makes a copy of.
//!
//! Invariants:
//!
//! X1. An export is known to be whole or not: its first line says how many events follow.
//! X2. A file has its name only when all of it is there and synced (see [`Target`]).

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tidegate::{Error, ErrorKind, Position, Query, View};
use tidegate_json::{ExportHeader, event_to_export};

use crate::failure::Result;
use crate::filter;
use crate::output::{Output, counted};
use crate::progress::Progress;
use crate::reader::{open, unconfirmed};
use crate::target::Target;

const RULES: &str = "\
The first line names the store and says how many events follow, one a line. `tidegate import NEW FILE` makes a copy \
of it: with ids, batches, causes, correlations, idempotency keys and their contents, payloads byte for byte, and in \
an empty store with positions, versions and times. A payload that was erased is erased in the copy too. So a retry of what was appended to the store is answered by the copy \
too, and a reactor over the copy does not act again.

The copy is another store, with an id of its own: of a receipt of the store it says that it is of another one. What \
the store itself noted (gates passed, bypasses, what was read; recorded denials) is called `tidegate.imported.*` in \
the export: the copy shows it, and it is not a word of the copy. Cursors and saved states are not exported.

The export shows the store as it is when it begins, or as it was at --until, also beside a writer. Damage ends it \
with 2, and an import refuses a file that ends early. Events that are not known to be durable are left out; the first \
line counts them as `unconfirmed`, and an import reports them.

Examples:
  tidegate export ./store --output store.jsonl
  tidegate export ./store | gzip > store.jsonl.gz
  tidegate export ./store --until 81966 | tidegate import ./new -";

/// Write a whole store as JSON Lines, for `import`
#[derive(Args, Debug)]
#[command(after_long_help = RULES, after_help = "`tidegate export --help` says what a copy keeps.")]
pub(in crate::command) struct ExportArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Write to this file, which is replaced as a whole, instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only events up to this position, which must end a batch
    #[arg(long, value_name = "POSITION", value_parser = filter::position)]
    until: Option<Position>,
}

/// What was exported, as JSON.
#[derive(Serialize)]
struct ExportJson {
    store: String,
    events: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    unconfirmed: Option<u64>,
    file: String,
}

impl ExportArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let store = open(&self.directory, json)?;
        let view = store.view()?;
        let view = match self.until {
            Some(position) => until(&view, position)?,
            // What precedes damage is not the store: the count below ends in it.
            None => view,
        };
        // An export of the log as it was leaves out what came later, and that is not news.
        let unconfirmed = if self.until.is_some() { None } else { unconfirmed(&store) };
        // Before anything is written: the first event shows whether all are there.
        view.at(Position(1)).map_err(|error| self.above_floor(error, &view))?;
        let events = view.count(&Query::ALL)?;
        let header = ExportHeader::new(store.id().to_string(), events, unconfirmed);
        let Some(path) = &self.output else {
            write(&header, &view, |line| output.styled(line))?;
            return output.flush();
        };
        let progress = Progress::of_events(header.events, json);
        let mut file = Target::open(path, &self.directory)?;
        let mut done = 0;
        write(&header, &view, |line| {
            done += 1;
            if done % 1024 == 0 {
                progress.moved_to(done);
                progress.events(done);
            }
            Ok(file.line(line)?)
        })?;
        file.finish()?;
        drop(progress);
        let (store, events, file) = (header.store, header.events, path.display().to_string());
        if json {
            return output.json(&ExportJson { store, events, unconfirmed, file });
        }
        output.line(format_args!("exported {} of the store {store} to {file}", counted(events, "event")))
    }
}

impl ExportArgs {
    /// Names the command for a store of which the beginning was retired: it has no export that a copy can be made of.
    fn above_floor(&self, error: Error, view: &View) -> Error {
        if error.kind() != ErrorKind::Retired {
            return error;
        }
        let (directory, after) = (self.directory.display(), view.floor().before());
        error.advise(&format!(
            "an export is of a whole log; `tidegate read {directory} --json --after {after}` writes the events that are left"
        ))
    }
}

/// Hands over the lines of an export.
fn write(header: &ExportHeader, view: &View, mut line: impl FnMut(String) -> Result<()>) -> Result<()> {
    line(header.to_json())?;
    for event in view.read(&Query::ALL) {
        line(event_to_export(&event?, view)?)?;
    }
    Ok(())
}

/// Returns the log as it was when this position was its last one.
fn until(view: &View, position: Position) -> Result<View> {
    if position > view.head() {
        if let Some(damage) = view.damage() {
            return Err(damage.clone().into());
        }
        let message =
            format!("there is no event at position {position}; the log ends at position {}", view.head());
        return Err(Error::new(ErrorKind::Missing, message).into());
    }
    let until = view.as_of(position);
    if let Some(last) = until.at(position)?
        && !last.record().ends_batch()
    {
        let batch = view.explain(position)?.batch;
        let message = format!(
            "position {position} is inside the batch of {} to {}, which is exported whole or not at all; say --until {} \
             or --until {}",
            batch.start(),
            batch.end(),
            batch.start().before(),
            batch.end(),
        );
        return Err(Error::new(ErrorKind::Refused, message).into());
    }
    Ok(until)
}
