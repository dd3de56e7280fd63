//! Metadata values in JSON: text as a string, any other bytes as an object with their base64.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};

/// A value to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<'a>(pub(super) &'a [u8]);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(self.0) {
            Ok(text) => to.serialize_str(text),
            Err(_) => Bytes { base64: Cow::Owned(STANDARD.encode(self.0)) }.serialize(to),
        }
    }
}

/// A value that was read.
#[derive(Debug)]
pub(super) struct Read(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::Text(text) => Ok(Self(text.into_owned().into_bytes())),
            Value::Bytes(Bytes { base64 }) => STANDARD
                .decode(base64.as_bytes())
                .map(Self)
                .map_err(|_| D::Error::custom("`base64` is not base64 with padding")),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a text, or an object with `base64`")]
enum Value<'a> {
    Text(Cow<'a, str>),
    Bytes(Bytes<'a>),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Bytes<'a> {
    base64: Cow<'a, str>,
}
