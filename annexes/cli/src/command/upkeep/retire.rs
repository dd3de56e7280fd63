//! `retire`: the records of the first segments go; what needs none of them is answered as before.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tidegate::report::{Retire, RetirePlan, Retirement};
use tidegate::{Micros, Position, StoreOptions, StoreReader};

use super::asking::asked;
use crate::failure::Result;
use crate::filter::{position, time};
use crate::output::{Output, counted};
use crate::{reader, writer};

const RULES: &str = "\
The records of the events before a position or a time go, in whole segments, so the log may begin a little earlier than asked. What needs \
no record is answered as before, for good: whether a condition matches, counts, versions, idempotency keys, ids, causes and effects, \
proofs of consistency. What needs one is refused as retired, and never passed over: reading it, a cursor behind it.

Without --yes this is a dry run: it says what would go. At a terminal it then asks, if --reason and --by are given. What is done cannot \
be undone; a backup that was made before holds the records still.

It is refused while a cursor or a saved state of a projection has not read all of that; --force overrides it. Readers that keep \
their place outside the store are not known here.

An event of kind tidegate.retired keeps the position, the reason and by whom. No other program may have the store open for writing; one that \
has it retires with `Upkeep::retire`.

Examples:
  tidegate retire ./store --before-time 2016-01-01T00:00:00Z
  tidegate retire ./store --before-time 2016-01-01T00:00:00Z --reason 'older than ten years' --by retention --yes
  tidegate retire ./store --before 1000000 --reason 'archived' --by 'desk 2' --yes";

/// Retire the records of the first events for good
#[derive(Args, Debug)]
#[command(after_long_help = RULES, after_help = "`tidegate retire --help` says what goes, what stays and what is refused.")]
pub(crate) struct RetireArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The events before this position
    #[arg(long, value_name = "POSITION", value_parser = position, required_unless_present = "before_time")]
    before: Option<Position>,
    /// The events that were recorded before this time
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "before")]
    before_time: Option<Micros>,
    /// Why; kept in the log for good
    #[arg(long, value_name = "WORDS", requires = "by")]
    reason: Option<String>,
    /// By whom, such as a desk or a rule; kept in the log for good
    #[arg(long, value_name = "WORDS", requires = "reason")]
    by: Option<String>,
    /// Also what a cursor or a projection has not read yet
    #[arg(long)]
    force: bool,
    /// Retire without asking
    #[arg(long, requires = "reason")]
    yes: bool,
}

/// What would be retired, as JSON.
#[derive(Serialize)]
struct PlanJson {
    retired: bool,
    floor: u64,
    events: u64,
    segments: u64,
    segment_bytes: u64,
    behind: Vec<BehindJson>,
}

#[derive(Serialize)]
struct BehindJson {
    name: String,
    position: u64,
    next: u64,
}

/// What was retired, as JSON.
#[derive(Serialize)]
struct RetirementJson {
    retired: bool,
    /// Left out if no whole segment lay before the position.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    floor: u64,
    events: u64,
    segments: u64,
    bytes_freed: u64,
    bytes_kept: u64,
    /// Old files that are removed by the next opening for writing.
    left: Vec<String>,
}

impl RetireArgs {
    pub(crate) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let words = self.reason.as_ref().zip(self.by.as_ref());
        if let Some((reason, by)) = words.filter(|_| self.yes) {
            return self.retire(reason, by, output, json);
        }
        let store = reader::open(&self.directory, json)?;
        let plan = RetirePlan::of(&store, self.before(&store)?)?;
        drop(store);
        write_plan(&plan, output, json)?;
        let asks = words.filter(|_| plan.segments > 0 && !json && io::stdin().is_terminal());
        match asks {
            Some((reason, by)) if asked("Retire them for good?", output)? => {
                self.retire(reason, by, output, json)
            }
            _ if json => Ok(()),
            _ => output.line("nothing was retired; --reason, --by and --yes retire it for good"),
        }
    }

    /// Returns the position before which events go.
    fn before(&self, store: &StoreReader) -> Result<Position> {
        match self.before_time {
            Some(time) => Ok(store.view()?.position_before(time)?.next()),
            None => Ok(self.before.unwrap_or_default()),
        }
    }

    fn retire(&self, reason: &str, by: &str, output: &mut Output, json: bool) -> Result<()> {
        let store = writer::open(&self.directory, StoreOptions::new().create(false), json)?;
        let before = self.before(&store)?;
        let retirement = store.upkeep().retire(before, Retire::new(reason, by).force(self.force))?;
        store.close()?;
        if json { output.json(&retirement_json(&retirement)) } else { output.line(retirement) }
    }
}

fn write_plan(plan: &RetirePlan, output: &mut Output, json: bool) -> Result<()> {
    if json {
        let behind = plan.behind.iter().map(|reader| BehindJson {
            name: reader.name.clone(),
            position: reader.position.0,
            next: reader.next.0,
        });
        return output.json(&PlanJson {
            retired: false,
            floor: plan.floor.0,
            events: plan.events,
            segments: plan.segments,
            segment_bytes: plan.segment_bytes,
            behind: behind.collect(),
        });
    }
    if plan.segments == 0 {
        let floor = plan.floor;
        return output
            .line(format_args!("no whole segment lies before that; the log begins at position {floor}"));
    }
    output.line(format_args!(
        "would retire {} in {} ({}); the log would begin at position {}",
        counted(plan.events, "record"),
        counted(plan.segments, "segment"),
        counted(plan.segment_bytes, "byte"),
        plan.floor
    ))?;
    plan.behind.iter().try_for_each(|reader| output.line(format_args!("in the way: {reader}")))
}

fn retirement_json(retirement: &Retirement) -> RetirementJson {
    RetirementJson {
        retired: true,
        position: retirement.recorded.map(|position| position.0),
        floor: retirement.floor.0,
        events: retirement.events,
        segments: retirement.segments,
        bytes_freed: retirement.bytes_freed,
        bytes_kept: retirement.bytes_kept,
        left: retirement.left.clone(),
    }
}
