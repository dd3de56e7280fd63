//! `tiles`: the log's tree as a folder of files.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tidegate::Error;
use tidegate::proofs::TilesOptions;

use super::files::read_value;
use crate::failure::{Result, warn};
use crate::output::{Output, counted};
use crate::reader::open;
use crate::target::is_inside;

const EXAMPLES: &str = "\
OUT is then what any web server hands out and any client of transparency logs reads (c2sp.org/tlog-tiles): `checkpoint` and \
`tile/`. A folder that holds an older checkpoint of the log is continued. The new checkpoint is written last, so an export \
that is interrupted changes nothing for readers of the folder, and the next one goes on. It looks at the edge of what is \
there, and with --verify at everything.

With --entries it also holds 136 bytes of each event: position, version, time, id, lengths, and a hash that hides names and \
payload.

Examples:
  tidegate tiles ./store ./public --checkpoint shop.checkpoint
  tidegate tiles ./store ./public --checkpoint shop.checkpoint --entries
  tidegate tiles ./store ./public --checkpoint shop.checkpoint --verify";

/// Write the tree over the log as a folder of files
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(in crate::command) struct TilesArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The folder, which is created if it is missing
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// The checkpoint to export
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// Write the entries of events too
    #[arg(long)]
    entries: bool,
    /// Compute every tile again from the log, and write anew what is wrong or missing in the folder
    #[arg(long)]
    verify: bool,
}

#[derive(Serialize)]
struct TilesJson {
    old: u64,
    new: u64,
    files: u64,
    mended: bool,
}

impl TilesArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        if is_inside(&self.out, &self.directory) {
            let message = "the folder of tiles cannot lie inside the store, which is only read";
            return Err(Error::invalid(message)
                .advise("choose a folder outside the store's directory")
                .into());
        }
        let store = open(&self.directory, json)?;
        let checkpoint = read_value(&self.checkpoint, "a checkpoint")?;
        let options = TilesOptions::new().entries(self.entries).verify(self.verify);
        let report = store.proofs().export_tiles(&checkpoint, &self.out, options)?;
        let (old, new, files, mended) = (report.old, report.new, report.files, report.mended);
        if mended {
            let message = "the folder lacked files or had wrong ones; they were written anew";
            warn("mended", message, json);
        }
        if json {
            return output.json(&TilesJson { old, new, files, mended });
        }
        output.line(format_args!(
            "{} has {} now, {} more; {} written",
            self.out.display(),
            counted(new, "event"),
            new - old,
            counted(files, "file")
        ))
    }
}
