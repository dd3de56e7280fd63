//! Reads an event from a line of JSON.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use tidegate::batch::{ErasedPayload, ImportedPayload};
use tidegate::graph::CorrelationId;
use tidegate::{Cause, Draft, Error, ErrorKind, EventId, RecordedEvent, Result, StoreId, StreamId};
use tidegate_format::{Blind, Hash, Micros, name};

use crate::cloud_event::CloudEvent;
use crate::metadata::DecodedMetadata;
use crate::rules::{LineRules, LineShape};
use crate::time::{completed, is_rfc3339, parse_time};
use crate::{IMPORT_CAUSES, IMPORT_CORRELATION, IMPORT_KEY, IMPORT_TIME, payload};

/// An event that was read from a line. Its keys are not looked up yet: [`draft`](Self::draft) does that.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an event as a JSON object")]
pub struct EventLine<'a> {
    #[serde(default, deserialize_with = "present")]
    id: Option<String>,
    /// `key` in files of older versions.
    #[serde(default, alias = "key", deserialize_with = "present")]
    import_key: Option<String>,
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
    #[serde(default, deserialize_with = "present")]
    ends_batch: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    idempotency_key: Option<String>,
    #[serde(default, deserialize_with = "present")]
    idempotency_content: Option<String>,
    #[serde(default, deserialize_with = "present")]
    blind: Option<String>,
    #[serde(default, deserialize_with = "present")]
    erased: Option<ErasedFields>,
    /// Fields that a log gives its own events. Only those that an export keeps are used, and only by
    /// [`source_place`](Self::source_place) and [`recorded`](Self::recorded).
    #[serde(borrow, default)]
    position: Option<&'a RawValue>,
    #[serde(borrow, default)]
    recorded: Option<&'a RawValue>,
    #[serde(default, rename = "version")]
    _version: IgnoredAny,
    #[serde(default, rename = "cause_positions")]
    _cause_positions: IgnoredAny,
}

/// What is left of a payload that was erased.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `commitment` and `bytes`")]
struct ErasedFields {
    commitment: String,
    bytes: u32,
}

fn first_schema() -> u16 {
    1
}

/// Requires that a field that is present has a value. `null` is one for `data` only.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// The entries of an object, in order.
#[derive(Debug, Default)]
struct Pairs(Vec<(String, DecodedMetadata)>);

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

impl<'a> EventLine<'a> {
    /// Reads a line.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) with the column if the line is not a JSON object with these fields.
    pub fn parse(text: &'a str) -> Result<Self> {
        Self::parse_with(text, &LineRules::new())
    }

    /// Reads a line by other rules than those of an export.
    ///
    /// # Errors
    ///
    /// As for [`parse`](Self::parse).
    pub fn parse_with(text: &'a str, rules: &LineRules) -> Result<Self> {
        if !text.starts_with('{') {
            return Err(Error::invalid("a line must hold one event as a JSON object"));
        }
        let mut line = match rules.shape {
            LineShape::Export => Self::from_json(text)?,
            LineShape::CloudEvents => CloudEvent::read(text)?.into(),
        };
        if line.import_key.as_ref().is_some_and(String::is_empty) {
            return Err(Error::invalid("the import key is empty: leave the field out, or give a key"));
        }
        match line.time.take() {
            Some(time) if !is_rfc3339(&time) => {
                line.time = rules.any_times.then(|| completed(&time)).flatten();
                if line.time.is_none() {
                    let message =
                        format!("invalid time {time:?}: use RFC 3339, such as 2005-04-07T22:13:13Z");
                    return Err(Error::invalid(message));
                }
            }
            time => line.time = time,
        }
        Ok(line)
    }

    fn from_json(text: &'a str) -> Result<Self> {
        serde_json::from_str(text).map_err(|cause| {
            let message = cause.to_string();
            let place = format!(" at line {} column {}", cause.line(), cause.column());
            let what = message.strip_suffix(&place).unwrap_or(&message);
            Error::invalid(format!("{what} (column {})", cause.column()))
        })
    }

    /// Returns the stream that the event belongs to.
    pub fn stream(&self) -> StreamId {
        StreamId::new(self.scope.clone(), self.entity.clone()).lane(self.lane)
    }

