//! `reindex`: the index files anew.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tidegate::StoreOptions;

use crate::failure::Result;
use crate::output::{Output, counted};
use crate::writer;

const EXAMPLES: &str = "\
Example:
  tidegate reindex ./store";

/// Build every index file anew from the events
///
/// A store does this by itself wherever an index file is missing or damaged; this is for being sure.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReindexArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl ReindexArgs {
    pub(crate) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let store = writer::open(&self.directory, StoreOptions::new().create(false), json)?;
        let count = store.upkeep().reindex()? as u64;
        store.close()?;
        if json {
            return output.json(&json!({ "segments": count }));
        }
        output.line(format_args!("indexed {} anew", counted(count, "sealed segment")))
    }
}
