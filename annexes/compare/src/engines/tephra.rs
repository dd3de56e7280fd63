//! Tephra: stream and id as tags beside the event's own, since it finds events by type and tags only.

use std::fmt::Write as _;
use std::path::Path;

use tephra::{
    AppendCondition, AppendError, Event, EventType, Position, QueryItem, SegmentConfig, SegmentSet, Tag,
    Tags, WriteCoordinator, WriteHandle, WriterConfig,
};

use crate::engine::{About, Outcome, Durability, Engine, Entry, Query, Result, Seen, Skill, Visit};
use crate::sample::{Id, Sample};

const SEGMENT_BYTES: usize = 256 << 20;

pub(super) fn entry() -> Entry {
    let settings = "as in its example: segments of 256 MiB; stream and id are tags; always synced";
    Entry { about: About::new("Tephra", settings, &[Skill::Relaxed, Skill::Folds]), open }
}

struct Tephra {
    coordinator: WriteCoordinator,
    handle: WriteHandle,
}

fn open(directory: &Path, _: Durability) -> Result<Box<dyn Engine>> {
    let segments = SegmentSet::open(directory, SegmentConfig::new(SEGMENT_BYTES))?;
    let (coordinator, handle) = WriteCoordinator::start(segments, WriterConfig::default())?;
    Ok(Box::new(Tephra { coordinator, handle }))
}

impl Tephra {
    fn visit(&self, query: &tephra::Query, after: u64, limit: usize, visit: Visit<'_>) -> Result {
        let limit = u64::try_from(limit).ok().filter(|limit| *limit < u64::MAX);
        let mut events = self.handle.read(query, Position::new(after), limit);
        while let Some(event) = events.next() {
            let event = event?;
            let (position, event) = (event.position.get(), event.event);
            visit(Seen { position, kind: event.event_type(), payload: event.data() });
        }
        Ok(())
    }
}

impl Engine for Tephra {
    fn append(&self, events: Vec<Sample>) -> Result {
        let events = events.iter().map(encode).collect::<Result<_>>()?;
        self.handle.append(events, None)?;
        Ok(())
    }

    fn last(&self) -> Result<u64> {
        Ok(self.handle.head().get())
    }

    fn read(&self, query: Query<'_>, after: u64, limit: usize, visit: Visit<'_>) -> Result {
        self.visit(&selected(query)?, after, limit, visit)
    }

    fn find(&self, id: Id, visit: Visit<'_>) -> Result {
        self.visit(&tagged(id_tag(id))?, 0, 1, visit)
    }

    fn decide(&self, tag: &str, event: Sample) -> Result<Outcome> {
        let query = selected(Query::Tag(tag))?;
        let head = self.handle.head();
        self.visit(&query, 0, usize::MAX, &mut |_| {})?;
        let condition = AppendCondition::new(query).after(head);
        match self.handle.append(vec![encode(&event)?], Some(condition)) {
            Ok(_) => Ok(Outcome::Appended(0)),
            Err(AppendError::Conflict { .. }) => Ok(Outcome::Conflict),
            Err(error) => Err(error.into()),
        }
    }

    fn close(self: Box<Self>) -> Result {
        drop(self.coordinator.shutdown());
        Ok(())
    }
}

fn encode(event: &Sample) -> Result<Event> {
    let mut tags = vec![Tag::new(stream_tag(&event.scope, &event.entity))?, Tag::new(id_tag(event.id))?];
    for tag in &event.tags {
        tags.push(Tag::new(tag.as_str())?);
    }
    Ok(Event::new(&EventType::new(event.kind)?, &Tags::new(tags)?, &event.payload)?)
}

fn selected(query: Query<'_>) -> Result<tephra::Query> {
    match query {
        Query::All => Ok(tephra::Query::all()),
        Query::Stream(scope, entity) => tagged(stream_tag(scope, entity)),
        Query::Kind(kind) => Ok(tephra::Query::item(QueryItem::of_types(vec![EventType::new(kind)?]))),
        Query::Tag(tag) => tagged(tag.to_owned()),
    }
}

fn tagged(tag: String) -> Result<tephra::Query> {
    Ok(tephra::Query::item(QueryItem::with_tags(Tags::new([Tag::new(tag)?])?)))
}

/// Returns the tag of a stream.
pub(super) fn stream_tag(scope: &str, entity: &str) -> String {
    format!("{scope}/{entity}")
}

/// Returns the tag of an id.
pub(super) fn id_tag(id: Id) -> String {
    id.iter().fold(String::with_capacity(32), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string accepts every write");
        text
    })
}
