//! `cursors`: how far the readers of a store got.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;
use tidegate::Store;
use tidegate::subscription::cursor::{self, Role, State};

use super::read::{open, refuse_damage};
use crate::failure::Result;
use crate::output::{Output, counted};

const EXAMPLES: &str = "\
A cursor remembers how far a reader of the log got. Its lag is how many events of its query are neither done nor \
parked. What was acknowledged in the last moments may not be kept yet.

Examples:
  tidegate cursors ./store
  tidegate cursors ./store --json";

/// Say how far the readers of a store got
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Cursors {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// A cursor, as JSON.
#[derive(Serialize)]
struct Told {
    name: String,
    role: &'static str,
    position: u64,
    lag: u64,
    parked: usize,
    query: Box<RawValue>,
}

impl Cursors {
    pub(super) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let store = open(&self.directory)?;
        let (states, damage) = states(&store)?;
        if json {
            for state in &states {
                output.json(&told(state)?)?;
            }
        } else {
            write(&states, output)?;
        }
        output.flush()?;
        match damage {
            Some(error) => Err(error.into()),
            None => refuse_damage(&store),
        }
    }
}

/// What is kept of each cursor, and what is wrong with the first that cannot be read.
fn states(store: &Store) -> Result<(Vec<State>, Option<tidegate::Error>)> {
    let (mut states, mut damage) = (Vec::new(), None);
    for name in cursor::names(store)? {
        match cursor::state(store, &name) {
            Ok(state) => states.push(state),
            Err(error) => damage = damage.or(Some(error)),
        }
    }
    Ok((states, damage))
}

fn told(state: &State) -> Result<Told> {
    Ok(Told {
        name: state.name.clone(),
        role: role(state),
        position: state.position.0,
        lag: state.lag,
        parked: state.parked.len(),
        query: RawValue::from_string(state.query.to_string())?,
    })
}

fn write(states: &[State], output: &mut Output) -> Result<()> {
    let width = states.iter().map(|state| state.name.len()).max().unwrap_or_default();
    for state in states {
        let parked = match state.parked.len() as u64 {
            0 => String::new(),
            count => format!(", {} parked", counted(count, "event")),
        };
        let behind = counted(state.lag, "event");
        let at = state.position;
        output.line(format_args!(
            "{:<width$}  {:<7}  at {at}, {behind} behind{parked}  {}",
            state.name,
            role(state),
            state.query
        ))?;
    }
    Ok(())
}

fn role(state: &State) -> &'static str {
    match state.role {
        Role::Cursor => "cursor",
        Role::Reactor => "reactor",
    }
}
