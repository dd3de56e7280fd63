//! `cursors`: how far the readers of a store got.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::value::RawValue;
use tidegate::subscription::StateDir;
use tidegate::subscription::cursor::{self, Change, ChangeReport, CursorRole, CursorStatus, Span};
use tidegate::{ErrorKind, Position, StoreOptions, StoreReader};

use crate::failure::{Result, note_none};
use crate::output::{Output, counted};
use crate::reader::{open, open_state_dir, unconfirmed, warn_of_damage};
use crate::writer;

const EXAMPLES: &str = "\
Without a subcommand it says how far each is. A cursor remembers how far a reader of the log got. Its lag is how many events of its query are neither done nor \
parked. What was acknowledged in the last moments may not be kept yet.

Examples:
  tidegate cursors ./store
  tidegate cursors ./store --json
  tidegate cursors ./store --state-dir ./mailer-state
  tidegate cursors rewind ./store mailer 40
  tidegate cursors set ./store mailer 90 --skip";

const REWIND: &str = "\
Every event of the cursor's query after the position is delivered again, parked ones too; how many and which is said. \
A reactor is asked again about events that led to nothing; it commits no reaction a second time, because a reaction \
is known by its key.

The store must not be open for writing elsewhere; with --state-dir it may be.

Examples:
  tidegate cursors rewind ./store mailer 40    what follows position 40
  tidegate cursors rewind ./store mailer 0     everything";

const SET: &str = "\
Back, this is a rewind. Forward, it is refused if it would pass over events of the query that were not done; with \
--skip they are given up, and how many and which is said.

The store must not be open for writing elsewhere; with --state-dir it may be.

Examples:
  tidegate cursors set ./store mailer 40
  tidegate cursors set ./store mailer 90 --skip";

/// Say how far the readers of a store got, or send one elsewhere
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(in crate::command) struct CursorsArgs {
    /// The store's directory
    #[arg(value_name = "DIR", required = true)]
    directory: Option<PathBuf>,
    /// Those of a reader process that keeps its state in this directory, outside the store
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    #[command(subcommand)]
    send: Option<CursorAction>,
}

#[derive(Subcommand, Debug)]
enum CursorAction {
    /// Send a cursor back: what follows a position is delivered again
    #[command(after_help = REWIND)]
    Rewind(CursorTarget),
    /// Have a cursor go on after a position, back or forward
    #[command(after_help = SET)]
    Set {
        #[command(flatten)]
        to: CursorTarget,
        /// Give up events that are passed over and not done
        #[arg(long)]
        skip: bool,
    },
}

#[derive(Args, Debug)]
struct CursorTarget {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The cursor's or reactor's name
    cursor: String,
    /// The position it goes on after; 0 is before the first event
    position: u64,
    /// The directory outside the store that keeps its state; the store may be in use then
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
}

/// What a change did, as JSON.
#[derive(Serialize)]
struct ChangeJson<'a> {
    cursor: &'a str,
    role: &'static str,
    before: u64,
    position: u64,
    redelivered: SpanJson,
    given_up: SpanJson,
}

#[derive(Serialize)]
struct SpanJson {
    count: u64,
    first: u64,
    last: u64,
}

/// A cursor, as JSON.
#[derive(Serialize)]
struct CursorJson {
    name: String,
    role: &'static str,
    position: u64,
    lag: u64,
    /// Events of the whole log, of any query, that are not known to be durable and so not in the lag.
    #[serde(skip_serializing_if = "Option::is_none")]
    unconfirmed: Option<u64>,
    parked: usize,
    query: Box<RawValue>,
}

impl CursorsArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let (to, change) = match &self.send {
            None => return self.list(output, json),
            Some(CursorAction::Rewind(to)) => (to, Change::Rewind(Position(to.position))),
            Some(CursorAction::Set { to, skip: false }) => (to, Change::Set(Position(to.position))),
            Some(CursorAction::Set { to, skip: true }) => (to, Change::Skip(Position(to.position))),
        };
        change_each(&to.directory, to.state_dir.as_deref(), &to.cursor, &[change], output, json)
    }

    fn list(&self, output: &mut Output, json: bool) -> Result<()> {
        let directory = self.directory.as_ref().expect("it is required without a subcommand");
        let store = open(directory, json)?;
        let place = CursorPlace::of(self.state_dir.as_deref())?;
        let (states, damage) = states(&place, &store)?;
        if json {
            for state in &states {
                output.json(&cursor_json(state, unconfirmed(&store))?)?;
            }
        } else {
            write(&states, output)?;
        }
        output.flush()?;
        if damage.is_none() {
            note_none(states.len() as u64, "cursor", json);
        }
        match damage {
            Some(error) => Err(error.into()),
            None => warn_of_damage(&store, json),
        }
    }
}

/// Where cursors are kept: in the store, or in a directory outside it.
pub(super) struct CursorPlace(Option<StateDir>);

impl CursorPlace {
    pub(super) fn of(state_dir: Option<&Path>) -> Result<Self> {
        state_dir.map(open_state_dir).transpose().map(Self)
    }

    pub(super) fn names(&self, store: &StoreReader) -> tidegate::Result<Vec<String>> {
        match &self.0 {
            Some(directory) => directory.cursor_names(),
            None => cursor::names(store),
        }
    }

    pub(super) fn status(&self, store: &StoreReader, name: &str) -> tidegate::Result<CursorStatus> {
        match &self.0 {
            Some(directory) => directory.cursor_status(store, name),
            None => cursor::status(store, name),
        }
    }

