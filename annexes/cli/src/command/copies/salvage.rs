//! `salvage`: a new store of everything that is whole of another one.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tidegate::report::{LeftCursor, LeftPlace, MovedRun, SalvageOptions, SalvageReport, salvage_with};
use tidegate::{Error, ReadOptions, StoreReader};

use crate::command::doctor::{write_findings, write_lost};
use crate::command::readers::role_word;
use crate::failure::Result;
use crate::output::{Output, counted};
use crate::progress::Progress;
use crate::target::is_inside;

const RULES: &str = "\
DIR is only read. NEW must not exist, or be empty. Until all is there and was verified, NEW holds a file UNFINISHED \
and does not open as a store.

The unit is the frame: the events of one write. One that is not whole is lost as a whole; everything else is saved, \
in order. What is lost is listed by its positions; if nothing says how many events there were, by the first.

Up to the first lost event nothing changes: positions, versions, times and leaves stay. If nothing is lost the store \
keeps its id. If anything is, or nothing says where the log ended, NEW is a fork of the old store with an id of its own: \
receipts of the old store agree up to the last position before the loss, and a key that signs for the old store does not \
sign for it. --same keeps the id of a store that lost an end; then what it appends stands at positions that receipts and \
signed checkpoints may speak of. If whole events follow a loss, they get new positions and versions without gaps; which \
ones is listed. They keep ids, times, correlations, idempotency keys, payloads and metadata. Causes are kept as far as they are saved; a lost \
cause becomes a foreign one, an event of the old store that is named after its position. Positions inside metadata \
and payloads stay as they are.

Cursors and saved states are not taken over: readers begin anew. Which ones, and how many events each delivers again as far as its file says, \
is listed. A reactor commits no second reaction if the first one was saved, since it is known by its key. A program \
begins a cursor later by `CursorOptions::start`. No program may write to DIR meanwhile.

Ends with 0 when everything that is whole was saved, even if events were lost.

Examples:
  tidegate doctor ./store
  tidegate salvage ./store ./saved
  tidegate salvage ./store ./saved --same
  tidegate salvage ./store ./saved --json";

/// Save everything that is whole of a damaged store
#[derive(Args, Debug)]
#[command(after_long_help = RULES, after_help = "`tidegate salvage --help` says what is kept and what changes.")]
pub(in crate::command) struct SalvageArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The directory of the new store
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Keep the id of a store that lost an end
    #[arg(long)]
    same: bool,
}

/// What was salvaged, as JSON.
#[derive(Serialize)]
struct SalvageJson {
    verdict: String,
    from: String,
    store: String,
    saved: u64,
    streams: u64,
    runs: Vec<RunJson>,
    readers: Vec<ReaderJson>,
}

/// A cursor or reactor of the old store, which begins anew.
#[derive(Serialize)]
struct ReaderJson {
    name: String,
    /// Left out, as what follows, if its file does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    /// Where it was in the old store.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// How many saved events of its query it had passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    again: Option<u64>,
}

#[derive(Serialize)]
struct RunJson {
    from: u64,
    to: u64,
    count: u64,
}

impl SalvageArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        if is_inside(&self.new, &self.directory) {
            let message = "the new store cannot lie inside the old one, which is only read";
            return Err(Error::invalid(message).into());
        }
        let progress = Progress::of_bytes(None, json);
        let options = SalvageOptions::new().keep_id(self.same);
        let report =
            salvage_with(&self.directory, &self.new, options, |so_far| progress.events(so_far.events));
        drop(progress);
        let report = report?;
        write_findings(&report.faults, &report.remarks, output, json)?;
        write_lost(&report.lost, output, json)?;
        let readers = self.readers(&report)?;
        if json {
            output.json(&salvage_json(&report, readers))
        } else {
            self.write(&report, &readers, output)
        }
    }

    /// Returns the cursors of the old store, and what those whose file is whole deliver again.
    fn readers(&self, report: &SalvageReport) -> Result<Vec<ReaderJson>> {
        let view = StoreReader::open(&self.new)?.view()?;
        let mut readers = Vec::new();
        for LeftCursor { name, place } in &report.cursors {
            let name = name.clone();
            let Some(LeftPlace { role, query, position }) = place else {
                readers.push(ReaderJson { name, role: None, position: None, again: None });
                continue;
            };
            let mut again = 0;
            for MovedRun { from, to, count } in report.runs.iter().filter(|run| run.from <= *position) {
                let passed = (position.0 - from.0 + 1).min(*count);
                let last = to.plus(passed - 1);
                again += view.as_of(last).count_with(query, ReadOptions::new().after(to.before()))?;
            }
            let (role, position) = (Some(role_word(*role)), Some(position.0));
            readers.push(ReaderJson { name, role, position, again: Some(again) });
        }
        Ok(readers)
    }

    fn write(&self, report: &SalvageReport, readers: &[ReaderJson], output: &mut Output) -> Result<()> {
        for MovedRun { from, to, count } in report.runs.iter().filter(|run| run.from != run.to) {
            let last = |first: tidegate::Position| first.plus(count - 1);
            let (old, new) = (last(*from), last(*to));
            output.line(format_args!("moved: positions {from} to {old} are now {to} to {new}"))?;
        }
        let id =
            if report.store == report.from { "it keeps the id" } else { "it is another store, with the id" };
        output.line(format_args!(
            "saved {} in {} to {}; {id} {}; readers begin anew",
            counted(report.saved.events, "event"),
            counted(report.saved.streams, "stream"),
            self.new.display(),
            report.store
        ))?;
        readers.iter().try_for_each(|reader| output.line(reader))
    }
}

impl fmt::Display for ReaderJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, role, position, again } = self;
        let (Some(role), Some(position), Some(again)) = (role, position, again) else {
            return write!(
                f,
                "the cursor {name} was at a position that is not known, as its file is damaged or of another store: it \
                 begins anew and delivers everything again, unless its program begins it later (`CursorOptions::start`)"
            );
        };
        let again = counted(*again, "event");
        write!(f, "the {role} {name} was at position {position}: it begins anew and ")?;
        match *role {
            "reactor" => write!(
                f,
                "looks again at {again}; if its reaction was saved it is known by its key, and there is no second one"
            ),
            _ => write!(
                f,
                "delivers {again} again, unless its program begins it later (`CursorOptions::start`)"
            ),
        }
    }
}

fn salvage_json(report: &SalvageReport, readers: Vec<ReaderJson>) -> SalvageJson {
    let run = |run: &MovedRun| RunJson { from: run.from.0, to: run.to.0, count: run.count };
    SalvageJson {
        verdict: report.verdict().to_string(),
        from: report.from.to_string(),
        store: report.store.to_string(),
        saved: report.saved.events,
        streams: report.saved.streams,
        runs: report.runs.iter().map(run).collect(),
        readers,
    }
}
