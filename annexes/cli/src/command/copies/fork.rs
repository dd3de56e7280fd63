//! `fork`: another store with the same beginning.

use std::path::PathBuf;

use clap::Args;
use tidegate::report::backup::{RestoreOptions, fork, plan_restore};

use super::until::{UntilArgs, refuse_nested, write_plan, write_report};
use crate::failure::Result;
use crate::output::Output;
use crate::progress::Progress;

const RULES: &str = "\
DIR is only read, without its lock: programs go on writing meanwhile. NEW must not exist, or be empty. On one file system \
segments are links, so a fork takes little time and room; what is written to either store afterwards is its own.

The fork has an id of its own, and names the store it was made of and the position up to which they are the same. Receipts of \
DIR agree with it up to there. Cursors and saved states are not taken over.

Examples:
  tidegate fork ./store ./trial
  tidegate fork ./store ./trial --until 81966
  tidegate fork ./store ./trial --until-time 2026-11-27 --plan";

/// Make another store with the same events up to a position or time
#[derive(Args, Debug)]
#[command(after_long_help = RULES, after_help = "`tidegate fork --help` says what the new store is.")]
pub(in crate::command) struct ForkArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The directory of the new store
    #[arg(value_name = "NEW")]
    new: PathBuf,
    #[command(flatten)]
    until: UntilArgs,
    /// Only say what would be done
    #[arg(long)]
    plan: bool,
}

impl ForkArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        refuse_nested(&self.directory, &self.new)?;
        let until = self.until.until();
        if self.plan {
            let plan = plan_restore(&self.directory, &RestoreOptions::new().until(until))?;
            return write_plan(&plan, &self.new, output, json);
        }
        let progress = Progress::of_copying(json);
        let report = fork(&self.directory, &self.new, until, |so_far| progress.copied(so_far));
        drop(progress);
        write_report(&report?, &self.new, output, json)
    }
}
