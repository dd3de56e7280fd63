//! `UmaDB`'s core: stream and id as tags beside the event's own, since it finds events by tags and by type.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot, watch};
use umadb_core::db::{UmaDb, is_integrity_error};
use umadb_core::mvcc::{Mvcc, StorageOptions};
use umadb_core::writer_thread_blocking::writer_thread_blocking;
use umadb_core::writer_thread_request::WriterThreadRequest;
use umadb_dcb::{
    DcbAppendCondition, DcbError, DcbEvent, DcbEventStoreSync as _, DcbQuery, DcbQueryItem, DcbSequencedEvent,
};

use super::tephra::{id_tag, stream_tag};
use crate::engine::{About, Outcome, Durability, Engine, Entry, Query, Result, Seen, Skill, Visit};
use crate::sample::{Id, Sample};

/// How many appends may wait for the writer.
const QUEUE: usize = 10_000;

/// The most events of one commit.
const COMMIT_EVENTS_MAX: usize = 2000;

/// How many events are read at once if all are asked for: it hands them out as one list.
const READ_EVENTS: usize = 1000;

pub(super) fn entry() -> Entry {
    let settings = "default options, its own writer thread; stream and id are tags; always synced";
    Entry { about: About::new("UmaDB core", settings, &[Skill::Relaxed, Skill::Folds]), open }
}

struct Umadb {
    store: UmaDb,
    queue: mpsc::Sender<WriterThreadRequest>,
    writer: JoinHandle<()>,
}

fn open(directory: &Path, _: Durability) -> Result<Box<dyn Engine>> {
    let mvcc = Arc::new(Mvcc::new(false, StorageOptions::default().db_path(directory))?);
    let (queue, requests) = mpsc::channel(QUEUE);
    let (head, _) = watch::channel(None);
    let writer = std::thread::spawn({
        let mvcc = Arc::clone(&mvcc);
        move || writer_thread_blocking(mvcc, requests, head, COMMIT_EVENTS_MAX)
    });
    Ok(Box::new(Umadb { store: UmaDb::from_arc(mvcc), queue, writer }))
}

impl Umadb {
    fn request(
        &self,
        events: Vec<DcbEvent>,
        condition: Option<DcbAppendCondition>,
    ) -> Result<std::result::Result<u64, DcbError>> {
        let (response_tx, answered) = oneshot::channel();
        let request =
            WriterThreadRequest::Append { events, condition, tracking_info: None, response_tx, cancel: None };
        self.queue.blocking_send(request)?;
        Ok(answered.blocking_recv()?)
    }

    fn list(&self, query: Query<'_>, after: u64, limit: usize) -> Result<Vec<DcbSequencedEvent>> {
        let limit = u32::try_from(limit).ok();
        Ok(self.store.read_with_head(selected(query), Some(after + 1), false, limit)?.0)
    }
}

impl Engine for Umadb {
    fn append(&self, events: Vec<Sample>) -> Result {
        self.request(events.into_iter().map(encode).collect(), None)??;
        Ok(())
    }

    fn last(&self) -> Result<u64> {
        Ok(self.store.head()?.unwrap_or(0))
    }

    fn read(&self, query: Query<'_>, mut after: u64, limit: usize, visit: Visit<'_>) -> Result {
        let all = matches!(query, Query::All);
        let mut left = limit;
        loop {
            let part = if all { left.min(READ_EVENTS) } else { left };
            let events = self.list(query, after, part)?;
            for event in &events {
                visit(seen(event));
            }
            left -= events.len();
            match events.last() {
                Some(last) if all && left > 0 => after = last.position,
                _ => return Ok(()),
            }
        }
    }

    fn find(&self, id: Id, visit: Visit<'_>) -> Result {
        self.list(Query::Tag(&id_tag(id)), 0, 1)?.iter().for_each(|event| visit(seen(event)));
        Ok(())
    }

    fn decide(&self, tag: &str, event: Sample) -> Result<Outcome> {
        let query = selected(Query::Tag(tag)).unwrap_or_default();
        let (_, head) = self.store.read_with_head(Some(query.clone()), None, false, None)?;
        let condition = DcbAppendCondition::new(query).after(head);
        match self.request(vec![encode(event)], Some(condition))? {
            Ok(_) => Ok(Outcome::Appended(0)),
            Err(error) if is_integrity_error(&error) => Ok(Outcome::Conflict),
            Err(error) => Err(error.into()),
        }
    }

    fn close(self: Box<Self>) -> Result {
        let Self { store, queue, writer } = *self;
        drop(queue);
        writer.join().map_err(|_| "the writer thread panicked")?;
        drop(store);
        Ok(())
    }
}

fn encode(event: Sample) -> DcbEvent {
    let mut tags = vec![stream_tag(&event.scope, &event.entity), id_tag(event.id)];
    tags.extend(event.tags);
    DcbEvent::new().event_type(event.kind).tags(tags).data(event.payload)
}

fn seen(event: &DcbSequencedEvent) -> Seen<'_> {
    Seen { position: event.position, kind: &event.event.event_type, payload: &event.event.data }
}

fn selected(query: Query<'_>) -> Option<DcbQuery> {
    let item = match query {
        Query::All => return None,
        Query::Stream(scope, entity) => DcbQueryItem::new().tags([stream_tag(scope, entity)]),
        Query::Kind(kind) => DcbQueryItem::new().types([kind]),
        Query::Tag(tag) => DcbQueryItem::new().tags([tag]),
    };
    Some(DcbQuery::new().item(item))
}
