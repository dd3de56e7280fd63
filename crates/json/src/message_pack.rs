//! `MessagePack` as JSON, to be read: what JSON has no words for comes out as something near it.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rmpv::{Utf8StringRef, ValueRef};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

/// How deep values may be nested, by a decoder that counts two for each level: readers of JSON commonly end
/// at 128 levels.
const DEPTH_MAX: usize = 2 * 100;

/// Returns a payload in `MessagePack` as JSON for people to read, or `None` if it is not one whole value or is nested more
/// than 99 levels deep.
///
/// Bytes come out as an object with `base64`, and maps whose keys would be the same text as an object with `pairs`.
///
/// ```
/// assert_eq!(tidegate_json::message_pack_to_json(b"\x81\xa1a\x01").as_deref(), Some(r#"{"a":1}"#));
/// ```
pub fn message_pack_to_json(payload: &[u8]) -> Option<String> {
    to_json(payload).map(|json| json.get().to_owned())
}

/// Returns the JSON for a payload, for use inside other JSON.
pub(crate) fn to_json(payload: &[u8]) -> Option<Box<RawValue>> {
    let mut rest = payload;
    let value = rmpv::decode::read_value_ref_with_max_depth(&mut rest, DEPTH_MAX).ok()?;
    rest.is_empty().then(|| serde_json::value::to_raw_value(&Json(&value)).ok()).flatten()
}

struct Json<'a>(&'a ValueRef<'a>);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            ValueRef::Nil => to.serialize_unit(),
            ValueRef::Boolean(value) => to.serialize_bool(*value),
            ValueRef::Integer(number) => match number.as_i64() {
                Some(number) => to.serialize_i64(number),
                None => to.serialize_u64(number.as_u64().unwrap_or_default()),
            },
            ValueRef::F32(number) if number.is_finite() => to.serialize_f32(*number),
            ValueRef::F64(number) if number.is_finite() => to.serialize_f64(*number),
            ValueRef::F32(number) => to.serialize_str(&number.to_string()),
            ValueRef::F64(number) => to.serialize_str(&number.to_string()),
            ValueRef::String(text) => match text.as_str() {
                Some(text) => to.serialize_str(text),
                None => bytes(None, text.as_bytes(), to),
            },
            ValueRef::Binary(binary) => bytes(None, binary, to),
            ValueRef::Ext(code, binary) => bytes(Some(*code), binary, to),
            ValueRef::Array(values) => {
                let mut list = to.serialize_seq(Some(values.len()))?;
                values.iter().try_for_each(|value| list.serialize_element(&Json(value)))?;
                list.end()
            }
            ValueRef::Map(entries) => {
                let keys: Vec<String> = entries.iter().map(|(key, _)| key_text(key)).collect();
                if !all_different(&keys) {
                    return pairs(entries, to);
                }
                let mut object = to.serialize_map(Some(entries.len()))?;
                for (key, (_, value)) in keys.iter().zip(entries) {
                    object.serialize_entry(key, &Json(value))?;
                }
                object.end()
            }
        }
    }
}

fn bytes<S: Serializer>(extension: Option<i8>, bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    let mut object = to.serialize_map(None)?;
    if let Some(code) = extension {
        object.serialize_entry("extension", &code)?;
    }
    object.serialize_entry("base64", &STANDARD.encode(bytes))?;
    object.end()
}

fn all_different(keys: &[String]) -> bool {
    let mut seen = HashSet::with_capacity(keys.len());
    keys.iter().all(|key| seen.insert(key))
}

