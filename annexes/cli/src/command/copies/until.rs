//! Up to where a store is taken over, and what is said of a store that is made of another one.

use std::path::Path;

use clap::Args;
use indicatif::BinaryBytes;
use serde::Serialize;
use tidegate::report::backup::{CursorPlan, RestorePlan, RestoreReport, RestoreUntil};
use tidegate::{Error, Micros, Position};
use tidegate_json::rfc3339;

use crate::failure::Result;
use crate::filter;
use crate::output::{Output, clock_time, counted};
use crate::target::is_inside;

/// Up to where.
#[derive(Args, Debug)]
#[group(required = false, multiple = false)]
pub(super) struct UntilArgs {
    /// Only events up to this position, which must end a batch
    #[arg(long, value_name = "POSITION", value_parser = filter::position)]
    until: Option<Position>,
    /// Only events that were recorded at this time or before
    #[arg(long, value_name = "TIME", value_parser = filter::time)]
    until_time: Option<Micros>,
}

impl UntilArgs {
    pub(super) fn until(&self) -> RestoreUntil {
        match (self.until, self.until_time) {
            (Some(position), _) => RestoreUntil::Position(position),
            (None, Some(time)) => RestoreUntil::Time(time),
            (None, None) => RestoreUntil::All,
        }
    }
}

/// Refuses a directory inside of the one that is only read, or around it.
pub(super) fn refuse_nested(from: &Path, to: &Path) -> Result<()> {
    if is_inside(to, from) || is_inside(from, to) {
        let message = format!("{} and {} must not lie in each other", from.display(), to.display());
        return Err(Error::invalid(message).into());
    }
    Ok(())
}

/// What was done or will be, as JSON.
#[derive(Serialize)]
struct RestoreJson {
    from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<String>,
    until: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    left_out: u64,
    keeps_id: bool,
    erased: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    linked: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    copied: Option<u64>,
    readers: Vec<ReaderJson>,
}

#[derive(Serialize)]
struct ReaderJson {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    kept: bool,
}

impl RestoreJson {
    fn of(plan: &RestorePlan, report: Option<&RestoreReport>) -> Self {
        let reader = |cursor: &CursorPlan| ReaderJson {
            name: cursor.name.clone(),
            position: cursor.position.map(u64::from),
            kept: cursor.is_kept,
        };
        Self {
            from: plan.store.to_string(),
            store: report.map(|report| report.store.to_string()),
            until: plan.until.0,
            time: plan.time.map(rfc3339),
            left_out: plan.left_out,
            keeps_id: plan.keeps_id,
            erased: report.map_or(plan.erased, |report| report.erased),
            root: report.map(|report| report.root.to_string()),
            linked: report.map(|report| report.linked),
            copied: report.map(|report| report.copied),
            readers: plan.cursors.iter().map(reader).collect(),
        }
    }
}

/// Says what would be done.
pub(super) fn write_plan(plan: &RestorePlan, to: &Path, output: &mut Output, json: bool) -> Result<()> {
    if json {
        return output.json(&RestoreJson::of(plan, None));
    }
    output.line(format_args!(
        "would take over {} of the store {} into {}{}",
        counted(plan.until.0, "event"),
        plan.store,
        to.display(),
        up_to(plan)
    ))?;
    output.line(format_args!(
        "{} ({}) as {}, links if both are on one file system; the newest one is written, {} at most",
        counted(plan.whole_segments, "segment"),
        BinaryBytes(plan.whole_bytes),
        if plan.whole_segments == 1 { "it is" } else { "they are" },
        BinaryBytes(plan.written_bytes)
    ))?;
    if plan.keeps_id {
        output.line("the new store would keep the id: positions behind its end are given again")?;
    } else {
        output.line("the new store would be a fork, with an id of its own")?;
    }
    if plan.erased > 0 {
        let payloads = counted(plan.erased, "payload");
        output.line(format_args!(
            "would erase {payloads} of it that the backup has, before it can be opened"
        ))?;
    }
    write_rest(plan, output)
}

/// Says what was done.
pub(super) fn write_report(report: &RestoreReport, to: &Path, output: &mut Output, json: bool) -> Result<()> {
    let plan = &report.plan;
    if json {
        return output.json(&RestoreJson::of(plan, Some(report)));
    }
    output.line(format_args!(
        "{} has {} of the store {}{}",
        to.display(),
        counted(plan.until.0, "event"),
        plan.store,
        up_to(plan)
    ))?;
    if plan.keeps_id {
        output.line(
            "it keeps the id: events that were acknowledged after its end no longer count, and no other \
             store with this id may be written to",
        )?;
    } else {
        output.line(format_args!(
            "it is a fork, with the id {}; receipts of the old store agree with it up to there",
            report.store
        ))?;
    }
    let (linked, copied) = (counted(report.linked, "segment"), counted(report.copied, "segment"));
    output.line(format_args!("{linked} linked, {copied} copied, one written; root {}", report.root))?;
    if report.erased > 0 {
        let payloads = counted(report.erased, "payload");
        output.line(format_args!("erased before it could be opened: {payloads} that the backup has"))?;
    }
    write_rest(plan, output)
}

fn up_to(plan: &RestorePlan) -> String {
    let time = plan.time.map(|time| format!(", recorded {} UTC", clock_time(time, false)));
    format!(": up to position {}{}", plan.until, time.unwrap_or_default())
}

fn write_rest(plan: &RestorePlan, output: &mut Output) -> Result<()> {
    if plan.left_out > 0 {
        output.line(format_args!("left out: {} behind that", counted(plan.left_out, "event")))?;
    }
    for CursorPlan { name, position, is_kept, .. } in &plan.cursors {
        let place =
            position.map_or("at a position that is not known".to_owned(), |at| format!("at position {at}"));
        let then = if *is_kept { "goes on there" } else { "begins anew" };
        output.line(format_args!("the cursor {name} was {place}: it {then}"))?;
    }
    Ok(())
}
