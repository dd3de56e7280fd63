//! Metadata values in JSON: text as a string, any other bytes as an object with their base64.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};

/// A metadata value, as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MetadataValue<'a>(pub(crate) &'a [u8]);

impl Serialize for MetadataValue<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(self.0) {
            Ok(text) => to.serialize_str(text),
            Err(_) => Base64Object { base64: Cow::Owned(STANDARD.encode(self.0)) }.serialize(to),
        }
    }
}

/// A metadata value, as it was read.
#[derive(Debug)]
pub(crate) struct DecodedMetadata(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for DecodedMetadata {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match MetadataForm::deserialize(from)? {
            MetadataForm::Text(text) => Ok(Self(text.into_owned().into_bytes())),
            MetadataForm::Bytes(Base64Object { base64 }) => STANDARD
                .decode(base64.as_bytes())
                .map(Self)
                .map_err(|_| D::Error::custom("`base64` is not base64 with padding")),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a text, or an object with `base64`")]
enum MetadataForm<'a> {
    Text(Cow<'a, str>),
    Bytes(Base64Object<'a>),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Base64Object<'a> {
    base64: Cow<'a, str>,
}