/// Refuses a map with keys that become the same text, since readers of JSON would show one of them.
fn pairs<S: Serializer>(entries: &[(ValueRef<'_>, ValueRef<'_>)], to: S) -> Result<S::Ok, S::Error> {
    let pairs: Vec<[Json<'_>; 2]> = entries.iter().map(|(key, value)| [Json(key), Json(value)]).collect();
    let mut object = to.serialize_map(Some(1))?;
    object.serialize_entry("pairs", &pairs)?;
    object.end()
}

fn key_text(key: &ValueRef<'_>) -> String {
    let mut text = String::new();
    write_key(key, &mut text);
    text
}

/// Texts inside a key are not quoted, so that keys inside keys inside keys do not grow with every quote.
fn write_key(key: &ValueRef<'_>, text: &mut String) {
    match key {
        ValueRef::Nil => text.push_str("null"),
        ValueRef::Boolean(value) => text.push_str(if *value { "true" } else { "false" }),
        ValueRef::Integer(number) => text.push_str(&number.to_string()),
        ValueRef::F32(number) => text.push_str(&number.to_string()),
        ValueRef::F64(number) => text.push_str(&number.to_string()),
        ValueRef::String(key) => write_text(key, text),
        ValueRef::Binary(binary) | ValueRef::Ext(_, binary) => STANDARD.encode_string(binary, text),
        ValueRef::Array(values) => {
            text.push('[');
            for (index, value) in values.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                write_key(value, text);
            }
            text.push(']');
        }
        ValueRef::Map(entries) => {
            text.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                write_key(key, text);
                text.push(':');
                write_key(value, text);
            }
            text.push('}');
        }
    }
}

fn write_text(key: &Utf8StringRef<'_>, text: &mut String) {
    match key.as_str() {
        Some(key) => text.push_str(key),
        None => STANDARD.encode_string(key.as_bytes(), text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(bytes: &[u8]) -> Option<String> {
        to_json(bytes).map(|raw| raw.get().to_owned())
    }

    #[test]
    fn every_value_has_a_json() {
        for (bytes, expected) in [
            (&b"\x81\xa1a\x01"[..], r#"{"a":1}"#),
            (b"\x93\xc0\xc3\xc2", "[null,true,false]"),
            (b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615"),
            (b"\xe0", "-32"),
            (b"\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", "1.5"),
            (b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", r#""NaN""#),
            (b"\xc4\x02\x00\xff", r#"{"base64":"AP8="}"#),
            (b"\xa1\xff", r#"{"base64":"/w=="}"#),
            (b"\xd4\x05\x07", r#"{"extension":5,"base64":"Bw=="}"#),
            (b"\x82\x01\x02\x92\x01\xa1b\x03", r#"{"1":2,"[1,b]":3}"#),
            (b"\x81\x81\xa1a\xc0\xc3", r#"{"{a:null}":true}"#),
            (b"\x82\xa1a\x01\xa1a\x02", r#"{"pairs":[["a",1],["a",2]]}"#),
            (b"\x82\x01\x02\xa1\x31\x03", r#"{"pairs":[[1,2],["1",3]]}"#),
            (
                b"\x82\xc4\x01\xff\xa0\xd4\x05\xff\xa0",
                r#"{"pairs":[[{"base64":"/w=="},""],[{"extension":5,"base64":"/w=="},""]]}"#,
            ),
            (b"\x82\xc4\x01\xff\xa0\xc0\xc0", r#"{"/w==":"","null":null}"#),
            (
                b"\x82\xca\x7f\xc0\x00\x00\x01\xca\x7f\x80\x00\x00\xca\xff\x80\x00\x00",
                r#"{"NaN":1,"inf":"-inf"}"#,
            ),
            (b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", "-9223372036854775808"),
            (b"\xc7\x00\xff", r#"{"extension":-1,"base64":""}"#),
            (b"\xa2\x00\x0a", r#""\u0000\n""#),
        ] {
            assert_eq!(json(bytes).as_deref(), Some(expected), "{bytes:02x?}");
        }
    }

    #[test]
    fn as_deep_as_typed_payloads_go() {
        let nested = |levels: usize| [b"\x81\xa1a".repeat(levels), vec![0xc0]].concat();
        assert!(json(&nested(64)).is_some(), "what a typed event may hold is shown");
        assert!(json(&nested(98)).is_some());
        assert_eq!(json(&nested(1_000_000)), None);
    }

    #[test]
    fn what_is_no_whole_value_has_none() {
        for bytes in [&b""[..], b"\x81", b"\x01\x01", b"\xdd\xff\xff\xff\xff", &[0x91; 5000], &[0x81; 5000]] {
            assert_eq!(json(bytes), None, "{:02x?}", &bytes[..bytes.len().min(8)]);
        }
    }
}