    fn change(&self, store: &StoreReader, name: &str, change: Change) -> tidegate::Result<ChangeReport> {
        match &self.0 {
            Some(directory) => directory.change_cursor(store, name, change),
            None => cursor::change(store, name, change),
        }
    }
}

/// Returns what is kept of each cursor, and what is wrong with the first that cannot be read.
fn states(place: &CursorPlace, store: &StoreReader) -> Result<(Vec<CursorStatus>, Option<tidegate::Error>)> {
    let (mut states, mut damage) = (Vec::new(), None);
    for name in place.names(store)? {
        match place.status(store, &name) {
            Ok(state) => states.push(state),
            Err(error) => damage = damage.or(Some(error)),
        }
    }
    Ok((states, damage))
}

fn cursor_json(state: &CursorStatus, unconfirmed: Option<u64>) -> Result<CursorJson> {
    Ok(CursorJson {
        name: state.name.clone(),
        role: role_word(state.role),
        position: state.position.0,
        lag: state.lag,
        unconfirmed,
        parked: state.parked.len(),
        query: RawValue::from_string(state.query.to_string())?,
    })
}

fn write(states: &[CursorStatus], output: &mut Output) -> Result<()> {
    let widest = |text: fn(&CursorStatus) -> String| states.iter().map(|state| text(state).len()).max();
    let (at, behind) = (
        |state: &CursorStatus| state.position.to_string(),
        |state: &CursorStatus| counted(state.lag, "event"),
    );
    let name = widest(|state| state.name.clone()).unwrap_or_default();
    let (ats, behinds) = (widest(at).unwrap_or_default(), widest(behind).unwrap_or_default());
    for state in states {
        let parked = match state.parked.len() as u64 {
            0 => String::new(),
            count => format!(", {} parked", counted(count, "event")),
        };
        output.line(format_args!(
            "{:<name$}  {:<7}  at {:>ats$}, {:>behinds$} behind{parked}  {}",
            state.name,
            role_word(state.role),
            at(state),
            behind(state),
            state.query
        ))?;
    }
    Ok(())
}

/// Returns who moves a cursor, in one word.
pub(in crate::command) fn role_word(role: CursorRole) -> &'static str {
    match role {
        CursorRole::Cursor => "cursor",
        CursorRole::Reactor => "reactor",
    }
}

/// Makes changes to a cursor, one after the other, and tells what each did.
pub(super) fn change_each(
    directory: &Path,
    state_dir: Option<&Path>,
    name: &str,
    changes: &[Change],
    output: &mut Output,
    json: bool,
) -> Result<()> {
    let place = CursorPlace::of(state_dir)?;
    if state_dir.is_some() {
        return change_in(&place, &open(directory, json)?, name, changes, output, json);
    }
    let options = StoreOptions::new().create(false);
    let store = writer::open(directory, options, json).map_err(|error| match error.kind() {
        ErrorKind::Locked => error
            .advise("stop the program that writes to it, or have it do this itself with `Cursor::change`"),
        _ => error,
    })?;
    change_in(&place, &store, name, changes, output, json)?;
    Ok(store.close()?)
}

fn change_in(
    place: &CursorPlace,
    store: &StoreReader,
    name: &str,
    changes: &[Change],
    output: &mut Output,
    json: bool,
) -> Result<()> {
    for change in changes {
        let changed = place.change(store, name, *change).map_err(|error| match (error.kind(), change) {
            (ErrorKind::Refused, Change::Set(_)) => error.advise("--skip does that"),
            _ => error,
        })?;
        let role = role_word(place.status(store, name)?.role);
        if json {
            output.json(&change_json(name, role, &changed))?;
        } else {
            write_change(name, role, *change, &changed, output)?;
        }
    }
    Ok(())
}

fn change_json<'a>(cursor: &'a str, role: &'static str, changed: &ChangeReport) -> ChangeJson<'a> {
    let span = |Span { count, first, last }| SpanJson { count, first: first.0, last: last.0 };
    let ChangeReport { before, position, redelivered, given_up, .. } = *changed;
    let (redelivered, given_up) = (span(redelivered), span(given_up));
    ChangeJson { cursor, role, before: before.0, position: position.0, redelivered, given_up }
}

fn write_change(
    name: &str,
    role: &str,
    change: Change,
    changed: &ChangeReport,
    output: &mut Output,
) -> Result<()> {
    let ChangeReport { before, position, redelivered, given_up, .. } = changed;
    if matches!(change, Change::Rewind(_) | Change::Set(_) | Change::Skip(_)) {
        output.line(format_args!("{name} is at position {position}; it was at {before}"))?;
    }
    let is_reactor = role == "reactor";
    match redelivered.count {
        0 if given_up.count == 0 => {
            output.line(format_args!("{name}: no event comes again, none is given up"))?;
        }
        0 => {}
        _ if is_reactor => output.line(format_args!(
            "{name} looks again at {}; one that has a reaction is known by its key, and gets no second one",
            places(redelivered)
        ))?,
        _ => output.line(format_args!("{name} delivers again {}", places(redelivered)))?,
    }
    if given_up.count > 0 {
        output.line(format_args!("{name} has given up {}", places(given_up)))?;
    }
    Ok(())
}

/// Returns how many events, and where they are.
fn places(span: &Span) -> String {
    let Span { count, first, last } = span;
    let events = counted(*count, "event");
    if first == last {
        format!("{events}, at position {first}")
    } else {
        format!("{events}, from position {first} to {last}")
    }
}
