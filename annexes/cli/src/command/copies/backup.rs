//! `backup`: a copy of a store beside its writer, that grows with it.

use std::path::PathBuf;

use clap::Args;
use indicatif::BinaryBytes;
use serde::Serialize;
use tidegate::report::backup::{BackupPlan, BackupReport, back_up, plan_backup};

use super::until::refuse_nested;
use crate::failure::{Result, warn};
use crate::output::{Output, counted};
use crate::progress::Progress;

const RULES: &str = "\
DIR is only read, without its lock: programs go on writing meanwhile. The backup has everything that is durable when \
the command starts, or more: segments, index files and cursors. Saved states are not in it; they are folded again.

TO must not exist, be empty, or hold earlier backups of the store, which this one is added to. The earlier one is whole until this one is: a \
backup that is interrupted is run again.

On one file system segments are links, which take no room. That helps against a program that goes wrong, and not against a disk that does: \
back up to another file system too. Payloads that are erased later stay in a backup until the next one is made into it.

TO opens for reading like the store. Nothing writes to it; `tidegate restore` makes a store of it.

Examples:
  tidegate backup ./store /mnt/backup/store
  tidegate backup ./store /mnt/backup/store --plan
  tidegate examine /mnt/backup/store";

/// Back up a store while programs write to it
#[derive(Args, Debug)]
#[command(after_long_help = RULES, after_help = "`tidegate backup --help` says what is in a backup.")]
pub(in crate::command) struct BackupArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The directory of the backup
    #[arg(value_name = "TO")]
    to: PathBuf,
    /// Only say what would be done
    #[arg(long)]
    plan: bool,
}

/// What was backed up, as JSON.
#[derive(Serialize)]
struct BackupJson {
    store: String,
    number: u64,
    until: u64,
    root: String,
    unconfirmed: u64,
    linked: u64,
    copied: u64,
    kept: u64,
    bytes: u64,
}

/// What would be, as JSON.
#[derive(Serialize)]
struct PlanJson {
    store: String,
    number: u64,
    until: u64,
    new_bytes: u64,
    kept_bytes: u64,
}

impl BackupArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        refuse_nested(&self.directory, &self.to)?;
        if self.plan {
            return self.write_plan(&plan_backup(&self.directory, &self.to)?, output, json);
        }
        let progress = Progress::of_copying(json);
        let report = back_up(&self.directory, &self.to, |so_far| progress.copied(so_far));
        drop(progress);
        self.write(&report?, output, json)
    }

    fn write_plan(&self, plan: &BackupPlan, output: &mut Output, json: bool) -> Result<()> {
        let BackupPlan { store, number, until, new_bytes, kept_bytes, .. } = *plan;
        if json {
            return output.json(&PlanJson {
                store: store.to_string(),
                number,
                until: until.0,
                new_bytes,
                kept_bytes,
            });
        }
        output.line(format_args!(
            "would back up {} of the store {store} to {}, up to position {until}, as backup {number} there: {} of segments, {} \
             more are there already",
            counted(until.0, "event"),
            self.to.display(),
            BinaryBytes(new_bytes),
            BinaryBytes(kept_bytes)
        ))
    }

    fn write(&self, report: &BackupReport, output: &mut Output, json: bool) -> Result<()> {
        let BackupReport { store, number, until, root, unconfirmed, linked, copied, kept, bytes, .. } =
            *report;
        if unconfirmed > 0 {
            let message = format!(
                "{} behind position {until} may not be durable, as the program that wrote them ended without closing the \
                 store, and are not in the backup; opening the store once keeps what is whole",
                counted(unconfirmed, "event")
            );
            warn("unconfirmed", &message, json);
        }
        if json {
            let (store, until, root) = (store.to_string(), until.0, root.to_string());
            return output.json(&BackupJson {
                store,
                number,
                until,
                root,
                unconfirmed,
                linked,
                copied,
                kept,
                bytes,
            });
        }
        output.line(format_args!(
            "backed up {} of the store {store} to {}, up to position {until}: backup {number} there, {}",
            counted(until.0, "event"),
            self.to.display(),
            BinaryBytes(bytes)
        ))?;
        output.line(format_args!(
            "{} linked, {copied} copied, {kept} were there already; root {root}",
            counted(linked, "file")
        ))?;
        if linked > 0 {
            output.line(
                "links share the disk with the store: a backup on another file system is safe from that one's faults too",
            )?;
        }
        Ok(())
    }
}
