//! Tidegate, as it comes.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tidegate::project::{ProjectorOptions, Projection, Projector};
use tidegate::{AppendOptions, Batch, StreamId, Draft, EventId, QueryItem, Position, ReadOptions, Store};

use crate::engine::{About, Outcome, Durability, Engine, Entry, Query, Result, Seen, Visit};
use crate::sample::{Id, Sample};

pub(super) fn entry() -> Entry {
    Entry { about: About::new("Tidegate", "as it comes; Durability::Synced, relaxed Buffered", &[]), open }
}

struct Tidegate {
    store: Store,
    append: AppendOptions,
    /// The projection of the stream that was asked for last.
    total: Mutex<Option<(StreamId, Projector<Total>)>>,
}

/// How many events and bytes there are in a stream.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Total {
    events: u64,
    bytes: u64,
}

impl Projection for Total {
    const NAME: &'static str = "compare.total";
    const VERSION: u16 = 1;

    fn query() -> tidegate::Query {
        tidegate::Query::ALL
    }

    fn apply(&mut self, event: &tidegate::RecordedEvent) -> tidegate::Result<()> {
        self.events += 1;
        self.bytes += event.payload()?.len() as u64;
        Ok(())
    }
}

fn open(directory: &Path, durability: Durability) -> Result<Box<dyn Engine>> {
    let store = Store::open(directory.join("events"))?;
    let append = match durability {
        Durability::Synced => AppendOptions::new().synced(),
        Durability::Relaxed => AppendOptions::new().buffered()};
    Ok(Box::new(Tidegate { store, append, total: Mutex::default() }))
}

impl Engine for Tidegate {
    fn append(&self, events: Vec<Sample>) -> Result {
        let batch: Batch = events.into_iter().map(draft).collect();
        self.store.append_with(batch, self.append.clone())?;
        Ok(())
    }

    fn last(&self) -> Result<u64> {
        Ok(self.store.view()?.head().0)
    }

    fn read(&self, query: Query<'_>, after: u64, limit: usize, visit: Visit<'_>) -> Result {
        let read = ReadOptions::new().after(Position(after)).limit(limit);
        let mut events = self.store.read_with(&selected(query), read)?;
        while let Some(event) = events.next_borrowed()? {
            visit(seen(event));
        }
        Ok(())
    }

    fn find(&self, id: Id, visit: Visit<'_>) -> Result {
        if let Some(event) = self.store.view()?.find(EventId(id))? {
            visit(seen(&event));
        }
        Ok(())
    }

    fn at(&self, position: u64, visit: Visit<'_>) -> Result {
        if let Some(event) = self.store.view()?.at(Position(position))? {
            visit(seen(&event));
        }
        Ok(())
    }

    fn decide(&self, tag: &str, event: Sample) -> Result<Outcome> {
        let (query, draft) = (selected(Query::Tag(tag)), draft(event));
        let mut judged = 0;
        let decided = self.store.decide_with(self.append.clone(), |view| -> tidegate::Result<tidegate::decide::Decision> {
            judged += 1;
            for event in view.read(&query) {
                seen(&event?);
            }
            Ok(draft.clone().into())
        })?;
        if decided.receipt().is_none() {
            return Err("nothing denies here".into());
        }
        Ok(Outcome::Appended(judged - 1))
    }

    fn fold(&self, scope: &str, entity: &str) -> Result<u64> {
        let stream = StreamId::new(scope.to_owned(), entity.to_owned());
        let mut total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        let known = total.take().filter(|(known, _)| *known == stream);
        let (stream, projector) = match known {
            Some(known) => known,
            None => (stream.clone(), self.store.projector_with(ProjectorOptions::new().stream(stream))?)};
        let events = projector.read()?.events;
        *total = Some((stream, projector));
        Ok(events)
    }

    fn close(self: Box<Self>) -> Result {
        Ok(self.store.close()?)
    }
}

fn draft(event: Sample) -> Draft {
    let draft = Draft::new((event.scope, event.entity), event.kind);
    event.tags.into_iter().fold(draft, Draft::tag).bytes(event.payload).id(EventId(event.id))
}

fn seen(event: &tidegate::RecordedEvent) -> Seen<'_> {
    Seen { position: event.position().0, kind: event.kind(), payload: event.payload().expect("no payload is erased here") }
}

fn selected(query: Query<'_>) -> tidegate::Query {
    match query {
        Query::All => tidegate::Query::ALL,
        Query::Stream(scope, entity) => tidegate::Query::stream((scope.to_owned(), entity.to_owned())),
        Query::Kind(kind) => QueryItem::new().kind(kind.to_owned()).into(),
        Query::Tag(tag) => QueryItem::new().tag(tag.to_owned()).into(),
    }
}
