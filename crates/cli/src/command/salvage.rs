//! `salvage`: a new store of everything that is whole of another one.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tidegate::disk::World;
use tidegate::report::{Run, Salvaged, salvage};
use tidegate::subscription::cursor;
use tidegate::{Error, Options, Read, Store};

use super::cursors::role;
use super::doctor::{tell, tell_lost};
use crate::failure::Result;
use crate::output::{Output, counted};
use crate::progress::Progress;
use crate::target::is_inside;

const RULES: &str = "\
DIR is only read. NEW must not exist, or be empty. Until all is there and was verified, NEW holds a file UNFINISHED \
and does not open as a store.

The unit is the frame: the events of one write. One that is not whole is lost as a whole; everything else is saved, \
in order. What is lost is listed by its positions; where nothing says how many events there were, by the first.

Up to the first lost event nothing changes: positions, versions, times and leaves stay. Where only an end is lost \
the store keeps its id, and is as an older copy of itself. Where whole events follow a loss, NEW is another store \
with an id of its own, and those events get new positions and versions without gaps; which ones is listed. They keep \
ids, times, correlations, idempotency keys, payloads and metadata. Causes are kept as far as they are saved; a lost \
cause becomes a foreign one, an event of the old store that is named after its position. Positions inside metadata \
and payloads stay as they are.

Cursors and saved states are not taken over: readers begin anew. Which ones, and how many events each delivers again, \
is listed. A reactor commits no second reaction where the first one was saved, since it is known by its key. A program \
begins a cursor later by `Settings::start`. Nobody may write to DIR meanwhile.

Ends with 0 when all that is whole was saved, whatever was lost.

Examples:
  tidegate doctor ./store
  tidegate salvage ./store ./saved
  tidegate salvage ./store ./saved --json";

/// Save everything that is whole of a damaged store
#[derive(Args, Debug)]
#[command(after_long_help = RULES, after_help = "`tidegate salvage --help` says what is kept and what changes.")]
pub(super) struct Salvage {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The directory of the new store
    #[arg(value_name = "NEW")]
    new: PathBuf,
}

/// What was salvaged, as JSON.
#[derive(Serialize)]
struct Told {
    verdict: String,
    from: String,
    store: String,
    saved: u64,
    streams: u64,
    runs: Vec<ToldRun>,
    readers: Vec<Reader>,
}

/// A cursor or reactor of the old store, which begins anew.
#[derive(Serialize)]
struct Reader {
    name: String,
    role: &'static str,
    /// Where it was in the old store.
    position: u64,
    /// How many saved events of its query it had passed.
    again: u64,
}

#[derive(Serialize)]
struct ToldRun {
    from: u64,
    to: u64,
    count: u64,
}

impl Salvage {
    pub(super) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        if is_inside(&self.new, &self.directory) {
            let message = "the new store cannot lie inside the old one, which is only read";
            return Err(Error::invalid(message).into());
        }
        let (from, to) = (World::native(&self.directory), World::native(&self.new));
        let progress = Progress::of_bytes(None, json);
        let salvaged = salvage(&from, &to, |so_far| progress.events(so_far.events));
        drop(progress);
        let salvaged = salvaged?;
        tell(&salvaged.faults, &salvaged.remarks, output, json)?;
        tell_lost(&salvaged.lost, output, json)?;
        let readers = self.readers(&salvaged)?;
        if json { output.json(&told(&salvaged, readers)) } else { self.write(&salvaged, &readers, output) }
    }

    /// The cursors of the old store, as far as it opens for reading and their files can be read.
    fn readers(&self, salvaged: &Salvaged) -> Result<Vec<Reader>> {
        let Ok(old) = Store::open(&self.directory, Options::read_only()) else { return Ok(Vec::new()) };
        let view = Store::open(&self.new, Options::read_only())?.view()?;
        let mut readers = Vec::new();
        for name in cursor::names(&old)? {
            let Ok(state) = cursor::state(&old, &name) else { continue };
            let mut again = 0;
            for Run { from, to, count } in salvaged.runs.iter().filter(|run| run.from <= state.position) {
                let passed = (state.position.0 - from.0 + 1).min(*count);
                let last = to.plus(passed - 1);
                again += view.until(last).count(&state.query, Read::after(to.before()))?;
            }
            readers.push(Reader { name, role: role(&state), position: state.position.0, again });
        }
        Ok(readers)
    }

    fn write(&self, salvaged: &Salvaged, readers: &[Reader], output: &mut Output) -> Result<()> {
        for Run { from, to, count } in salvaged.runs.iter().filter(|run| run.from != run.to) {
            let last = |first: tidegate::Position| first.plus(count - 1);
            let (old, new) = (last(*from), last(*to));
            output.line(format_args!("moved: positions {from} to {old} are now {to} to {new}"))?;
        }
        let id = if salvaged.store == salvaged.from {
            "it keeps the id"
        } else {
            "it is another store, with the id"
        };
        output.line(format_args!(
            "saved {} in {} to {}; {id} {}; readers begin anew",
            counted(salvaged.saved.events, "event"),
            counted(salvaged.saved.streams, "stream"),
            self.new.display(),
            salvaged.store
        ))?;
        for Reader { name, role, position, again } in readers {
            let again = counted(*again, "event");
            let then = match *role {
                "reactor" => format!(
                    "looks again at {again}; where its reaction was saved it is known by its key, and there is no \
                     second one"
                ),
                _ => {
                    format!("delivers {again} again, unless its program begins it later (`Settings::start`)")
                }
            };
            output.line(format_args!(
                "the {role} {name} was at position {position}: it begins anew and {then}"
            ))?;
        }
        Ok(())
    }
}

fn told(salvaged: &Salvaged, readers: Vec<Reader>) -> Told {
    let run = |run: &Run| ToldRun { from: run.from.0, to: run.to.0, count: run.count };
    Told {
        verdict: salvaged.verdict().to_string(),
        from: salvaged.from.to_string(),
        store: salvaged.store.to_string(),
        saved: salvaged.saved.events,
        streams: salvaged.saved.streams,
        runs: salvaged.runs.iter().map(run).collect(),
        readers,
    }
}
