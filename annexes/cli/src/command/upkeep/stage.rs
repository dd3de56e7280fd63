//! `stage`: drafts that are durable outside of the log, until they are committed as one batch or cancelled.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::value::RawValue;
use tidegate::report::Stage;
use tidegate::{Draft, Error, ErrorKind, Receipt, Store, StoreOptions};
use tidegate_format::PayloadType;
use tidegate_json::message_pack_to_json;

use super::asking::asked;
use crate::command::append::DraftArgs;
use crate::escape::escape;
use crate::failure::Result;
use crate::keyring::KeyringArg;
use crate::listing::bytes_text;
use crate::output::{Output, counted};
use crate::{reader, writer};

const RULES: &str = "\
A stage keeps drafts durably, outside of the log: no reader sees them or waits for them. `commit` appends them as one batch, judged \
then, and once: a commit that is made again is answered with what the first one did. `cancel` removes them, and leaves no trace.

A name is committed once; one that was cancelled can be used again. Drafts are no events: `erase` does not reach them, and backups \
do not take them along.

`list` and `show` read beside a program that has the store open. The others need the store for themselves.

Examples:
  tidegate stage add ./store offer-7 --scope shop --entity order-7 --kind order.placed --data '{\"total\":12}'
  tidegate stage list ./store
  tidegate stage show ./store offer-7
  tidegate stage commit ./store offer-7
  tidegate stage cancel ./store offer-8 --yes";

/// Keep drafts outside of the log, and commit or cancel them later
#[derive(Args, Debug)]
#[command(after_long_help = RULES, after_help = "`tidegate stage --help` says what a stage is.")]
pub(crate) struct StageCommand {
    #[command(subcommand)]
    action: StageAction,
}

#[derive(Subcommand, Debug)]
enum StageAction {
    /// Add a draft to a stage
    Add(Box<AddArgs>),
    /// List the stages that hold drafts
    List {
        /// The store's directory
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Show the drafts of a stage
    Show(StageArgs),
    /// Append the drafts of a stage as one batch
    Commit(CommitArgs),
    /// Remove the drafts of a stage for good
    Cancel(CancelArgs),
}

#[derive(Args, Debug)]
struct StageArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The stage's name: 1 to 100 characters of a-z, 0-9, - and _
    name: String,
}

#[derive(Args, Debug)]
struct AddArgs {
    #[command(flatten)]
    stage: StageArgs,
    #[command(flatten)]
    draft: DraftArgs,
}

#[derive(Args, Debug)]
struct CommitArgs {
    #[command(flatten)]
    stage: StageArgs,
    #[command(flatten)]
    keyring: KeyringArg,
}

#[derive(Args, Debug)]
struct CancelArgs {
    #[command(flatten)]
    stage: StageArgs,
    /// Remove them without asking
    #[arg(long)]
    yes: bool,
}

/// A stage, as JSON.
#[derive(Serialize)]
struct StageJson<'a> {
    stage: &'a str,
    drafts: usize,
}

/// A draft, as JSON.
#[derive(Serialize)]
struct DraftJson<'a> {
    stage: &'a str,
    /// Its place in the stage, from 0, by which later drafts name it as a cause.
    draft: usize,
    scope: &'a str,
    entity: &'a str,
    lane: u32,
    kind: &'a str,
    tags: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_bytes: Option<usize>,
}

/// An event of a stage that is committed, as JSON.
#[derive(Serialize)]
struct CommittedJson<'a> {
    stage: &'a str,
    position: u64,
    version: u64,
    id: String,
    leaf: String,
}

/// What became of a stage, as JSON.
#[derive(Serialize)]
struct CancelJson<'a> {
    stage: &'a str,
    cancelled: bool,
    drafts: usize,
}

impl StageCommand {
    pub(crate) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        match &self.action {
            StageAction::Add(add) => add.run(output, json),
            StageAction::List { directory } => list(directory, output, json),
            StageAction::Show(stage) => stage.show(output, json),
            StageAction::Commit(commit) => commit.run(output, json),
            StageAction::Cancel(cancel) => cancel.run(output, json),
        }
    }
}

fn list(directory: &Path, output: &mut Output, json: bool) -> Result<()> {
    let store = reader::open(directory, json)?;
    for name in Stage::names_in(&store)? {
        let drafts = Stage::drafts_in(&store, &name)?.len();
        if json {
            output.json(&StageJson { stage: &name, drafts })?;
        } else {
            output.line(format_args!("{name}  {}", counted(drafts as u64, "draft")))?;
        }
    }
    Ok(())
}

