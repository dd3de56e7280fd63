//! Writes an event as a line of JSON.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use tidegate::{Cause, Error, ErrorKind, EventId, RecordedEvent, Result, View};
use tidegate_format::name;

use crate::escape::escape_json;
use crate::metadata::MetadataValue;
use crate::payload;
use crate::time::{is_rfc3339, rfc3339};
use crate::{IMPORT_KEY, IMPORT_TIME};

/// The fields of a line, in their order.
#[derive(Serialize)]
struct EventJson<'a> {
    position: u64,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    import_key: Option<&'a str>,
    scope: &'a str,
    entity: &'a str,
    lane: u32,
    version: u64,
    kind: Cow<'a, str>,
    #[serde(skip_serializing_if = "is_first")]
    schema: u16,
    tags: Vec<&'a str>,
    causes: Vec<String>,
    /// Where the causes in this store are, in the same order; those in other stores are passed over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cause_positions: Vec<u64>,
    correlation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a str>,
    recorded: String,
    /// Whether the event is the last of its batch.
    ends_batch: bool,
    /// The key of the batch, on its first event.
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
    /// The hash of the content that the key stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_content: Option<String>,
    /// What hides the payload in the leaf.
    #[serde(skip_serializing_if = "Option::is_none")]
    blind: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "write_pairs")]
    meta: Vec<(Cow<'a, str>, &'a [u8])>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "type")]
    payload_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Cow<'a, RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    /// What is left of a payload that was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    erased: Option<ErasedJson>,
}

#[derive(Serialize)]
struct ErasedJson {
    commitment: String,
    bytes: usize,
}

/// Returns an event as a line of JSON. Causes in the same scope are written by their import keys, which are looked up in
/// the view, and all by their positions (`cause_positions`), which an import passes over. An erased payload is written as `erased`, with its commitment and its length.
///
/// # Errors
///
/// [`Damaged`](tidegate::ErrorKind::Damaged) if a cause cannot be read, and the errors of
/// [`payload`](RecordedEvent::payload).
pub fn event_to_json(event: &RecordedEvent, view: &View) -> Result<String> {
    write(event, view, false, Cow::Borrowed)
}

/// Returns an event as a line of an export. It also holds the blind of the payload, and names that only a store itself may
/// write (`tidegate.*`) are written as `tidegate.imported.*`.
///
/// # Errors
///
/// As for [`event_to_json`].
pub fn event_to_export(event: &RecordedEvent, view: &View) -> Result<String> {
    write(event, view, true, name::imported)
}

fn write<'a>(
    event: &'a RecordedEvent,
    view: &View,
    is_export: bool,
    renamed: impl Fn(&'a str) -> Cow<'a, str>,
) -> Result<String> {
    let metadata: Vec<(&str, &[u8])> = event.metadata().collect();
    let (import_key, time, rest) = split_source(&metadata);
    let (idempotency_key, content) = event.record().key().unzip();
    // Without its blind a content hash says nothing; a copy keeps the blinds of all events.
    let blind = event.record().blind().filter(|_| is_export || content.is_some());
    let causes = event.causes().map(|cause| cause_text(event.scope(), cause, view));
    // A copy takes ciphertext as it is: it needs no key, and its leaf commits to that.
    let (payload_type, payload) = match event.payload() {
        Ok(payload) if !is_export => (event.payload_type(), Ok(payload)),
        Err(error) if !is_export && error.kind() != ErrorKind::Encrypted => {
            (event.payload_type(), Err(error))
        }
        _ => (event.record().payload_type(), event.record().payload()),
    };
    let is_erased = payload.as_ref().is_err_and(|error| error.kind() == ErrorKind::Erased);
    let erased = is_erased.then(|| ErasedJson {
        commitment: event.record().commitment().to_string(),
        bytes: event.record().payload_bytes(),
    });
    let payload = match erased {
        Some(_) => payload::erased(payload_type),
        None => payload::to_fields(payload_type, payload?),
    };
    let written = EventJson {
        position: event.position().0,
        id: event.id().to_string(),
        import_key,
        scope: event.scope(),
        entity: event.entity(),
        lane: event.lane(),
        version: event.version().0,
        kind: renamed(event.kind()),
        schema: event.schema(),
        tags: event.tags().collect(),
        causes: causes.collect::<Result<_>>()?,
        cause_positions: event.causes().filter_map(|cause| position(cause).filter(|_| !is_export)).collect(),
        correlation: id_text(event.scope(), event.correlation().first(), view)?,
        time,
        recorded: rfc3339(event.time()),
        ends_batch: event.record().ends_batch(),
        idempotency_key,
        idempotency_content: content.map(|content| content.to_string()),
        blind: blind.map(|blind| blind.to_string()),
        meta: rest.iter().map(|(name, value)| (renamed(name), *value)).collect(),
        payload_type: payload.payload_type,
        data: payload.data,
        base64: payload.base64,
        erased,
    };
    Ok(escape_json(&written).expect("texts and numbers are always JSON"))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature the attribute asks for")]
fn is_first(schema: &u16) -> bool {
    *schema == 1
}

fn write_pairs<S: Serializer>(pairs: &[(Cow<'_, str>, &[u8])], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pairs.iter().map(|(name, value)| (name, MetadataValue(value))))
}

/// Metadata as import key, time and the rest.
type Source<'a, 'b> = (Option<&'a str>, Option<&'a str>, &'b [(&'a str, &'a [u8])]);

/// Splits off the import key and the time if an import would accept them and put them in these places.
fn split_source<'a, 'b>(metadata: &'b [(&'a str, &'a [u8])]) -> Source<'a, 'b> {
    let (key, rest) = match metadata {
        [(IMPORT_KEY, key), rest @ ..] if !key.is_empty() && text(key).is_some() => (text(key), rest),
        _ => (None, metadata),
    };
    match rest {
        [(IMPORT_TIME, time), rest @ ..] if text(time).is_some_and(is_rfc3339) => (key, text(time), rest),
        _ => (key, None, rest),
    }
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

/// Returns where a cause is, if it is in this store.
fn position(cause: Cause) -> Option<u64> {
    match cause {
        Cause::At(position) => Some(position.0),
        _ => None,
    }
}

/// Returns the import key of a cause that has one in this scope, or its id.
fn cause_text(scope: &str, cause: Cause, view: &View) -> Result<String> {
    let position = match cause {
        Cause::Foreign(store, id) => return Ok(format!("{store}/{id}")),
        Cause::Id(id) => return id_text(scope, id, view),
        Cause::At(position) => Some(position),
        Cause::Draft(_) => None,
    };
    let Some(event) = position.map(|position| view.at(position)).transpose()?.flatten() else {
        return Err(Error::damaged("a cause is not in the log", "an earlier event", format!("{cause:?}")));
    };
    let first = event.metadata().next().and_then(|(name, value)| Some((name, text(value)?)));
    match first {
        Some((IMPORT_KEY, key)) if EventId::from_key(scope, key) == event.id() => Ok(key.to_owned()),
        _ => id_text(scope, event.id(), view),
    }
}

/// Returns an id as text that is not an import key of the scope.
fn id_text(scope: &str, id: EventId, view: &View) -> Result<String> {
    let text = id.to_string();
    // Only the visible events are searched; damage after them does not matter here.
    let is_key = view.as_of(view.head()).find(EventId::from_key(scope, &text))?.is_some();
    Ok(if is_key { format!("urn:uuid:{text}") } else { text })
}
