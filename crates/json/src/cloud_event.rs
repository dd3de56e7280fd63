//! An event in the JSON format of `CloudEvents` 1.0.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use tidegate::{Error, Result};

/// Scopes of a store of ours, as it names them to others.
const OWN_SOURCE: &str = "//tidegate/";

/// Attributes that a line has fields for.
const KNOWN: [&str; 11] = [
    "causationid",
    "correlationid",
    "data",
    "data_base64",
    "datacontenttype",
    "id",
    "source",
    "specversion",
    "subject",
    "time",
    "type",
];

/// An event: the attributes that a line has fields for, and the rest.
#[derive(Debug, Default)]
pub(crate) struct CloudEvent<'a> {
    pub(crate) id: String,
    pub(crate) scope: String,
    pub(crate) entity: String,
    pub(crate) kind: String,
    pub(crate) time: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) correlation: Option<String>,
    /// The payload, if it is JSON.
    pub(crate) data: Option<&'a RawValue>,
    /// The payload, if it is not.
    pub(crate) base64: Option<String>,
    /// The other attributes.
    pub(crate) rest: Vec<(String, String)>,
}

impl<'a> CloudEvent<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Self> {
        let fields: BTreeMap<Cow<'a, str>, &'a RawValue> = serde_json::from_str(text).map_err(|cause| {
            Error::invalid("a line must hold one CloudEvent as a JSON object").because(cause)
        })?;
        let text_of = |name: &str| fields.get(name).map(|value| text_of(name, value)).transpose();
        let required = |name: &str| {
            text_of(name)?
                .filter(|text| !text.is_empty())
                .ok_or_else(|| Error::invalid(format!("the CloudEvent has no `{name}`")))
        };
        match required("specversion")? {
            version if version.starts_with("1.") => {}
            other => {
                let message = format!("the CloudEvent is of version {other:?}; 1.0 is read");
                return Err(Error::invalid(message));
            }
        }
        let source = required("source")?;
        let own = source.strip_prefix(OWN_SOURCE).and_then(|rest| rest.split_once('/'));
        let content_type = text_of("datacontenttype")?;
        let is_json = content_type.as_deref().is_none_or(is_json);
        let (data, encoded) = (fields.get("data").copied(), text_of("data_base64")?);
        let (data, base64) = match (data, encoded) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid("the CloudEvent has both `data` and `data_base64`"));
            }
            (Some(data), None) if !is_json => (None, Some(STANDARD.encode(content(data)))),
            other => other,
        };
        let mut event = Self {
            id: required("id")?,
            scope: own.map_or(&*source, |(_, scope)| scope).to_owned(),
            entity: text_of("subject")?.unwrap_or_else(|| source.clone()),
            kind: required("type")?,
            time: text_of("time")?,
            cause: text_of("causationid")?,
            correlation: text_of("correlationid")?,
            data,
            base64,
            rest: Vec::new(),
        };
        if let Some(content_type) = content_type.filter(|_| !is_json || event.base64.is_some()) {
            event.rest.push(("content-type".to_owned(), content_type));
        }
        for (name, value) in fields.iter().filter(|(name, _)| !KNOWN.contains(&&***name)) {
            event.rest.push((name.to_string(), content(value)));
        }
        Ok(event)
    }
}

/// Returns whether a media type is JSON, or ends in `+json`.
fn is_json(media_type: &str) -> bool {
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type.ends_with("/json") || media_type.ends_with("+json")
}

fn text_of(name: &str, value: &RawValue) -> Result<String> {
    serde_json::from_str(value.get())
        .map_err(|_| Error::invalid(format!("`{name}` of the CloudEvent is not a text")))
}

/// Returns the text of a string, and the JSON of any other value.
fn content(value: &RawValue) -> String {
    serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_owned())
}
