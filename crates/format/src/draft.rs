//! Drafts: events before they have a place in the log.

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::id::{CorrelationId, EventId, StoreId};
use crate::limit::{
    CAUSES_MAX, ENCRYPTION_BYTES, Limit, METADATA_MAX, METADATA_VALUE_BYTES_MAX, PAYLOAD_BYTES_MAX, TAGS_MAX,
};
use crate::name::{self, StreamId, Text};
use crate::number::Position;

/// An event that led to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// An event of this store, by its position.
    At(Position),
    /// An event of this store, by its id. The store turns it into a position when it accepts the event.
    Id(EventId),
    /// An earlier draft of the same batch, counted from 0.
    Draft(u32),
    /// An event of another store.
    Foreign(StoreId, EventId),
}

impl From<Position> for Cause {
    fn from(position: Position) -> Self {
        Self::At(position)
    }
}

impl From<EventId> for Cause {
    fn from(id: EventId) -> Self {
        Self::Id(id)
    }
}

/// What the bytes of a payload are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PayloadType {
    /// Bytes that only the caller understands; a metadata entry `content-type` may say more.
    #[default]
    Bytes = 0,
    /// [MessagePack](https://github.com/msgpack/msgpack/blob/master/spec.md) with named fields.
    MessagePack = 1,
    /// JSON text in UTF-8.
    Json = 2,
    /// Ciphertext of one of the others. Drafts get it by [`Draft::encrypted_for`]; an event whose payload can be read has
    /// the type of what was encrypted.
    Encrypted = 3,
}

impl PayloadType {
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        [Self::Bytes, Self::MessagePack, Self::Json, Self::Encrypted]
            .into_iter()
            .find(|kind| *kind as u8 == code)
    }
}

/// An event to be appended: it has no place in the log yet. A draft borrows only what is `'static`, since it
/// may wait in a queue: give a name or a payload that is borrowed for a shorter time as `name.to_owned()`.
///
/// ```
/// use tidegate_format::Draft;
/// let draft = Draft::new(("shop", "order-7"), "order.placed").json_text(r#"{"total":12}"#).tag("vip");
/// assert!(draft.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The stream it goes to.
    pub stream: StreamId,
    /// What happened, `order.placed`.
    pub kind: Text,
    /// The version of the payload's schema; 1 unless said otherwise.
    pub schema: u16,
    /// What the payload's bytes are.
    pub payload_type: PayloadType,
    /// The payload.
    pub payload: Cow<'static, [u8]>,
    /// Labels, in the order given.
    pub tags: Vec<Text>,
    /// The events that led to this one, in the order given.
    pub causes: Vec<Cause>,
    /// The flow it belongs to, by its first event; if left out, the flow of its first local cause, or a
    /// new one.
    pub correlation: Option<CorrelationId>,
    /// Further facts, in the order given.
    pub metadata: Vec<(Text, Cow<'static, [u8]>)>,
    /// Its id; if left out, the store makes one.
    pub id: Option<EventId>,
    /// Whose key the payload is encrypted with, if it is. The name itself is not written.
    pub subject: Option<Text>,
}

impl Draft {
    /// Creates a draft of an event with an empty payload.
    pub fn new(stream: impl Into<StreamId>, kind: impl Into<Text>) -> Self {
        Self {
            stream: stream.into(),
            kind: kind.into(),
            schema: 1,
            payload_type: PayloadType::Bytes,
            payload: Cow::Borrowed(&[]),
            tags: Vec::new(),
            causes: Vec::new(),
            correlation: None,
            metadata: Vec::new(),
            id: None,
            subject: None,
        }
    }

    /// Sets the payload to bytes of the caller's own encoding.
    #[must_use]
    pub fn bytes(mut self, payload: impl Into<Cow<'static, [u8]>>) -> Self {
        self.payload = payload.into();
        self.payload_type = PayloadType::Bytes;
        self
    }

    /// Sets the payload to a value as JSON. The value is only borrowed.
    ///
    /// ```
    /// use serde::Serialize;
    /// use tidegate_format::Draft;
    ///
    /// #[derive(Serialize)]
    /// struct Order {
    ///     item: String,
    ///     total: u32,
    /// }
    ///
    /// let order = Order { item: "tide table".to_owned(), total: 12 };
    /// let draft = Draft::new(("shop", "order-7"), "order.placed").json(&order)?;
    /// assert_eq!(draft.payload, br#"{"item":"tide table","total":12}"#.as_slice());
    /// # Ok::<(), tidegate_format::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) if the value cannot be JSON, such as a map whose keys are not strings.
    #[cfg(feature = "json")]
    pub fn json<T: serde::Serialize + ?Sized>(self, value: &T) -> Result<Self> {
        match serde_json::to_string(value) {
            Ok(text) => Ok(self.json_text(text)),
            Err(cause) => {
                let name = std::any::type_name::<T>();
                let message = format!("the {name} cannot be a payload of {}", self.kind);
                Err(Error::invalid(message).because(cause))
            }
        }
    }

