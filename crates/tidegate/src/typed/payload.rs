//! Payloads: values written as bytes and read back.
//!
//! Invariants:
//!
//! T1. What is written can be read again: it is looked through before it leaves as a draft.
//! T2. No bytes make reading panic, overflow the stack, or take memory out of proportion to them.

use std::error::Error as StdError;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tidegate_format::{Draft, Error, ErrorKind, ErrorPlace, PayloadType, Result, StreamId};
use tidegate_segment::RecordedEvent;

use super::kind::{CONTENT_TYPE, Kind};
use super::nesting;

/// Sets the payload of a [`Draft`] to any value that serde serializes, as `MessagePack`. [`Draft::json`] does it as JSON.
///
/// ```
/// use serde::Serialize;
/// use tidegate::typed::DraftPayload;
/// use tidegate::{Draft, Store};
///
/// #[derive(Serialize)]
/// struct Order<'a> {
///     item: &'a str,
///     total: u32,
/// }
///
/// let store = Store::in_memory()?;
/// let order = Order { item: "tide table", total: 12 };
/// let placed = store.append(Draft::new(("shop", "order-7"), "order.placed").message_pack_of(&order)?)?;
/// let event = store.view()?.at(placed.first())?.expect("it was appended");
/// assert_eq!(event.payload()?.len(), 24, "a third less than the JSON");
/// # Ok::<(), tidegate::Error>(())
/// ```
pub trait DraftPayload: Sized {
    /// Sets the payload to this value as `MessagePack` with named fields, which a derived
    /// [`Event`](crate::typed::Event) reads. The value is only borrowed.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if the value cannot be `MessagePack`, or is nested in more than 64 levels.
    fn message_pack_of<T: Serialize + ?Sized>(self, value: &T) -> Result<Self>;
}

impl DraftPayload for Draft {
    fn message_pack_of<T: Serialize + ?Sized>(self, value: &T) -> Result<Self> {
        let payload = message_pack(&self.kind, value)?;
        Ok(self.message_pack(payload))
    }
}

/// Returns a value as `MessagePack` with named fields, if it can be read again.
fn message_pack<T: Serialize + ?Sized>(kind: &str, value: &T) -> Result<Vec<u8>> {
    let payload = rmp_serde::to_vec_named(value).map_err(|cause| refused::<T>(kind, cause.into()))?;
    nesting::check(&payload).map_err(|flaw| refused::<T>(kind, flaw.to_string().into()))?;
    Ok(payload)
}

fn refused<T: ?Sized>(kind: &str, cause: Box<dyn StdError + Send + Sync>) -> Error {
    let name = std::any::type_name::<T>();
    Error::invalid(format!("the {name} cannot be a payload of {kind}")).because(cause)
}

/// Returns a draft with a value as `MessagePack` with named fields.
pub(super) fn draft<T: Serialize + ?Sized>(kind: &Kind, stream: StreamId, value: &T) -> Result<Draft> {
    let payload = message_pack(kind.name, value)?;
    Ok(Draft::new(stream, kind.name).schema(kind.version).message_pack(payload))
}

/// Returns the payload of an event as a value.
pub(super) fn decode<T: DeserializeOwned>(event: &RecordedEvent) -> Result<T> {
    let payload = event.payload()?;
    let decoded = match event.payload_type() {
        PayloadType::MessagePack => match nesting::check(payload) {
            Ok(()) => rmp_serde::from_slice(payload).map_err(Into::into),
            Err(flaw) => Err(flaw.to_string().into()),
        },
        PayloadType::Json => serde_json::from_slice(payload).map_err(Into::into),
        PayloadType::Bytes | PayloadType::Encrypted => Err("it is neither MessagePack nor JSON".into()),
    };
    decoded.map_err(|cause| no_value::<T>(event, cause))
}

/// Returns the payload of an event in bytes of this content type as a value.
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

/// Returns the error for a payload that does not hold such a value.
fn no_value<T>(event: &RecordedEvent, cause: Box<dyn StdError + Send + Sync>) -> Error {
    failed(event, &format!("the payload is no {}", std::any::type_name::<T>())).because(cause)
}

/// Returns an error with an event: what went wrong, its kind, its version and its position.
pub(super) fn failed(event: &RecordedEvent, what: &str) -> Error {
    wrong(event, ErrorKind::Invalid, what)
}

/// Returns the version of an event's schema, if the kind's type can read it.
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
    Error::new(kind, message).at(ErrorPlace::Event(event.position()))
}
