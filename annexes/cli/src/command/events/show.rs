//! `show`: one event whole, with what led to it and what it led to.

use std::borrow::Cow;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;
use tidegate::decide::Explanation;
use tidegate::{Cause, Error, ErrorKind, Position, RecordedEvent, View};
use tidegate_format::PayloadType;
use tidegate_json::{event_to_json, message_pack_to_json, rfc3339};

use super::explain::{list, title};
use super::indent::indented;
use crate::clock::source_time;
use crate::escape::escape_lines;
use crate::event_ref::EventRef;
use crate::failure::{Result, kind_name};
use crate::keyring::KeyringArg;
use crate::output::{Output, counted};
use crate::reader::{open, warn_of_damage};

const EXAMPLES: &str = "\
An EVENT is named by its position, its id, or its import key (`import-key:1234` if that is a number). The leaf hash is \
what a receipt of the event holds. `tidegate explain` says what was read for it.

Examples:
  tidegate show ./store 17
  tidegate show ./store order-7-placed --scope shop
  tidegate show ./store 0195fdd6-0000-7000-8000-0000000000aa --json";

/// Show one event whole: all its fields, its payload in lines, what led to it and what it led to
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(in crate::command) struct ShowArgs {
    /// The store's directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Which event
    #[arg(value_name = "EVENT")]
    event: EventRef,
    #[command(flatten)]
    keyring: KeyringArg,
    /// The scope in which import keys are looked up
    #[arg(long)]
    scope: Option<String>,
    /// How many of its effects are shown, the first ones
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

/// An event whole, as JSON.
#[derive(Serialize)]
struct WholeJson {
    event: Box<RawValue>,
    leaf: String,
    batch: [u64; 2],
    gates: Vec<String>,
    causes: Vec<u64>,
    effects: Vec<u64>,
    /// Whether there are more effects than these.
    more_effects: bool,
}

/// What an event is connected with.
struct Around {
    causes: Vec<Position>,
    effects: Vec<Position>,
    more_effects: bool,
}

impl ShowArgs {
    pub(in crate::command) fn run(&self, output: &mut Output, json: bool) -> Result<()> {
        let store = open(&self.directory, json)?;
        self.keyring.read_with(&store)?;
        let view = store.view()?;
        let position = self.event.find(&view, self.scope.as_deref())?;
        let missing = || Error::damaged("an event of the log is not in it", position, "none");
        let event = view.at(position)?.ok_or_else(missing)?;
        let explanation = view.explain(position)?;
        let around = self.around(&view, position)?;
        if json {
            output.json(&WholeJson {
                event: RawValue::from_string(event_to_json(&event, &view)?)?,
                leaf: event.leaf().to_string(),
                batch: [explanation.batch.start().0, explanation.batch.end().0],
                gates: explanation.gates.iter().map(ToString::to_string).collect(),
                causes: around.causes.iter().map(|cause| cause.0).collect(),
                effects: around.effects.iter().map(|effect| effect.0).collect(),
                more_effects: around.more_effects,
            })?;
        } else {
            output.page();
            write_fields(&event, &view, &explanation, output)?;
            write_payload(&event, output)?;
            write_around(&event, &view, &around, output)?;
        }
        warn_of_damage(&store, json)
    }

    fn around(&self, view: &View, position: Position) -> Result<Around> {
        let graph = view.graph();
        let causes = graph.causes(position)?.collect::<tidegate::Result<Vec<_>>>()?;
        let mut effects =
            graph.effects(position)?.take(self.limit + 1).collect::<tidegate::Result<Vec<_>>>()?;
        let more_effects = effects.len() > self.limit;
        effects.truncate(self.limit);
        Ok(Around { causes, effects, more_effects })
    }
}

fn write_fields(
    event: &RecordedEvent,
    view: &View,
    explanation: &Explanation,
    output: &mut Output,
) -> Result<()> {
    let Explanation { batch, gates, .. } = explanation;
    title(output, "position", format_args!("{} of {}", event.position(), view.head()))?;
    title(output, "id", event.id())?;
    title(output, "stream", format_args!("{}, version {}", event.stream(), event.version()))?;
    let schema = if event.schema() == 1 { String::new() } else { format!(", schema {}", event.schema()) };
    title(output, "kind", format_args!("{}{schema}", event.kind()))?;
    title(output, "recorded", rfc3339(event.time()))?;
    if let Some(time) = source_time(event) {
        title(output, "happened", format_args!("{}, as its source says", rfc3339(time)))?;
    }
    let flow = event.correlation().first();
    let begun = if flow == event.id() { ", which it began" } else { "" };
    title(output, "flow", format_args!("{flow}{begun}"))?;
    if event.tags().len() > 0 {
        title(output, "tags", event.tags().collect::<Vec<_>>().join(" "))?;
    }
    if let Some((key, _)) = event.record().key() {
        title(output, "key", key)?;
    }
    for (name, value) in event.metadata().filter(|(name, _)| *name != "import.time") {
        let value = String::from_utf8(value.to_vec()).unwrap_or_else(|_| format!("{} bytes", value.len()));
        match name {
            "import.key" => title(output, "imported", format_args!("with the key {value}"))?,
            _ => title(output, "meta", format_args!("{name}: {value}"))?,
        }
    }
    let count = batch.end().0 - batch.start().0 + 1;
    if count > 1 {
        title(output, "batch", format_args!("{} to {}, as one", batch.start(), batch.end()))?;
    }
    if !gates.is_empty() {
        title(output, "gates", format_args!("passed {}", gates.join(", ")))?;
    }
    title(output, "leaf", event.leaf())
}

fn write_payload(event: &RecordedEvent, output: &mut Output) -> Result<()> {
    let payload = match event.payload() {
        Ok(payload) => payload,
        Err(error) if matches!(error.kind(), ErrorKind::Erased | ErrorKind::Encrypted) => {
            return title(output, "payload", kind_name(error.kind()));
        }
        Err(error) => return Err(error.into()),
    };
    let bytes = counted(payload.len() as u64, "byte");
    let (what, json) = match event.payload_type() {
        PayloadType::Json => ("JSON", Some(String::from_utf8_lossy(payload))),
        PayloadType::MessagePack => ("MessagePack", message_pack_to_json(payload).map(Cow::Owned)),
        PayloadType::Bytes if payload.is_empty() => return title(output, "payload", "none"),
        PayloadType::Bytes | PayloadType::Encrypted => ("plain", None),
    };
    title(output, "payload", format_args!("{what}, {bytes}"))?;
    let text = match (json.as_deref().and_then(indented), std::str::from_utf8(payload)) {
        (Some(json), _) => json,
        (None, Ok(text)) => text.to_owned(),
        (None, Err(_)) => hex(payload),
    };
    for line in escape_lines(text).lines() {
        output.styled(format_args!("  {line}"))?;
    }
    Ok(())
}

/// Returns bytes sixteen a line, each line with the number of its first byte.
fn hex(bytes: &[u8]) -> String {
    let line = |(at, bytes): (usize, &[u8])| {
        let words: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{:06x}  {}", at * 16, words.join(" "))
    };
    bytes.chunks(16).enumerate().map(line).collect::<Vec<_>>().join("\n")
}

fn write_around(event: &RecordedEvent, view: &View, around: &Around, output: &mut Output) -> Result<()> {
    let Around { causes, effects, more_effects } = around;
    title(output, "causes", if event.causes().next().is_none() { "none" } else { "" })?;
    for cause in event.causes() {
        if let Cause::Foreign(store, id) = cause {
            output.line(format_args!("{id} in the store {store}"))?;
        }
    }
    list(&events(causes, view)?, view, output)?;
    let said = match (effects.len(), *more_effects) {
        (0, false) => "none".to_owned(),
        (_, false) => String::new(),
        (shown, true) => format!("the first {shown}; `tidegate graph effects` lists all"),
    };
    title(output, "effects", said)?;
    list(&events(effects, view)?, view, output)
}

fn events(positions: &[Position], view: &View) -> Result<Vec<RecordedEvent>> {
    let events = positions.iter().filter_map(|position| view.at(*position).transpose());
    Ok(events.collect::<tidegate::Result<_>>()?)
}
