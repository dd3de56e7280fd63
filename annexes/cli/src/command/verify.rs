//! `verify`: whether every byte is what was written.

use std::path::PathBuf;

use clap::Args;
use indicatif::BinaryBytes;
use serde::Serialize;

use crate::failure::{Result, warn};
use crate::output::{Output, counted};
use crate::progress::Progress;
use crate::reader::{open, unconfirmed};

const EXAMPLES: &str = "\
Ends with 0 if all is well, with 2 and the place of the first fault if it is not. It may run beside \
a writer, and looks at what was synced when it started.

Examples:
  tidegate verify ./store
  tidegate verify ./store --json";

/// Read everything again and check every checksum, link, leaf and cause
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct VerifyArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// What was found whole.
#[derive(Serialize)]
struct VerifyJson {
    events: u64,
    /// Events behind them that are not known to be durable, and were not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    unconfirmed: Option<u64>,
    streams: u64,
    bytes: u64,
    /// Hashes of the tree in files that are those of the events, and others.
    tree_hashes: u64,
    #[serde(skip_serializing_if = "is_zero")]
    tree_hashes_wrong: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl VerifyArgs {
    pub(super) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let store = open(&self.directory, json)?;
        let progress = Progress::of_events(store.view()?.head().0, json);
        let verified = store.verify(|so_far| {
            progress.moved_to(so_far.events);
            progress.events(so_far.events);
        });
        drop(progress);
        let verified = verified?;
        let whole = VerifyJson {
            events: verified.events,
            unconfirmed: unconfirmed(&store),
            streams: verified.streams,
            bytes: verified.bytes,
            tree_hashes: verified.tree_hashes,
            tree_hashes_wrong: verified.tree_hashes_wrong,
        };
        if whole.tree_hashes_wrong > 0 {
            let wrong = whole.tree_hashes_wrong;
            let message = format!("wrong hashes in tree/: {wrong}; `tidegate reindex` makes them anew");
            warn("tree", &message, json);
        }
        if json {
            return output.json(&whole);
        }
        output.line(format_args!(
            "all is well: {} in {}, {} of records",
            counted(whole.events, "event"),
            counted(whole.streams, "stream"),
            BinaryBytes(whole.bytes)
        ))
    }
}
