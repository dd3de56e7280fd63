//! Terms: what an event can be found by.

use siphasher::sip128::SipHasher13;
use tidegate_format::{Cause, CorrelationId, EventId, Position, Record, StoreId, StreamId};

/// Which part of an event a term is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Field {
    /// Scope, entity and lane together.
    Stream = 1,
    /// The scope alone.
    Scope,
    /// The entity alone.
    Entity,
    /// The lane alone.
    Lane,
    /// The whole kind.
    Kind,
    /// One tag.
    Tag,
    /// The correlation, of events that did not begin their flow.
    Correlation,
    /// One cause.
    Cause,
    /// The idempotency key of a batch, on its first event.
    Key,
}

impl Field {
    /// Returns whether such terms are texts, which are found by their prefixes and counted.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Scope | Self::Entity | Self::Kind | Self::Tag)
    }
}

/// Something an event can be found by: a field and its value as bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    bytes: Vec<u8>,
}

impl Term {
    /// Creates a term of this field.
    pub fn new(field: Field, value: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(value.len() + 1);
        bytes.push(field as u8);
        bytes.extend_from_slice(value);
        Self { bytes }
    }

    /// Returns the stream of a stream id.
    pub fn stream(scope: &str, entity: &str, lane: u32) -> Self {
        let mut term = Self { bytes: Vec::with_capacity(scope.len() + entity.len() + 7) };
        term.set_stream(scope, entity, lane);
        term
    }

    /// Becomes the stream of a stream id, in the memory it has.
    pub fn set_stream(&mut self, scope: &str, entity: &str, lane: u32) {
        self.bytes.clear();
        put_stream(scope.as_bytes(), entity.as_bytes(), &lane.to_be_bytes(), &mut self.bytes);
    }

    /// Returns the events on a lane.
    pub fn lane(lane: u32) -> Self {
        Self::new(Field::Lane, &lane.to_be_bytes())
    }

    /// Returns the effects of an event of this store.
    pub fn cause(position: Position) -> Self {
        Self::new(Field::Cause, &position.0.to_be_bytes())
    }

    /// Returns the effects of an event of another store.
    pub fn foreign_cause(store: StoreId, event: EventId) -> Self {
        Self::new(Field::Cause, &[store.0, event.0].concat())
    }

    /// Returns the events of a flow, but for the one that began it.
    pub fn correlation(flow: CorrelationId) -> Self {
        Self::new(Field::Correlation, &flow.0)
    }

    /// Returns the field's code, then the value.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Appends the term of a stream, made of the values of the terms of its scope, entity and lane.
pub(crate) fn put_stream(scope: &[u8], entity: &[u8], lane: &[u8], out: &mut Vec<u8>) {
    out.push(Field::Stream as u8);
    out.extend_from_slice(&(scope.len() as u16).to_be_bytes());
    out.extend_from_slice(scope);
    out.extend_from_slice(entity);
    out.extend_from_slice(lane);
}

/// Returns the stream id in the value of a stream's term.
pub(crate) fn parse_stream(value: &[u8]) -> Option<StreamId> {
    let (scope_length, rest) = value.split_first_chunk::<2>()?;
    let (names, lane) = rest.split_last_chunk::<4>()?;
    let (scope, entity) = names.split_at_checked(usize::from(u16::from_be_bytes(*scope_length)))?;
    let name = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    Some(StreamId::new(name(scope)?, name(entity)?).lane(u32::from_be_bytes(*lane)))
}

/// Returns the position in the term of a local cause.
pub(crate) fn local_cause(term: &[u8]) -> Option<Position> {
    let (field, value) = term.split_first()?;
    if *field != Field::Cause as u8 {
        return None;
    }
    value.try_into().ok().map(|raw| Position(u64::from_be_bytes(raw)))
}

/// Appends the term of a record's stream to `out`.
pub(crate) fn put_stream_of(record: &Record<'_>, out: &mut Vec<u8>) {
    put_stream(record.scope().as_bytes(), record.entity().as_bytes(), &record.lane().to_be_bytes(), out);
}

/// Calls `each` with every term of a record, as the bytes of [`Term::as_bytes`]. A term that stands in the
/// record twice comes twice. The stream comes first.
pub fn of_record(record: &Record<'_>, mut each: impl FnMut(Field, &[u8])) {
    let mut bytes = Vec::new();
    put_stream_of(record, &mut bytes);
    each(Field::Stream, &bytes);
    let mut one = |field: Field, parts: &[&[u8]]| {
        bytes.clear();
        bytes.push(field as u8);
        for part in parts {
            bytes.extend_from_slice(part);
        }
        each(field, &bytes);
    };
    one(Field::Scope, &[record.scope().as_bytes()]);
    one(Field::Entity, &[record.entity().as_bytes()]);
    one(Field::Lane, &[&record.lane().to_be_bytes()]);
    one(Field::Kind, &[record.kind().as_bytes()]);
    further(record, one);
}

/// Calls `each` with the field and the parts of the value of every term of a record behind those of its stream and its
/// kind: tags, correlation, causes, key.
#[inline]
pub(crate) fn further(record: &Record<'_>, mut each: impl FnMut(Field, &[&[u8]])) {
    for tag in record.tags() {
        each(Field::Tag, &[tag.as_bytes()]);
    }
    let correlation = record.correlation();
    if correlation != record.id() {
        each(Field::Correlation, &[&correlation.0]);
    }
    for cause in record.causes() {
        match cause {
            Cause::At(position) => each(Field::Cause, &[&position.0.to_be_bytes()]),
            Cause::Foreign(store, event) => each(Field::Cause, &[&store.0, &event.0]),
            Cause::Id(_) | Cause::Draft(_) => unreachable!("a record in the log holds neither"),
        }
    }
    if let Some((key, _)) = record.key() {
        each(Field::Key, &[key.as_bytes()]);
    }
}

/// A term that is looked for, with its hash: made once for all segments.
#[derive(Clone, Debug)]
pub struct HashedTerm {
    /// The term.
    pub term: Term,
    /// What the seed of the store makes of it.
    pub hash: u128,
}

/// An id that is looked for, with its hash.
#[derive(Clone, Copy, Debug)]
pub struct HashedId {
    /// The id.
    pub id: EventId,
    /// The lower half of what the seed of the store makes of it.
    pub hash: u64,
}

/// What terms and ids are hashed with in memory: 128 bits of SipHash-1-3 under a random key, wide enough
/// to stand for the bytes, and out of reach for an attacker that chooses them.
#[derive(Clone, Copy, Debug)]
pub struct HashKey(pub u64, pub u64);

impl HashKey {
    /// Returns the hash of bytes.
    #[inline]
    pub fn hash(self, bytes: &[u8]) -> u128 {
        SipHasher13::new_with_keys(self.0, self.1).hash(bytes).as_u128()
    }

    /// Returns a term to look for.
    pub fn hash_term(self, term: Term) -> HashedTerm {
        HashedTerm { hash: self.hash(term.as_bytes()), term }
    }

    /// Returns an id to look for.
    pub fn hash_id(self, id: EventId) -> HashedId {
        HashedId { id, hash: self.hash(&id.0) as u64 }
    }
}
