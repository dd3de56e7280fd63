//! `prove --check`: what a file shows to people who have no store.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};
use tidegate::proofs::{CensusProof, CensusTerm, Proof};
use tidegate::{Error, Micros};
use tidegate_format::{PayloadType, Record};
use tidegate_json::rfc3339;
use tidegate_proof::{Approval, DisclosedRecord, Entry, Policy};

use super::files::read_text;
use crate::failure::Result;
use crate::output::{Output, counted};

/// What a file begins with that shows all events of something.
const CENSUS_PROOF: &str = "tidegate/census-proof@";

/// What is shown, as JSON.
#[derive(Serialize)]
struct CheckJson {
    origin: String,
    size: u64,
    root: String,
    cosigners: Vec<CosignerJson>,
    /// Of a file that shows all events of something: up to which position, and how many there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    events: Vec<EventJson>,
}

#[derive(Serialize)]
struct CosignerJson {
    name: String,
    time: String,
}

/// An event that is shown, and as much of it as is shown.
#[derive(Serialize)]
struct EventJson {
    position: u64,
    version: u64,
    id: String,
    recorded: String,
    leaf: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lane: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
}

/// Checks a file, of which the first line says what it is.
pub(super) fn run(
    file: &Path,
    policy: &Policy,
    term: Option<&CensusTerm>,
    output: &mut Output,
    json: bool,
) -> Result<()> {
    let text = read_text(file)?;
    let found = if text.starts_with(CENSUS_PROOF) {
        let missing = || Error::invalid("the file shows all events of something; say of what with --all");
        term.ok_or_else(missing).and_then(|term| all(&text, policy, term))
    } else if term.is_some() {
        Err(Error::invalid("the file shows one event, and not all of something; leave out --all"))
    } else {
        single(&text, policy)
    };
    let found = found.map_err(|error| error.in_file(&file.display().to_string(), None))?;
    if json {
        return output.json(&found);
    }
    if let (Some(count), Some(until), Some(term)) = (found.count, found.until, term) {
        output.line(format_args!("proved: {term} has {} up to position {until}", counted(count, "event")))?;
    } else {
        output.line("proved: the event stands in the log")?;
    }
    found.events.iter().try_for_each(|event| output.line(event))?;
    output.line(format_args!(
        "under {} of {}, which its log signed",
        counted(found.size, "event"),
        found.origin
    ))?;
    found.cosigners.iter().try_for_each(|CosignerJson { name, time }| {
        output.line(format_args!("witnessed by {name} at {time}"))
    })
}

/// Checks the proof of one event.
fn single(text: &str, policy: &Policy) -> Result<CheckJson, Error> {
    let proof: Proof = text.parse()?;
    let proved = proof.verify(policy)?;
    let record = proved.record();
    let event = EventJson::of(&proved.entry, record.as_ref().map(DisclosedRecord::record).as_ref());
    Ok(CheckJson::of(&proved.approval, vec![event]))
}

/// Checks the proof of all events of something.
fn all(text: &str, policy: &Policy, term: &CensusTerm) -> Result<CheckJson, Error> {
    let proof: CensusProof = text.parse()?;
    let finding = proof.verify(policy, term)?;
    // The entries are those that follow from what is shown, so what is shown is proved with them.
    let shown = finding.entries.iter().zip(proof.events()).map(|(entry, event)| {
        let record = event.record();
        EventJson::of(entry, record.as_ref().map(DisclosedRecord::record).as_ref())
    });
    let found = CheckJson::of(&finding.approval, shown.collect());
    Ok(CheckJson { until: Some(finding.census.until.0), count: Some(finding.count()), ..found })
}

impl CheckJson {
    fn of(approval: &Approval, events: Vec<EventJson>) -> Self {
        let head = &approval.checkpoint;
        let cosigners = approval.cosigners.iter().map(|cosigner| CosignerJson {
            name: cosigner.key.name().to_owned(),
            time: rfc3339(Micros(cosigner.time.saturating_mul(1_000_000))),
        });
        Self {
            origin: head.origin().to_owned(),
            size: head.size(),
            root: head.root().to_string(),
            cosigners: cosigners.collect(),
            until: None,
            count: None,
            events,
        }
    }
}

impl EventJson {
    fn of(entry: &Entry, record: Option<&Record<'_>>) -> Self {
        Self {
            position: entry.position().0,
            version: entry.version().0,
            id: entry.id().to_string(),
            recorded: rfc3339(entry.time()),
            leaf: entry.leaf().to_string(),
            scope: record.map(|record| record.scope().to_owned()),
            entity: record.map(|record| record.entity().to_owned()),
            lane: record.map(Record::lane),
            kind: record.map(|record| record.kind().to_owned()),
            tags: record.map(|record| record.tags().map(str::to_owned).collect()).unwrap_or_default(),
            data: record.and_then(data),
        }
    }
}

/// The payload, if it is shown: JSON as it is, other text as text, and bytes by their number.
fn data(record: &Record<'_>) -> Option<Value> {
    let payload = record.payload().ok()?;
    let is_json = record.payload_type() == PayloadType::Json;
    let json = is_json.then(|| serde_json::from_slice(payload).ok()).flatten();
    let text = || std::str::from_utf8(payload).ok().map(Value::from);
    Some(json.or_else(text).unwrap_or_else(|| json!({ "bytes": payload.len() })))
}

impl fmt::Display for EventJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, version, id, recorded, .. } = self;
        write!(f, "position {position}, v{version}, id {id}, recorded {recorded}")?;
        if let (Some(scope), Some(entity), Some(kind)) = (&self.scope, &self.entity, &self.kind) {
            write!(f, ": {kind} in {scope}/{entity}")?;
        }
        if let Some(lane) = self.lane.filter(|lane| *lane != 0) {
            write!(f, "/{lane}")?;
        }
        self.data.iter().try_for_each(|data| write!(f, " {data}"))
    }
}