    /// Returns the place of the event in the log that it comes from, as far as the line gives it.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if a hash or a blind cannot be read, if a content hash has no key, or if an erased
    /// payload is there all the same.
    pub fn source_place(&self) -> Result<SourcePlace> {
        let content = self.idempotency_content.as_deref().map(str::parse).transpose()?;
        let key = match (&self.idempotency_key, content) {
            (None, Some(_)) => return Err(Error::invalid("`idempotency_content` needs `idempotency_key`")),
            (None, None) => None,
            (Some(key), content) => Some((key.clone(), content)),
        };
        let position = self.position.and_then(|position| position.get().parse().ok());
        let blind: Option<Blind> = self.blind.as_deref().map(str::parse).transpose()?;
        let payload = match &self.erased {
            None => blind.map(ImportedPayload::Blind),
            Some(_) if self.data.is_some() || self.base64.is_some() || blind.is_some() => {
                return Err(Error::invalid("an erased payload has neither `data` nor `base64` nor `blind`"));
            }
            Some(ErasedFields { commitment, bytes }) => {
                let erased = ErasedPayload { commitment: commitment.parse()?, length: *bytes };
                Some(ImportedPayload::Erased(erased))
            }
        };
        Ok(SourcePlace { key, payload, ends_batch: self.ends_batch, position })
    }

    /// Returns when the event was recorded in the log that it comes from.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if the line has no time, or one that is not RFC 3339.
    pub fn recorded(&self) -> Result<Micros> {
        let text = self.recorded.and_then(|recorded| serde_json::from_str::<String>(recorded.get()).ok());
        text.as_deref()
            .and_then(parse_time)
            .ok_or_else(|| Error::invalid("`recorded` is missing, or is not a time in RFC 3339"))
    }

    /// Returns the id of the line, or the one made of its scope and import key, or `None` if it has neither.
    ///
    /// # Errors
    ///
    /// [`Invalid`](ErrorKind::Invalid) if the id is not a UUID.
    pub fn id(&self) -> Result<Option<EventId>> {
        match (&self.id, &self.import_key) {
            (Some(id), _) => id.parse().map(Some),
            (None, Some(key)) => Ok(Some(EventId::from_key(&self.scope, key))),
            (None, None) => Ok(None),
        }
    }

    /// Returns the event as a draft. `known` looks up an earlier event by its id; `allowed` checks the names of the draft,
    /// as [`Draft::check_unreserved`] does.
    ///
    /// # Errors
    ///
    /// [`Refused`](ErrorKind::Refused) if a cause or the correlation is not known, [`Invalid`](ErrorKind::Invalid) if a
    /// field is not valid, and the errors of `known` and `allowed`.
    pub fn draft(
        self,
        known: impl Fn(EventId) -> Result<Option<Cause>>,
        allowed: impl Fn(&Draft) -> Result<()>,
    ) -> Result<Draft> {
        self.draft_with(&LineRules::new(), known, allowed)
    }

    /// Returns the event as a draft by other rules than those of an export.
    ///
    /// # Errors
    ///
    /// As for [`draft`](Self::draft); and [`Refused`](ErrorKind::Refused) if several scopes have an import key that a cause
    /// names.
    pub fn draft_with(
        self,
        rules: &LineRules,
        known: impl Fn(EventId) -> Result<Option<Cause>>,
        allowed: impl Fn(&Draft) -> Result<()>,
    ) -> Result<Draft> {
        let id = self.id()?;
        let (mut causes, mut outside) = (Vec::new(), Vec::new());
        for text in &self.causes {
            match self.cause(text, rules, &known)? {
                Some(cause) => causes.push(cause),
                None => outside.push(text),
            }
        }
        let unknown = (!outside.is_empty()).then(|| serde_json::json!(outside).to_string());
        let (correlation, foreign) = match &self.correlation {
            None => (None, None),
            Some(text) => match self.correlation(text, id, rules, &known)? {
                Some(flow) => (Some(flow), None),
                None => (None, Some(text.clone())),
            },
        };
        let (payload_type, bytes) = match (&self.erased, self.payload_type.as_deref()) {
            (Some(_), named) => (named.map(payload::type_of).transpose()?.unwrap_or_default(), Vec::new()),
            (None, named) => payload::from_fields(named, self.data, self.base64.as_deref())?,
        };
        let mut draft = Draft::new(StreamId::new(self.scope, self.entity).lane(self.lane), self.kind);
        draft.schema = self.schema;
        (draft.payload_type, draft.payload) = (payload_type, bytes.into());
        draft.tags = self.tags.into_iter().map(Into::into).collect();
        (draft.causes, draft.correlation, draft.id) = (causes, correlation, id);
        let source = [
            (IMPORT_KEY, self.import_key),
            (IMPORT_TIME, self.time),
            (IMPORT_CAUSES, unknown),
            (IMPORT_CORRELATION, foreign),
        ];
        let source = source.into_iter();
        let source = source.filter_map(|(name, value)| Some((name.into(), value?.into_bytes().into())));
        let meta = self.meta.0.into_iter().map(|(name, value)| (name.into(), value.0.into()));
        draft.metadata = source.chain(meta).collect();
        draft.check()?;
        allowed(&draft)?;
        Ok(draft)
    }