impl StageArgs {
    fn open(&self, json: bool) -> Result<Store> {
        Ok(writer::open(&self.directory, StoreOptions::new().create(false), json)?)
    }

    fn show(&self, output: &mut Output, json: bool) -> Result<()> {
        let store = reader::open(&self.directory, json)?;
        let drafts = Stage::drafts_in(&store, &self.name)?;
        if drafts.is_empty() {
            let message = format!(
                "the stage {:?} has no draft; it was committed or cancelled, or never was",
                self.name
            );
            return Err(Error::new(ErrorKind::Missing, message).into());
        }
        for (number, draft) in drafts.iter().enumerate() {
            if json {
                output.json(&draft_json(&self.name, number, draft))?;
            } else {
                write_draft(number, draft, output)?;
            }
        }
        Ok(())
    }
}

fn draft_json<'a>(stage: &'a str, number: usize, draft: &'a Draft) -> DraftJson<'a> {
    let text = match draft.payload_type {
        PayloadType::Json => Some(String::from_utf8_lossy(&draft.payload).into_owned()),
        PayloadType::MessagePack => message_pack_to_json(&draft.payload),
        PayloadType::Bytes | PayloadType::Encrypted => None,
    };
    let data = text.and_then(|text| RawValue::from_string(text).ok());
    DraftJson {
        stage,
        draft: number,
        scope: &draft.stream.scope,
        entity: &draft.stream.entity,
        lane: draft.stream.lane,
        kind: &draft.kind,
        tags: draft.tags.iter().map(|tag| &**tag).collect(),
        payload_bytes: data.is_none().then_some(draft.payload.len()),
        data,
    }
}

fn write_draft(number: usize, draft: &Draft, output: &mut Output) -> Result<()> {
    let tags: Vec<String> = draft.tags.iter().map(|tag| format!("#{tag}")).collect();
    let payload = bytes_text(draft.payload_type, &draft.payload, output.width().unwrap_or(usize::MAX));
    let (stream, kind, tags) = (escape(&draft.stream), escape(&draft.kind), escape(tags.join(" ")));
    let line = [number.to_string(), stream, kind, tags, payload];
    output.line(line.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join("  "))
}

impl AddArgs {
    fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let draft = self.draft.draft()?;
        let store = self.stage.open(json)?;
        self.draft.keyring.write_with(&store)?;
        let stage = store.stage(&self.stage.name)?;
        stage.add(draft)?;
        let drafts = stage.drafts()?.len();
        store.close()?;
        let name = stage.name();
        if json {
            return output.json(&StageJson { stage: name, drafts });
        }
        output.line(format_args!("the stage {name} has {}", counted(drafts as u64, "draft")))
    }
}

impl CommitArgs {
    fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let store = self.stage.open(json)?;
        self.keyring.write_with(&store)?;
        let receipt = store.stage(&self.stage.name)?.commit()?;
        let kinds = kinds(&store, &receipt)?;
        store.close()?;
        for (event, kind) in receipt.events.iter().zip(kinds) {
            let (position, version, id) = (event.position, event.version, event.id);
            if json {
                let (stage, id, leaf) = (self.stage.name.as_str(), id.to_string(), event.leaf.to_string());
                output.json(&CommittedJson { stage, position: position.0, version: version.0, id, leaf })?;
            } else {
                output.line(format_args!("position {position}: {kind}, id {id}"))?;
            }
        }
        Ok(())
    }
}

/// Returns the kind, stream and version of each event of a receipt.
fn kinds(store: &Store, receipt: &Receipt) -> Result<Vec<String>> {
    let view = store.view()?;
    let mut kinds = Vec::new();
    for event in &receipt.events {
        let event = view.at(event.position)?;
        kinds.push(event.map_or_else(String::new, |event| {
            format!("{} in {} v{}", event.kind(), event.stream(), event.version())
        }));
    }
    Ok(kinds)
}

impl CancelArgs {
    fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let store = self.stage.open(json)?;
        let stage = store.stage(&self.stage.name)?;
        let (name, drafts) = (stage.name(), stage.drafts()?.len());
        let count = counted(drafts as u64, "draft");
        let asks = !self.yes && drafts > 0 && !json && io::stdin().is_terminal();
        let cancelled = self.yes || asks && asked(&format!("Remove {count} of the stage {name}?"), output)?;
        if cancelled {
            stage.cancel()?;
        }
        store.close()?;
        if json {
            return output.json(&CancelJson { stage: name, cancelled, drafts });
        }
        if cancelled {
            output.line(format_args!("removed {count} of the stage {name}"))
        } else {
            output.line(format_args!("the stage {name} has {count}; nothing was removed, --yes removes them"))
        }
    }
}
