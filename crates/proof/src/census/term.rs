//! What is counted.

use std::borrow::Cow;
use std::fmt;

use tidegate_format::{Hash, Record, StreamId, Text, hash};

/// What a census counts events by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CensusField {
    /// By stream: scope, entity and lane.
    Stream,
    /// By scope.
    Scope,
    /// By kind, the whole of it.
    Kind,
    /// By tag. An event counts once for each of its tags.
    Tag,
}

impl CensusField {
    /// Every field.
    pub const ALL: [Self; 4] = [Self::Stream, Self::Scope, Self::Kind, Self::Tag];

    /// Returns the name of it in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Scope => "scope",
            Self::Kind => "kind",
            Self::Tag => "tag",
        }
    }
}

impl fmt::Display for CensusField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One of what is counted: a stream, a scope, a kind or a tag.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CensusTerm {
    /// The events of one stream.
    Stream(StreamId),
    /// The events of one scope.
    Scope(Text),
    /// The events of one kind.
    Kind(Text),
    /// The events with this tag.
    Tag(Text),
}

impl CensusTerm {
    /// Returns what it is one of.
    pub fn field(&self) -> CensusField {
        match self {
            Self::Stream(_) => CensusField::Stream,
            Self::Scope(_) => CensusField::Scope,
            Self::Kind(_) => CensusField::Kind,
            Self::Tag(_) => CensusField::Tag,
        }
    }

    /// Returns what stands for it in a row: [`hash::parts`] over the domain `tidegate census` with the name of the field, and
    /// then the scope, the kind or the tag, or scope, entity, and lane in four little-endian bytes.
    pub fn hash(&self) -> Hash {
        let lane;
        let values = match self {
            Self::Stream(stream) => {
                lane = stream.lane.to_le_bytes();
                vec![stream.scope.as_bytes(), stream.entity.as_bytes(), &lane]
            }
            Self::Scope(text) | Self::Kind(text) | Self::Tag(text) => vec![text.as_bytes()],
        };
        hash::parts(b"tidegate census", &[&[self.field().name().as_bytes()], &values[..]].concat())
    }

    /// Returns whether an event counts for it.
    pub fn has(&self, record: &Record<'_>) -> bool {
        match self {
            Self::Stream(StreamId { scope, entity, lane }) => {
                (&**scope, &**entity, *lane) == (record.scope(), record.entity(), record.lane())
            }
            Self::Scope(scope) => scope == record.scope(),
            Self::Kind(kind) => kind == record.kind(),
            Self::Tag(tag) => record.tags().any(|found| tag == found),
        }
    }

    /// The terms of a field that an event counts for, each once.
    pub(super) fn all_of(field: CensusField, record: &Record<'_>) -> Vec<Self> {
        let text = |text: &str| Cow::Owned(text.to_owned());
        match field {
            CensusField::Stream => {
                let (scope, entity) = (text(record.scope()), text(record.entity()));
                vec![Self::Stream(StreamId { scope, entity, lane: record.lane() })]
            }
            CensusField::Scope => vec![Self::Scope(text(record.scope()))],
            CensusField::Kind => vec![Self::Kind(text(record.kind()))],
            CensusField::Tag => {
                let mut tags: Vec<&str> = record.tags().collect();
                tags.sort_unstable();
                tags.dedup();
                tags.into_iter().map(|tag| Self::Tag(text(tag))).collect()
            }
        }
    }
}

impl fmt::Display for CensusTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.field().name();
        match self {
            Self::Stream(stream) => write!(f, "{name} {stream}"),
            Self::Scope(text) | Self::Kind(text) | Self::Tag(text) => write!(f, "{name} {text}"),
        }
    }
}
