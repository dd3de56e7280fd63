//! `salvage`: a new store of everything that is whole of another one.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tidegate::Error;
use tidegate::disk::World;
use tidegate::report::{Run, Salvaged, salvage};

use super::doctor::{tell, tell_lost};
use crate::failure::Result;
use crate::output::{Output, counted};
use crate::progress::Progress;

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

Cursors and saved states are not taken over: readers begin anew. Nobody may write to DIR meanwhile.

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
        if json { output.json(&told(&salvaged)) } else { self.write(&salvaged, output) }
    }

    fn write(&self, salvaged: &Salvaged, output: &mut Output) -> Result<()> {
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
        ))
    }
}

fn told(salvaged: &Salvaged) -> Told {
    let run = |run: &Run| ToldRun { from: run.from.0, to: run.to.0, count: run.count };
    Told {
        verdict: salvaged.verdict().to_string(),
        from: salvaged.from.to_string(),
        store: salvaged.store.to_string(),
        saved: salvaged.saved.events,
        streams: salvaged.saved.streams,
        runs: salvaged.runs.iter().map(run).collect(),
    }
}

/// Whether a path lies in a directory, by whatever of it exists.
fn is_inside(path: &Path, directory: &Path) -> bool {
    let (Ok(directory), Ok(path)) = (directory.canonicalize(), std::path::absolute(path)) else {
        return false;
    };
    path.ancestors().find_map(|part| part.canonicalize().ok()).is_some_and(|part| part.starts_with(directory))
}
