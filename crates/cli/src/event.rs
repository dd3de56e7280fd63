//! An event as one line of JSON, both ways: what `read --json` writes and `import` reads.
//!
//! Importing what was written gives an equal event: same id, place, names, causes, correlation, metadata and
//! payload. A key and a time of the source are the first metadata entries, under the names below.

use std::fmt;

use jiff::Timestamp;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use tidegate::{Cause, Coordinate, Draft, Error, ErrorKind, Event, EventId, Result, StoreId, View};

use crate::output::rfc3339;
use crate::payload;
use crate::shown::shown_json;

/// The metadata name for the key of an imported event.
const KEY: &str = "import.key";
/// The metadata name for the time an imported event happened, as its source says it.
const TIME: &str = "import.time";

/// An event to be written.
#[derive(Serialize)]
struct Written<'a> {
    position: u64,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    scope: &'a str,
    entity: &'a str,
    lane: u32,
    version: u64,
    kind: &'a str,
    #[serde(skip_serializing_if = "is_first")]
    schema: u16,
    tags: Vec<&'a str>,
    causes: Vec<String>,
    correlation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a str>,
    recorded: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty", serialize_with = "write_pairs")]
    meta: &'a [(&'a str, &'a str)],
    #[serde(skip_serializing_if = "Option::is_none", rename = "type")]
    payload_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<std::borrow::Cow<'a, RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// An event as JSON. Its causes are looked up in the view.
pub(crate) fn to_json(event: &Event, view: &View) -> Result<String> {
    let metadata: Vec<(&str, &str)> = event.metadata().collect();
    let (key, time, rest) = split_source(&metadata);
    let causes = event.causes().map(|cause| cause_text(event.scope(), cause, view));
    let payload = payload::to_fields(event.payload_type(), event.payload());
    let written = Written {
        position: event.position().0,
        id: event.id().to_string(),
        key,
        scope: event.scope(),
        entity: event.entity(),
        lane: event.lane(),
        version: event.version().0,
        kind: event.kind(),
        schema: event.schema(),
        tags: event.tags().collect(),
        causes: causes.collect::<Result<_>>()?,
        correlation: id_text(event.scope(), event.correlation(), view)?,
        time,
        recorded: rfc3339(event.time()),
        meta: rest,
        payload_type: payload.payload_type,
        data: payload.data,
        base64: payload.base64,
    };
    Ok(shown_json(&written).expect("texts and numbers are always JSON"))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature the attribute asks for")]
fn is_first(schema: &u16) -> bool {
    *schema == 1
}

fn write_pairs<S: Serializer>(pairs: &[(&str, &str)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pairs.iter().copied())
}

/// Metadata as key, time and the rest.
type Source<'a> = (Option<&'a str>, Option<&'a str>, &'a [(&'a str, &'a str)]);

/// Splits off the key and the time where they are what an import would take and where it would put them.
fn split_source<'a>(metadata: &'a [(&'a str, &'a str)]) -> Source<'a> {
    let (key, rest) = match metadata {
        [(KEY, key), rest @ ..] if !key.is_empty() => (Some(*key), rest),
        _ => (None, metadata),
    };
    match rest {
        [(TIME, time), rest @ ..] if is_rfc3339(time) => (key, Some(*time), rest),
        _ => (key, None, rest),
    }
}

/// The key of a cause that has one in this scope, else its id.
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
    match event.metadata().next() {
        Some((KEY, key)) if EventId::from_key(scope, key) == event.id() => Ok(key.to_owned()),
        _ => id_text(scope, event.id(), view),
    }
}

/// An id, written so that no key of the scope is spelled alike.
fn id_text(scope: &str, id: EventId, view: &View) -> Result<String> {
    let text = id.to_string();
    let is_key = view.find(EventId::from_key(scope, &text))?.is_some();
    Ok(if is_key { format!("urn:uuid:{text}") } else { text })
}

/// An event that was read, before it is known what its keys stand for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an event as a JSON object")]
pub(crate) struct Line<'a> {
    #[serde(default, deserialize_with = "present")]
    id: Option<String>,
    #[serde(default, deserialize_with = "present")]
    key: Option<String>,
    scope: String,
    entity: String,
    #[serde(default)]
    lane: u32,
    kind: String,
    #[serde(default = "first_schema")]
    schema: u16,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    causes: Vec<String>,
    #[serde(default, deserialize_with = "present")]
    correlation: Option<String>,
    #[serde(default, deserialize_with = "present")]
    time: Option<String>,
    #[serde(default)]
    meta: Pairs,
    #[serde(default, deserialize_with = "present", rename = "type")]
    payload_type: Option<String>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "present")]
    base64: Option<String>,
    /// What a log says of its own events; another log says it anew.
    #[serde(default, rename = "position")]
    _position: IgnoredAny,
    #[serde(default, rename = "version")]
    _version: IgnoredAny,
    #[serde(default, rename = "recorded")]
    _recorded: IgnoredAny,
}