    /// Returns the first cause that is not known yet and comes later: of the ids that it can have, one for which `comes` is
    /// true.
    ///
    /// # Errors
    ///
    /// The errors of `known`.
    pub fn awaited(
        &self,
        rules: &LineRules,
        known: impl Fn(EventId) -> Result<Option<Cause>>,
        comes: impl Fn(EventId) -> bool,
    ) -> Result<Option<EventId>> {
        for text in &self.causes {
            if self.cause(text, &rules.clone().outside_causes(true), &known)?.is_none() {
                let others = rules.other_scopes.iter().map(|scope| EventId::from_key(scope, text));
                let own = [Some(EventId::from_key(&self.scope, text)), text.parse().ok()];
                if let Some(id) = own.into_iter().flatten().chain(others).find(|id| comes(*id)) {
                    return Ok(Some(id));
                }
            }
        }
        Ok(None)
    }

    /// Finds a cause. `None` is one that may be unknown, and is.
    fn cause(
        &self,
        text: &str,
        rules: &LineRules,
        known: impl Fn(EventId) -> Result<Option<Cause>>,
    ) -> Result<Option<Cause>> {
        if let Some((_, cause)) = self.named(text, rules, &known)? {
            return Ok(Some(cause));
        }
        match foreign_cause(text) {
            None if !rules.outside_causes => {
                let message = format!("unknown cause {text:?}: put the line of the cause before this one");
                Err(Error::new(ErrorKind::Refused, message))
            }
            cause => Ok(cause),
        }
    }

    /// Finds a known event by its import key in this scope, by its id, or by its import key in one of the other scopes.
    fn named(
        &self,
        text: &str,
        rules: &LineRules,
        known: impl Fn(EventId) -> Result<Option<Cause>>,
    ) -> Result<Option<(EventId, Cause)>> {
        let own = [Some(EventId::from_key(&self.scope, text)), text.parse().ok()];
        for id in own.into_iter().flatten() {
            if let Some(cause) = known(id)? {
                return Ok(Some((id, cause)));
            }
        }
        let mut found: Option<(EventId, Cause, &String)> = None;
        for scope in rules.other_scopes.iter().filter(|scope| **scope != self.scope) {
            let id = EventId::from_key(scope, text);
            let Some(cause) = known(id)? else { continue };
            if let Some((_, _, other)) = found {
                let message = format!(
                    "the import key {text:?} is in the scopes {other:?} and {scope:?}: name the event by its id"
                );
                return Err(Error::new(ErrorKind::Refused, message));
            }
            found = Some((id, cause, scope));
        }
        Ok(found.map(|(id, cause, _)| (id, cause)))
    }

    /// Finds the flow that a text names. It may have begun with this very event, or in another store; only an id can say that.
    /// `None` is one that may be unknown, and is.
    fn correlation(
        &self,
        text: &str,
        own: Option<EventId>,
        rules: &LineRules,
        known: impl Fn(EventId) -> Result<Option<Cause>>,
    ) -> Result<Option<CorrelationId>> {
        let keyed = EventId::from_key(&self.scope, text);
        if own == Some(keyed) {
            return Ok(Some(keyed.into()));
        }
        if let Ok(flow) = text.parse()
            && known(keyed)?.is_none()
        {
            return Ok(Some(flow));
        }
        match self.named(text, rules, known)? {
            Some((id, _)) => Ok(Some(id.into())),
            None if rules.outside_causes => Ok(None),
            None => {
                let message = format!("unknown correlation {text:?}: use a known import key or an id");
                Err(Error::new(ErrorKind::Refused, message))
            }
        }
    }
}

