//! An event as the tests know it.

use tidegate::graph::CorrelationId;
use tidegate::{Cause, EventId, Position, Query, RecordedEvent, Result, StreamId, Version, View};
use tidegate_format::{Hash, Micros};

/// All that queries look at, and enough more to tell an event from any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) position: Position,
    pub(crate) version: Version,
    pub(crate) time: Micros,
    pub(crate) id: EventId,
    pub(crate) stream: StreamId,
    pub(crate) kind: String,
    pub(crate) tags: Vec<String>,
    pub(crate) causes: Vec<Cause>,
    pub(crate) correlation: CorrelationId,
    pub(crate) payload: Vec<u8>,
    pub(crate) leaf: Hash,
}

impl Known {
    pub(crate) fn of(event: &RecordedEvent) -> Self {
        Self {
            position: event.position(),
            version: event.version(),
            time: event.time(),
            id: event.id(),
            stream: event.stream(),
            kind: event.kind().to_owned(),
            tags: event.tags().map(str::to_owned).collect(),
            causes: event.causes().collect(),
            correlation: event.correlation(),
            payload: event.payload().unwrap().to_vec(),
            leaf: event.leaf(),
        }
    }
}

/// All events of a view, one after the other.
pub(crate) fn scan(view: &View) -> Result<Vec<Known>> {
    view.read(&Query::ALL).map(|event| Ok(Known::of(&event?))).collect()
}
