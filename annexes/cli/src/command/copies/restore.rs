//! `restore`: a store made of a backup.

use std::path::PathBuf;

use clap::Args;
use tidegate::StoreReader;
use tidegate::report::backup::{RestoreOptions, plan_restore, restore};

use super::places::Fetched;
use super::until::{UntilArgs, refuse_nested, write_plan, write_report};
use crate::failure::Result;
use crate::output::Output;
use crate::progress::Progress;

const RULES: &str = "\
BACKUP is examined first and only read. NEW must not exist, or be empty. Until all is there and was verified, NEW holds a file \
UNFINISHED and does not open as a store.

The new store is a fork: it has an id of its own, and names the old one and the position up to which they are the same. \
Receipts of the old store agree up to there. A key that signs for the old store does not sign for it; cursors begin anew.

With --same it keeps id and cursors, for a store that is lost. Events that the lost store acknowledged after the end of the \
backup no longer count, since their positions are given again: a reader or a signed checkpoint that saw \
them is refused. Never write to two stores with one id.

BACKUP may be what `tidegate ship` ships to, too, a directory or a bucket. It is fetched into NEW.fetched first, which is removed afterwards.

Events are taken over by whole batches. What was erased in the store after the backup is in the backup. With --erasures FROM it is erased \
before NEW can be opened: FROM is the store that was backed up, as it is now, a fork of it, or a later backup. NEW says so in events of \
its own.

Examples:
  tidegate restore ./backup ./new --plan
  tidegate restore ./backup ./new
  tidegate restore ./backup ./new --until-time 2026-11-27T09:00:00Z
  tidegate restore ./backup ./new --same
  tidegate restore ./backup ./new --erasures ./store";

/// Make a store of a backup
#[derive(Args, Debug)]
#[command(after_long_help = RULES, after_help = "`tidegate restore --help` says what the new store is.")]
pub(in crate::command) struct RestoreArgs {
    /// The directory of the backup
    #[arg(value_name = "BACKUP")]
    directory: PathBuf,
    /// The directory of the new store
    #[arg(value_name = "NEW")]
    new: PathBuf,
    #[command(flatten)]
    until: UntilArgs,
    /// Keep the id and the cursors, for a store that is lost
    #[arg(long)]
    same: bool,
    /// Erase what this store or backup says is erased, before the new store can be opened
    #[arg(long, value_name = "FROM")]
    erasures: Option<PathBuf>,
    /// Only say what would be done
    #[arg(long)]
    plan: bool,
}

impl RestoreArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        refuse_nested(&self.directory, &self.new)?;
        let options = RestoreOptions::new().until(self.until.until()).keep_id(self.same);
        let options = match &self.erasures {
            Some(from) => options.erasures_of(&StoreReader::open(from)?)?,
            None => options,
        };
        let fetched = Fetched::of(&self.directory, &self.new)?;
        let directory = fetched.as_ref().map_or(self.directory.as_path(), Fetched::directory);
        if self.plan {
            return write_plan(&plan_restore(directory, &options)?, &self.new, output, json);
        }
        let progress = Progress::of_copying(json);
        let report = restore(directory, &self.new, &options, |so_far| progress.copied(so_far));
        drop(progress);
        write_report(&report?, &self.new, output, json)
    }
}
