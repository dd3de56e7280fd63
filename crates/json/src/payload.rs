//! Payloads in an event's JSON, both ways, byte for byte.
//!
//! A payload in JSON stands in `data` as it is. Every other payload, and JSON that does not fit a line or holds what a
//! terminal would obey, stands in `base64`, and `type` says what its bytes are; `data` beside it is there to be read and is not imported.
//! An event without any of the three has no payload.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use tidegate::{Error, Result};
use tidegate_format::PayloadType;
use tidegate_format::name::visible_json;

use crate::message_pack;

/// The fields of a line that hold a payload.
#[derive(Default)]
pub(crate) struct PayloadFields<'a> {
    pub(crate) payload_type: Option<&'static str>,
    pub(crate) data: Option<Cow<'a, RawValue>>,
    pub(crate) base64: Option<String>,
}

/// Returns the fields for a payload.
pub(crate) fn to_fields(payload_type: PayloadType, payload: &[u8]) -> PayloadFields<'_> {
    if payload_type == PayloadType::Bytes && payload.is_empty() {
        return PayloadFields::default();
    }
    let data = match payload_type {
        PayloadType::Bytes | PayloadType::Encrypted => None,
        PayloadType::MessagePack => message_pack::to_json(payload).map(Cow::Owned),
        PayloadType::Json => {
            let Some(data) = one_line(payload) else { return exactly(payload_type, payload, None) };
            if data.get().as_bytes() == payload && visible_json(data.get()) == data.get() {
                return PayloadFields { data: Some(data), ..PayloadFields::default() };
            }
            Some(data)
        }
    };
    exactly(payload_type, payload, data)
}

fn exactly<'a>(
    payload_type: PayloadType,
    payload: &[u8],
    data: Option<Cow<'a, RawValue>>,
) -> PayloadFields<'a> {
    PayloadFields { payload_type: Some(name_of(payload_type)), data, base64: Some(STANDARD.encode(payload)) }
}

/// Returns the fields for a payload that was erased, of which only the type is left.
pub(crate) fn erased(payload_type: PayloadType) -> PayloadFields<'static> {
    PayloadFields { payload_type: Some(name_of(payload_type)), ..PayloadFields::default() }
}

fn name_of(payload_type: PayloadType) -> &'static str {
    match payload_type {
        PayloadType::Bytes => "bytes",
        PayloadType::MessagePack => "message-pack",
        PayloadType::Json => "json",
        PayloadType::Encrypted => "encrypted",
    }
}

/// Returns JSON text without line breaks, which are only space in it, or `None` if the payload is not JSON.
fn one_line(payload: &[u8]) -> Option<Cow<'_, RawValue>> {
    let data: &RawValue = serde_json::from_slice(payload).ok()?;
    if !data.get().contains(['\n', '\r']) {
        return Some(Cow::Borrowed(data));
    }
    RawValue::from_string(data.get().replace(['\n', '\r'], " ")).ok().map(Cow::Owned)
}

/// Returns the payload type of this name.
pub(crate) fn type_of(name: &str) -> Result<PayloadType> {
    match name {
        "bytes" => Ok(PayloadType::Bytes),
        "message-pack" => Ok(PayloadType::MessagePack),
        "json" => Ok(PayloadType::Json),
        "encrypted" => Ok(PayloadType::Encrypted),
        other => {
            Err(Error::invalid(format!("unknown payload type {other:?}: use json, bytes or message-pack")))
        }
    }
}

/// Returns the payload that the fields hold.
pub(crate) fn from_fields(
    payload_type: Option<&str>,
    data: Option<&RawValue>,
    base64: Option<&str>,
) -> Result<(PayloadType, Vec<u8>)> {
    let named = payload_type.map(type_of).transpose()?;
    match (named, data, base64) {
        (_, _, Some(text)) => match STANDARD.decode(text) {
            Ok(payload) => Ok((named.unwrap_or_default(), payload)),
            Err(cause) => Err(Error::invalid("`base64` is not base64 with padding").because(cause)),
        },
        (None | Some(PayloadType::Json), Some(data), None) => {
            Ok((PayloadType::Json, data.get().as_bytes().to_vec()))
        }
        (None | Some(PayloadType::Bytes), None, None) => Ok((PayloadType::Bytes, Vec::new())),
        (Some(PayloadType::Json), None, None) => Err(Error::invalid("a payload of type json needs `data`")),
        (Some(_), _, None) => {
            let name = payload_type.unwrap_or_default();
            Err(Error::invalid(format!("a payload of type {name} needs `base64`")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_payload_comes_back_byte_for_byte() {
        for (payload_type, payload, visible) in [
            (PayloadType::Bytes, &b""[..], false),
            (PayloadType::Bytes, b"\x00\xff", false),
            (PayloadType::Json, b"null", true),
            (PayloadType::Json, br#"{"a":1e400,"a":00}"#, false),
            (PayloadType::Json, br#"{"a" : 1.10, "a":12345678901234567890123}"#, true),
            (PayloadType::Json, b"{\n\t\"a\": [1,\r\n2]}", true),
            (PayloadType::Json, b" 1 ", true),
            (PayloadType::Json, "\"\u{9b}31m \u{202e}\"".as_bytes(), true),
            (PayloadType::Json, b"", false),
            (PayloadType::Json, b"\"\xff\"", false),
            (PayloadType::MessagePack, b"\x81\xa1a\x01", true),
            (PayloadType::MessagePack, b"\x81", false),
            (PayloadType::Encrypted, b"\x81\xff", false),
        ] {
            let fields = to_fields(payload_type, payload);
            let data = fields.data.as_deref();
            assert_eq!(data.is_some(), visible, "{payload:?}");
            assert!(data.is_none_or(|data| !data.get().contains('\n')));
            let back = from_fields(fields.payload_type, data, fields.base64.as_deref());
            assert_eq!(back.unwrap(), (payload_type, payload.to_vec()));
        }
    }

    #[test]
    fn fields_without_a_payload_are_refused() {
        let data: &RawValue = serde_json::from_str("{}").unwrap();
        for (payload_type, data, base64) in [
            (Some("text"), None, None),
            (Some("json"), None, None),
            (Some("message-pack"), Some(data), None),
            (Some("bytes"), Some(data), None),
            (None, None, Some("AA")),
        ] {
            assert!(from_fields(payload_type, data, base64).is_err(), "{payload_type:?} {base64:?}");
        }
    }
}
