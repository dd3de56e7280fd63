//! Golden payloads: what a type wrote once, kept beside its source, and read by every later version of it.
//!
//! A golden file is text of the caller's source tree, a line for each payload. A test gives it to [`check`] with sample
//! values. The test fails if a line can no longer be read, and if a sample is no longer written as a line says: its
//! payload or the shape of its type changed. The error holds the lines to append, or says that a version is missing. So a
//! change of a type is seen before it is released, and in the review that takes the file's new lines; nothing is kept
//! beside the log, and opening a store compares nothing.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use tidegate::Event;
//! use tidegate::typed::golden;
//!
//! #[derive(Debug, PartialEq, Serialize, Deserialize, Event)]
//! #[event(kind = "probe.launched")]
//! struct Launched {
//!     crew: u32,
//! }
//!
//! // In a test: include_str!("probe.golden")
//! let golden = r#"{"kind":"probe.launched","version":1,"shape":"{crew:u32}","type":"message_pack","payload":"81a46372657703"}"#;
//! assert_eq!(golden::check(golden, [Launched { crew: 3 }])?, [Launched { crew: 3 }]);
//!
//! let error = golden::check("", [Launched { crew: 3 }]).unwrap_err();
//! assert!(error.message().ends_with(golden));
//! # Ok::<(), tidegate::Error>(())
//! ```

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use tidegate_format::record::{self, Facts, Placed};
use tidegate_format::{Blind, Draft, Error, EventId, Hash, Micros, PayloadType, Position, Result, Version};
use tidegate_segment::RecordedEvent;

use super::kind::{CONTENT_TYPE, Kind};
use super::value::Event;

/// Reads every payload of a golden file and writes every sample: the lines must be readable, and each sample must be
/// written as one of them says. Returns the values of all lines, in their order, to be compared with what they should be.
///
/// Give at least one sample of each kind of the type, with every field filled; one whose payload is the same every time,
/// so no map without an order. Lines are only ever appended. Empty lines and those that begin with `#` are skipped.
///
/// # Errors
///
/// [`Invalid`](crate::ErrorKind::Invalid) if a line cannot be read, with its number; if a kind has no sample; and if a
/// sample is not in the file, with the lines to append.
pub fn check<E: Event>(golden: &str, samples: impl IntoIterator<Item = E>) -> Result<Vec<E>> {
    let mut lines = Vec::new();
    let mut values = Vec::new();
    for (number, text) in (1..).zip(golden.lines()) {
        if text.trim().is_empty() || text.starts_with('#') {
            continue;
        }
        let read = Line::read(text).and_then(|line| Ok((E::all_of(&line.event()?)?, line)));
        let (found, line) = read.map_err(|error| {
            let what = format!("line {number} of the golden file cannot be read: {}", error.message());
            Error::invalid(what).because(error)
        })?;
        values.extend(found);
        lines.push(line);
    }
    let kinds = E::kinds();
    let mut sampled = Vec::new();
    let mut missing: Vec<Line> = Vec::new();
    for sample in samples {
        let line = Line::of(&sample.draft(("golden", "sample"))?, &kinds);
        sampled.push(line.kind.clone());
        if !lines.contains(&line) && !missing.contains(&line) {
            missing.push(line);
        }
    }
    if let Some(kind) = kinds.iter().find(|kind| !sampled.iter().any(|name| name == kind.name)) {
        return Err(Error::invalid(format!("no sample of the kind {:?}: give at least one", kind.name)));
    }
    if missing.is_empty() { Ok(values) } else { Err(complaint(&lines, &missing)) }
}

/// Returns the error for samples that are not in the file.
fn complaint(lines: &[Line], missing: &[Line]) -> Error {
    let mut message = String::new();
    for line in missing {
        let same = |known: &&Line| (&known.kind, known.version) == (&line.kind, line.version);
        let Some(known) = lines.iter().rfind(same) else { continue };
        let what = if known.shape == line.shape {
            "has another payload than the golden file".to_owned()
        } else {
            format!("had the shape {} and now has {}", known.shape, line.shape)
        };
        let Line { kind, version, .. } = line;
        // Nothing fails to be written to a string.
        let _ = write!(
            message,
            "the kind {kind:?} in version {version} {what}: raise its version and read the old one by an upcast, unless \
             old payloads are read as before; "
        );
    }
    message.push_str("append to the golden file what is written now:");
    for line in missing {
        message.push('\n');
        message.push_str(&line.write());
    }
    Error::invalid(message)
}