impl<'a> From<CloudEvent<'a>> for EventLine<'a> {
    fn from(event: CloudEvent<'a>) -> Self {
        let meta = event.rest.into_iter().map(|(name, text)| (name, DecodedMetadata(text.into_bytes())));
        Self {
            import_key: Some(event.id),
            scope: event.scope,
            entity: event.entity,
            kind: event.kind,
            schema: first_schema(),
            causes: event.cause.into_iter().collect(),
            correlation: event.correlation,
            time: event.time,
            meta: Pairs(meta.collect()),
            payload_type: event.base64.is_some().then(|| "bytes".to_owned()),
            data: event.data,
            base64: event.base64,
            ..Self::default()
        }
    }
}

/// The place of an event in the log that its line comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourcePlace {
    /// The idempotency key of its batch, and the stored hash of the content that the key stands for.
    pub key: Option<(String, Option<Hash>)>,
    /// The blind of its payload, or what is left of a payload that was erased.
    pub payload: Option<ImportedPayload>,
    /// Whether the event is the last of its batch.
    pub ends_batch: Option<bool>,
    /// Its position.
    pub position: Option<u64>,
}

impl SourcePlace {
    /// Returns whether the line describes batches.
    pub fn describes_batches(&self) -> bool {
        self.ends_batch.is_some() || self.key.is_some()
    }

    /// Returns whether an event at `next` belongs to the same batch.
    pub fn continues_at(&self, next: &Self) -> bool {
        let is_next =
            self.position.zip(next.position).is_none_or(|(one, other)| other == one.saturating_add(1));
        self.ends_batch == Some(false) && next.key.is_none() && is_next
    }
}

/// Reads a cause in another store, `STORE/EVENT`, or returns `None` if the text is not one.
pub fn foreign_cause(text: &str) -> Option<Cause> {
    let (store, event) = text.split_once('/')?;
    Some(Cause::Foreign(store.parse::<StoreId>().ok()?, event.parse().ok()?))
}

/// Returns the names of the fields in which a line, read as a draft and a place, differs from an event of the log. A payload
/// that was erased on one side is compared by its commitment.
pub fn differences(draft: &Draft, place: &SourcePlace, event: &RecordedEvent) -> Vec<&'static str> {
    let stream = &draft.stream;
    let found = (event.scope(), event.entity(), event.lane());
    let metadata = draft.metadata.iter().map(|(name, value)| (name::imported(name), &**value));
    let logged = event.metadata().map(|(name, value)| (name::imported(name), value));
    let checks = [
        ("stream", (&*stream.scope, &*stream.entity, stream.lane) == found),
        ("kind", name::imported(&draft.kind) == name::imported(event.kind())),
        ("schema", draft.schema == event.schema()),
        ("tags", draft.tags.iter().map(|tag| &**tag).eq(event.tags())),
        ("causes", draft.causes.iter().copied().eq(event.causes())),
        ("correlation", draft.correlation.is_none_or(|id| id == event.correlation())),
        ("import key, time or metadata", metadata.eq(logged)),
        (
            "payload",
            draft.payload_type == event.record().payload_type() && is_payload_of(draft, place, event),
        ),
    ];
    checks.into_iter().filter(|(_, same)| !same).map(|(field, _)| field).collect()
}

fn is_payload_of(draft: &Draft, place: &SourcePlace, event: &RecordedEvent) -> bool {
    let record = event.record();
    match (place.payload, record.payload()) {
        (Some(ImportedPayload::Erased(erased)), _) => {
            (erased.commitment, erased.length as usize) == (record.commitment(), record.payload_bytes())
        }
        (_, Ok(payload)) => *payload == *draft.payload,
        (Some(ImportedPayload::Blind(blind)), Err(_)) => blind.commit(&draft.payload) == record.commitment(),
        (None, Err(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_strict() {
        let refused = |rest: &str| {
            let text = format!(r#"{{"scope":"s","entity":"e","kind":"k"{rest}}}"#);
            EventLine::parse(&text).err().map(|error| error.message().to_owned())
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