fn first_schema() -> u16 {
    1
}

/// A field that is there has a value; `null` is none, but for `data`, where it is one.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// The entries of an object, in order.
#[derive(Debug, Default)]
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of text")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = entries.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}

impl<'a> Line<'a> {
    /// Reads a line.
    pub(crate) fn parse(text: &'a str) -> Result<Self> {
        if !text.starts_with('{') {
            return Err(Error::invalid("a line holds one event as a JSON object"));
        }
        let line: Self = serde_json::from_str(text).map_err(|cause| {
            let message = cause.to_string();
            let place = format!(" at line {} column {}", cause.line(), cause.column());
            let what = message.strip_suffix(&place).unwrap_or(&message);
            Error::invalid(format!("{what} (column {})", cause.column()))
        })?;
        if line.key.as_ref().is_some_and(String::is_empty) {
            return Err(Error::invalid("the key is empty"));
        }
        match &line.time {
            Some(time) if !is_rfc3339(time) => {
                let message = format!("the time {time:?} is not RFC 3339, such as 2005-04-07T22:13:13Z");
                Err(Error::invalid(message))
            }
            _ => Ok(line),
        }
    }

    /// The id it says, or else the one its key stands for.
    pub(crate) fn id(&self) -> Result<Option<EventId>> {
        match (&self.id, &self.key) {
            (Some(id), _) => id.parse().map(Some),
            (None, Some(key)) => Ok(Some(EventId::from_key(&self.scope, key))),
            (None, None) => Ok(None),
        }
    }

    /// The draft it says. `known` tells whether an event is there already, and which it is.
    pub(crate) fn draft(self, known: impl Fn(EventId) -> Result<Option<Cause>>) -> Result<Draft> {
        let id = self.id()?;
        let causes = self.causes.iter().map(|text| self.cause(text, &known)).collect::<Result<_>>()?;
        let correlation = match &self.correlation {
            None => None,
            Some(text) => Some(self.correlation(text, id, &known)?),
        };
        let (payload_type, bytes) =
            payload::from_fields(self.payload_type.as_deref(), self.data, self.base64.as_deref())?;
        let mut draft = Draft::new(Coordinate::new(self.scope, self.entity).lane(self.lane), self.kind);
        draft.schema = self.schema;
        (draft.payload_type, draft.payload) = (payload_type, bytes.into());
        draft.tags = self.tags.into_iter().map(Into::into).collect();
        (draft.causes, draft.correlation, draft.id) = (causes, correlation, id);
        let source = [(KEY, self.key), (TIME, self.time)].into_iter();
        let source = source.filter_map(|(name, value)| Some((name.into(), value?.into())));
        let meta = self.meta.0.into_iter().map(|(name, value)| (name.into(), value.into()));
        draft.metadata = source.chain(meta).collect();
        draft.check()?;
        draft.check_unreserved()?;
        Ok(draft)
    }

    fn cause(&self, text: &str, known: impl Fn(EventId) -> Result<Option<Cause>>) -> Result<Cause> {
        if let Some(cause) = known(EventId::from_key(&self.scope, text))? {
            return Ok(cause);
        }
        if let Ok(id) = text.parse()
            && let Some(cause) = known(id)?
        {
            return Ok(cause);
        }
        foreign(text).ok_or_else(|| {
            let message = format!("the cause {text:?} is unknown; a cause comes before its effects");
            Error::new(ErrorKind::Refused, message)
        })
    }

    /// A flow may have begun with this very event, or in another store, which only an id can say.
    fn correlation(
        &self,
        text: &str,
        own: Option<EventId>,
        known: impl Fn(EventId) -> Result<Option<Cause>>,
    ) -> Result<EventId> {
        let keyed = EventId::from_key(&self.scope, text);
        if own == Some(keyed) || known(keyed)?.is_some() {
            return Ok(keyed);
        }
        text.parse().map_err(|_| {
            let message = format!("the correlation {text:?} is neither a known key nor an id");
            Error::new(ErrorKind::Refused, message)
        })
    }
}

