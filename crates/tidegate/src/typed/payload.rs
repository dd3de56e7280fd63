//! Payloads: values written as bytes and read back.
//!
//! Invariants:
//!
//! T1. What is written can be read again: it is looked through before it leaves as a draft.
//! T2. No bytes make reading panic, overflow the stack, or take memory out of proportion to them.

use std::error::Error as StdError;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tidegate_format::{Draft, Error, ErrorKind, PayloadType, Place, Result, StreamId};
use tidegate_segment::RecordedEvent;

use super::kind::Kind;
use super::nesting;

/// The name of the metadata entry that says what a payload in bytes is.
pub const CONTENT_TYPE: &str = "content-type";

/// A draft with a value as `MessagePack` with named fields.
pub(super) fn draft<T: Serialize + ?Sized>(kind: &Kind, stream: StreamId, value: &T) -> Result<Draft> {
    let refused = |cause: Box<dyn StdError + Send + Sync>| {
        let name = std::any::type_name::<T>();
        Error::invalid(format!("the {name} cannot be a payload of {}", kind.name)).because(cause)
    };
    let payload = rmp_serde::to_vec_named(value).map_err(|cause| refused(cause.into()))?;
    nesting::check(&payload).map_err(|flaw| refused(flaw.to_string().into()))?;
    Ok(Draft::new(stream, kind.name).schema(kind.version).message_pack(payload))
}

/// The payload of an event as a value.
pub(super) fn decode<T: DeserializeOwned>(event: &RecordedEvent) -> Result<T> {
    let payload = event.payload()?;
    let decoded = match event.payload_type() {
        PayloadType::MessagePack => match nesting::check(payload) {
            Ok(()) => rmp_serde::from_slice(payload).map_err(Into::into),
            Err(flaw) => Err(flaw.to_string().into()),
        },
        PayloadType::Json => serde_json::from_slice(payload).map_err(Into::into),
        PayloadType::Bytes => Err("it is neither MessagePack nor JSON".into()),
    };
    decoded.map_err(|cause| no_value::<T>(event, cause))
}

/// The payload of an event in bytes of this content type as a value.
pub(super) fn decode_bytes<T>(event: &RecordedEvent, content: &str) -> Result<T>
where
    T: TryFrom<Vec<u8>>,
    T::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let said = event.meta_text(CONTENT_TYPE);
    if event.payload_type() != PayloadType::Bytes || said != Some(content) {
        let cause = format!("it is not {content} but {}", said.unwrap_or("without a content type"));
        return Err(no_value::<T>(event, cause.into()));
    }
    T::try_from(event.payload()?.to_vec()).map_err(|cause| no_value::<T>(event, cause.into()))
}

/// The error for a payload that says no such value.
fn no_value<T>(event: &RecordedEvent, cause: Box<dyn StdError + Send + Sync>) -> Error {
    failed(event, &format!("the payload is no {}", std::any::type_name::<T>())).because(cause)
}

/// An error with an event: what went wrong, its kind, its version and its position.
pub(super) fn failed(event: &RecordedEvent, what: &str) -> Error {
    wrong(event, ErrorKind::Invalid, what)
}

/// The version of an event's schema, where the kind's type can read it.
pub(super) fn schema(event: &RecordedEvent, kind: &Kind) -> Result<u16> {
    let (schema, Kind { version, since, .. }) = (event.schema(), *kind);
    if schema > version {
        let what = format!("version {version} is the newest that this program knows");
        return Err(wrong(event, ErrorKind::Newer, &what));
    }
    if schema < since {
        return Err(failed(event, &format!("versions before {since} were said never to be written")));
    }
    Ok(schema)
}

fn wrong(event: &RecordedEvent, kind: ErrorKind, what: &str) -> Error {
    let message = format!("an event of kind {} in version {}: {what}", event.kind(), event.schema());
    Error::new(kind, message).at(Place::Event(event.position()))
}
