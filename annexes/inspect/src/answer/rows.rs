//! Events as rows of a table.

use std::fmt::Write;

use serde_json::{Value, json};
use tidegate::{Cause, ErrorKind, Position, RecordedEvent, Result, View};
use tidegate_draw::Swatch;
use tidegate_format::PayloadType;
use tidegate_json::{message_pack_to_json, rfc3339};

/// Characters of a payload that a row shows.
const TEXT_MAX: usize = 240;

/// Returns an event as a row: its names, and the beginning of its payload.
pub(crate) fn row(event: &RecordedEvent) -> Value {
    let (text, state) = payload_text(event, TEXT_MAX);
    let tags: Vec<&str> = event.tags().collect();
    json!({
        "position": event.position().0,
        "id": event.id().to_string(),
        "time": rfc3339(event.time()),
        "kind": event.kind(),
        "colour": Swatch::of_kind(event.kind()).colour,
        "scope": event.scope(),
        "entity": event.entity(),
        "lane": event.lane(),
        "version": event.version().0,
        "tags": tags,
        "causes": event.causes().count(),
        "correlation": event.correlation().first().to_string(),
        "key": import_key(event),
        "happened": import_time(event),
        "text": text,
        "state": state,
    })
}

fn import_key(event: &RecordedEvent) -> Option<&str> {
    event.meta_text("import.key")
}

fn import_time(event: &RecordedEvent) -> Option<&str> {
    event.meta_text("import.time")
}

/// Returns the beginning of a payload as text, and in one word what it is.
pub(super) fn payload_text(event: &RecordedEvent, most: usize) -> (String, &'static str) {
    let payload = match event.payload() {
        Ok(payload) => payload,
        Err(error) if error.kind() == ErrorKind::Erased => return (String::new(), "erased"),
        Err(error) if error.kind() == ErrorKind::Encrypted => return (String::new(), "encrypted"),
        Err(error) => return (error.to_string(), "unreadable"),
    };
    let state = match event.payload_type() {
        PayloadType::Json => "json",
        PayloadType::MessagePack => "message-pack",
        PayloadType::Encrypted => "encrypted",
        PayloadType::Bytes => "bytes",
    };
    let as_json = match event.payload_type() {
        PayloadType::Json => std::str::from_utf8(payload).ok().map(str::to_owned),
        PayloadType::MessagePack => message_pack_to_json(payload),
        _ => None,
    };
    let text = as_json.unwrap_or_else(|| {
        let mut hex = String::new();
        for byte in payload.iter().take(most / 3) {
            let _ = write!(hex, "{byte:02x} ");
        }
        hex.trim_end().to_owned()
    });
    match text.char_indices().nth(most) {
        Some((end, _)) => (format!("{}…", &text[..end]), state),
        None => (text, state),
    }
}

/// Returns the events at some positions as rows.
pub(super) fn rows(view: &View, positions: impl IntoIterator<Item = Result<Position>>) -> Result<Vec<Value>> {
    let mut rows = Vec::new();
    for position in positions {
        rows.extend(view.at(position?)?.as_ref().map(row));
    }
    Ok(rows)
}

/// Returns the causes of an event that are in other stores.
pub(super) fn foreign(event: &RecordedEvent) -> Vec<String> {
    let foreign = event.causes().filter_map(|cause| match cause {
        Cause::Foreign(store, id) => Some(format!("{store}/{id}")),
        _ => None,
    });
    foreign.collect()
}