/// One payload of a golden file.
#[derive(PartialEq, Eq)]
struct Line {
    kind: String,
    version: u16,
    shape: String,
    payload_type: PayloadType,
    content: Option<String>,
    payload: Vec<u8>,
}

impl Line {
    fn of(draft: &Draft, kinds: &[Kind]) -> Self {
        let shape = kinds.iter().find(|kind| kind.name == draft.kind).map_or("", |kind| kind.shape);
        let content = draft.metadata.iter().find(|(name, _)| name == CONTENT_TYPE);
        Self {
            kind: draft.kind.clone().into_owned(),
            version: draft.schema,
            shape: shape.to_owned(),
            payload_type: draft.payload_type,
            content: content.map(|(_, value)| String::from_utf8_lossy(value).into_owned()),
            payload: draft.payload.to_vec(),
        }
    }

    fn write(&self) -> String {
        let payload = self.payload.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let (kind, payload_type) = (json!(self.kind), json!(type_name(self.payload_type)));
        let (version, shape) = (self.version, json!(self.shape));
        let content =
            self.content.as_ref().map_or(String::new(), |content| format!(",\"content\":{}", json!(content)));
        format!(
            r#"{{"kind":{kind},"version":{version},"shape":{shape},"type":{payload_type}{content},"payload":"{payload}"}}"#
        )
    }

    fn read(text: &str) -> Result<Self> {
        let fields: Map<String, Value> = serde_json::from_str(text)
            .map_err(|cause| Error::invalid("it is not a JSON object").because(cause))?;
        let wrong = |name: &str| Error::invalid(format!("its {name} is missing or wrong"));
        let text = |name: &str| fields.get(name).and_then(Value::as_str).ok_or_else(|| wrong(name));
        let version = fields.get("version").and_then(Value::as_u64);
        let types = [PayloadType::MessagePack, PayloadType::Json, PayloadType::Bytes];
        let named = text("type")?;
        let digits = text("payload")?.as_bytes();
        let bytes = digits.chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        });
        Ok(Self {
            kind: text("kind")?.to_owned(),
            version: version
                .and_then(|version| u16::try_from(version).ok())
                .ok_or_else(|| wrong("version"))?,
            shape: text("shape")?.to_owned(),
            payload_type: types
                .into_iter()
                .find(|payload_type| type_name(*payload_type) == named)
                .ok_or_else(|| wrong("type"))?,
            content: fields.get("content").and_then(Value::as_str).map(str::to_owned),
            payload: bytes.collect::<Option<_>>().ok_or_else(|| wrong("payload"))?,
        })
    }

    /// Returns an event with this payload, the first one of a log.
    fn event(&self) -> Result<RecordedEvent> {
        let mut draft = Draft::new(("golden", "sample"), self.kind.clone()).schema(self.version);
        (draft.payload_type, draft.payload) = (self.payload_type, self.payload.clone().into());
        if let Some(content) = self.content.clone() {
            draft = draft.meta(CONTENT_TYPE, content);
        }
        draft.check()?;
        let id = EventId([0; 16]);
        let blind = Blind([0; 16]);
        let facts =
            Facts { id, correlation: id.into(), causes: &[], key: None, notes: &[], blind, batch_end: true };
        let (position, version, previous) = (Position(1), Version(1), Position::START);
        let placed = Placed { position, version, previous, link: Hash::ZERO, time: Micros(0) };
        let mut bytes = Vec::new();
        let body = record::encode(&draft, &facts, &mut bytes);
        record::place(&mut bytes, &placed, position, &body);
        RecordedEvent::from_record(bytes)
    }
}

fn type_name(payload_type: PayloadType) -> &'static str {
    match payload_type {
        PayloadType::MessagePack => "message_pack",
        PayloadType::Json => "json",
        PayloadType::Bytes => "bytes",
        PayloadType::Encrypted => "encrypted",
    }
}
