//! `append`: one event.

mod draft;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use tidegate::{Batch, Condition, Draft, Error, ErrorPlace, Position, QueryItem, StoreOptions, Version};
use tidegate_json::rfc3339;

use crate::failure::Result;
use crate::filter;
use crate::output::Output;
use crate::writer;

pub(super) use draft::DraftArgs;

const EXAMPLES: &str = "\
Examples:
  tidegate append ./store --scope shop --entity order-7 \\
      --kind order.placed --data '{\"total\":12}'
  tidegate append ./store --scope shop --entity order-7 \\
      --kind order.paid --tag method:card --cause 1
  tidegate append ./store --scope users --entity u1 --kind name.claimed \\
      --tag name:ada --fail-if-tag name:ada \\
      --idempotency-key claim-u1-ada";

/// Append one event
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct AppendArgs {
    /// The store's directory; created if there is none
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    draft: DraftArgs,
    /// Only if the stream has exactly this many events; 0 is none
    #[arg(long, value_name = "N", help_heading = "Only if")]
    expect_version: Option<u64>,
    /// Only if no event of this kind, or of a family such as `order.*`, is there; several: any of them
    #[arg(long, value_name = "KIND", value_parser = filter::kind, help_heading = "Only if")]
    fail_if_kind: Vec<String>,
    /// Only if no event with this tag is there; several, and with kinds: that has all of it
    #[arg(long, value_name = "TAG", help_heading = "Only if")]
    fail_if_tag: Vec<String>,
    /// Count for --fail-if-kind and --fail-if-tag only events after this position
    #[arg(long, value_name = "POSITION", value_parser = filter::position, help_heading = "Only if")]
    after: Option<Position>,
    /// The same event under the same idempotency key is appended once
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// When the append is done: on disk, or handed to the system
    #[arg(long, value_enum, default_value_t = DurabilityArg::Synced)]
    durability: DurabilityArg,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DurabilityArg {
    Synced,
    Buffered,
}

/// What is reported the new event.
#[derive(Serialize)]
struct ReceiptJson {
    position: u64,
    version: u64,
    id: String,
    recorded: String,
    leaf: String,
    store: String,
}

impl AppendArgs {
    pub(super) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let draft = self.draft.draft()?;
        let stream = draft.stream.clone();
        let append = match self.durability {
            DurabilityArg::Synced => tidegate::AppendOptions::new().synced(),
            DurabilityArg::Buffered => tidegate::AppendOptions::new().buffered(),
        };
        let store = writer::open(&self.directory, StoreOptions::new(), json)?;
        self.draft.keyring.write_with(&store)?;
        let receipt = store.append_with(self.batch(draft), append).map_err(alone)?;
        store.close()?;
        if store.report().created && !json {
            output.line(format_args!("created a store in {}", self.directory.display()))?;
        }
        for event in &receipt.events {
            let (position, version, id) = (event.position, event.version, event.id);
            if !json {
                let kind = &self.draft.kind;
                output.line(format_args!("position {position}: {kind} in {stream} v{version}, id {id}"))?;
                continue;
            }
            output.json(&ReceiptJson {
                position: position.0,
                version: version.0,
                id: id.to_string(),
                recorded: rfc3339(receipt.time),
                leaf: event.leaf.to_string(),
                store: receipt.store.to_string(),
            })?;
        }
        Ok(())
    }

    /// Returns the event with what must hold for it.
    fn batch(&self, draft: Draft) -> Batch {
        let stream = draft.stream.clone();
        let mut batch = Batch::from(draft);
        if let Some(version) = self.expect_version {
            batch = batch.only_if(Condition::Version(stream, Version(version)));
        }
        if !self.fail_if_kind.is_empty() || !self.fail_if_tag.is_empty() {
            let item = self.fail_if_kind.iter().cloned().fold(QueryItem::new(), QueryItem::kind);
            let item = self.fail_if_tag.iter().cloned().fold(item, QueryItem::tag);
            let after = self.after.unwrap_or(Position::START);
            batch = batch.only_if(Condition::fail_if(item).after(after));
        }
        match &self.idempotency_key {
            Some(key) => batch.key(key.clone()),
            None => batch,
        }
    }
}

/// A batch of one draft needs no number for it.
fn alone(error: Error) -> Error {
    match error.place() {
        Some(ErrorPlace::Draft(_)) => match error.conflict() {
            Some(conflict) => Error::new(error.kind(), error.message()).because(*conflict),
            None => Error::new(error.kind(), error.message()),
        },
        _ => error,
    }
}