/// A cause in another store, `STORE/EVENT`.
pub(crate) fn foreign(text: &str) -> Option<Cause> {
    let (store, event) = text.split_once('/')?;
    Some(Cause::Foreign(store.parse::<StoreId>().ok()?, event.parse().ok()?))
}

/// The fields in which a draft differs from an event of the log.
pub(crate) fn differences(draft: &Draft, event: &Event) -> Vec<&'static str> {
    let coordinate = &draft.coordinate;
    let place = (event.scope(), event.entity(), event.lane());
    let metadata = draft.metadata.iter().map(|(name, value)| (&**name, &**value));
    let checks = [
        ("coordinate", (&*coordinate.scope, &*coordinate.entity, coordinate.lane) == place),
        ("kind", draft.kind == event.kind()),
        ("schema", draft.schema == event.schema()),
        ("tags", draft.tags.iter().map(|tag| &**tag).eq(event.tags())),
        ("causes", draft.causes.iter().copied().eq(event.causes())),
        ("correlation", draft.correlation.is_none_or(|id| id == event.correlation())),
        ("key, time or metadata", metadata.eq(event.metadata())),
        ("payload", (draft.payload_type, &*draft.payload) == (event.payload_type(), event.payload())),
    ];
    checks.into_iter().filter(|(_, same)| !same).map(|(field, _)| field).collect()
}

/// Whether a text is a time in RFC 3339: its punctuation is looked at here, its numbers by the parser, which
/// takes other forms too.
fn is_rfc3339(text: &str) -> bool {
    let bytes = text.as_bytes();
    let punctuation = [(4, "-"), (7, "-"), (10, "Tt "), (13, ":"), (16, ":")];
    let in_place = |(at, signs): &(usize, &str)| bytes.get(*at).is_some_and(|b| signs.as_bytes().contains(b));
    let offset = match bytes {
        [.., b'Z' | b'z'] => 1,
        [.., b'+' | b'-', _, _, b':', _, _] => 6,
        _ => return false,
    };
    let seconds = bytes.get(17..bytes.len() - offset).unwrap_or_default();
    let whole_seconds = matches!(seconds, [_, _] | [_, _, b'.', _, ..]);
    punctuation.iter().all(in_place) && whole_seconds && text.parse::<Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rfc3339_is_a_time() {
        for time in [
            "2005-04-07T22:13:13Z",
            "2005-04-07t22:13:13.123456z",
            "2005-04-07 22:13:13+02:00",
            "2005-04-07T22:13:13.5-00:00",
            "2016-12-31T23:59:60Z",
        ] {
            assert!(is_rfc3339(time), "{time}");
        }
        for time in [
            "",
            "Z",
            "2005-04-07",
            "2005-04-07T22:13Z",
            "2005-04-07T22:13:13",
            "2005-04-07T22:13:13+0200",
            "2005-04-07T22:13:13.Z",
            "2005-04-07T22:13:13Z[UTC]",
            "2005-02-30T22:13:13Z",
            "2005-04-07T25:13:13Z",
            "20050407T221313Z",
            "2005-04-07T22:13:13,5Z",
            "2005-04-07T22:13:13é+02:00",
        ] {
            assert!(!is_rfc3339(time), "{time}");
        }
    }

    #[test]
    fn types_are_strict() {
        let refused = |rest: &str| {
            let text = format!(r#"{{"scope":"s","entity":"e","kind":"k"{rest}}}"#);
            Line::parse(&text).err().map(|error| error.message().to_owned())
        };
        assert_eq!(refused(""), None);
        assert_eq!(refused(r#","data":null,"position":1,"version":"x","recorded":[]"#), None);
        for rest in [
            r#","key":null"#,
            r#","key":5"#,
            r#","key":"""#,
            r#","lane":"1""#,
            r#","lane":-1"#,
            r#","lane":4294967296"#,
            r#","tags":null"#,
            r#","tags":"a""#,
            r#","causes":[1]"#,
            r#","meta":{"a":1}"#,
            r#","meta":[]"#,
            r#","time":0"#,
            r#","scope":"again""#,
            r#","colour":"red""#,
            "} {",
        ] {
            assert!(refused(rest).is_some(), "{rest}");
        }
        assert_eq!(
            refused(r#","lane":"1""#).unwrap(),
            "invalid type: string \"1\", expected u32 (column 47)"
        );
    }
}