    /// Sets the payload to a JSON text, which is stored as it is, without a check.
    #[must_use]
    pub fn json_text(mut self, text: impl Into<Text>) -> Self {
        self.payload = match text.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        self.payload_type = PayloadType::Json;
        self
    }

    /// Sets the payload to `MessagePack` bytes, which are stored as they are, without a check.
    #[must_use]
    pub fn message_pack(mut self, payload: impl Into<Cow<'static, [u8]>>) -> Self {
        self.payload = payload.into();
        self.payload_type = PayloadType::MessagePack;
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<Text>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Adds a cause: an event that led to this one.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<Cause>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Puts the event into a flow, named by its correlation or by the id of the event that began it. By default it inherits
    /// the flow of its first cause.
    #[must_use]
    pub fn correlation(mut self, flow: impl Into<CorrelationId>) -> Self {
        self.correlation = Some(flow.into());
        self
    }

    /// Adds a metadata entry of text.
    #[must_use]
    pub fn meta(self, name: impl Into<Text>, value: impl Into<Text>) -> Self {
        let value = match value.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        self.meta_bytes(name, value)
    }

    /// Adds a metadata entry of any bytes.
    #[must_use]
    pub fn meta_bytes(mut self, name: impl Into<Text>, value: impl Into<Cow<'static, [u8]>>) -> Self {
        self.metadata.push((name.into(), value.into()));
        self
    }

    /// Sets the id, which no event of the store may have yet. By default the store makes a new one.
    #[must_use]
    pub fn id(mut self, id: EventId) -> Self {
        self.id = Some(id);
        self
    }

    /// Sets the version of the payload's schema. Default: 1.
    #[must_use]
    pub fn schema(mut self, schema: u16) -> Self {
        self.schema = schema;
        self
    }

    /// Has the payload encrypted with the key of a subject, such as `customer-7`, when the draft is appended. The store needs
    /// the keyring that has the key, or makes one. Once the key is destroyed, the payload is erased wherever it is: in the
    /// store, its backups and its copies. Only the payload is encrypted, and encryption adds 57 bytes to it.
    ///
    /// ```
    /// use tidegate_format::Draft;
    /// let letter = Draft::new(("shop", "customer-7"), "address.changed").json_text(r#"{"city":"Bonn"}"#);
    /// assert!(letter.encrypted_for("customer-7").check().is_ok());
    /// ```
    #[must_use]
    pub fn encrypted_for(mut self, subject: impl Into<Text>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Refuses a draft that breaks a rule or a limit. Whether its causes exist is checked by the store.
    pub fn check(&self) -> Result<()> {
        self.stream.check()?;
        name::check_kind(&self.kind)?;
        self.tags.iter().try_for_each(|tag| name::check("tag", tag))?;
        self.metadata.iter().try_for_each(|(name, value)| {
            name::check("metadata name", name)?;
            if value.len() <= METADATA_VALUE_BYTES_MAX {
                return Ok(());
            }
            let what = format!("the value of the metadata {name:?} is too long");
            at_most(Limit::MetadataValueBytes, value.len(), METADATA_VALUE_BYTES_MAX, &what)
        })?;
        at_most(Limit::Tags, self.tags.len(), TAGS_MAX, "too many tags")?;
        at_most(Limit::Causes, self.causes.len(), CAUSES_MAX, "too many causes")?;
        at_most(Limit::Metadata, self.metadata.len(), METADATA_MAX, "too many metadata entries")?;
        let mut payload_max = PAYLOAD_BYTES_MAX;
        if let Some(subject) = &self.subject {
            name::check("subject", subject)?;
            if self.payload_type == PayloadType::Encrypted {
                return Err(Error::invalid("the payload is encrypted already; leave the subject out"));
            }
            payload_max -= ENCRYPTION_BYTES;
        }
        at_most(Limit::PayloadBytes, self.payload.len(), payload_max, "the payload is too long")
    }

    /// Refuses names that only the store itself writes.
    pub fn check_unreserved(&self) -> Result<()> {
        self.check_names(|_| false)
    }

    /// Refuses names that only the store itself writes, other than those that another store wrote and that are
    /// [imported](name::imported).
    pub fn check_imported(&self) -> Result<()> {
        self.check_names(name::is_imported)
    }

    fn check_names(&self, is_allowed: impl Fn(&str) -> bool) -> Result<()> {
        let names = self.metadata.iter().map(|(name, _)| name);
        let mut names = std::iter::once(&self.kind).chain(names);
        match names.find(|name| name::is_reserved(name) && !is_allowed(name)) {
            None => Ok(()),
            Some(name) => Err(Error::invalid(format!(
                "the name {name:?} is reserved for the store; choose another one"
            ))),
        }
    }
}

fn at_most(limit: Limit, found: usize, max: usize, what: &str) -> Result<()> {
    if found <= max { Ok(()) } else { Err(Error::over(limit, max, found, what)) }
}
