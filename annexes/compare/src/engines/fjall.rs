//! fjall: a keyspace of events, one of ids, and one an index; one batch an append.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::record::{self, Index};
use crate::engine::{About, Durability, Engine, Entry, Query, Result, Skill, Visit};
use crate::sample::{Id, Sample};

const CACHE_BYTES: u64 = 256 << 20;

pub(super) fn entry() -> Entry {
    let settings = "PersistMode::SyncData, relaxed Buffer; a cache of 256 MiB";
    Entry { about: About::new("fjall", settings, &[Skill::Groups, Skill::Decides, Skill::Folds]), open }
}

struct Fjall {
    database: Database,
    events: Keyspace,
    ids: Keyspace,
    streams: Keyspace,
    kinds: Keyspace,
    tags: Keyspace,
    persist: PersistMode,
    /// The last position: taken and committed under one lock, so that positions are in order of commit.
    last: Mutex<u64>,
}

fn open(directory: &Path, durability: Durability) -> Result<Box<dyn Engine>> {
    let database = Database::builder(directory).cache_size(CACHE_BYTES).open()?;
    let keyspace = |name: &str| database.keyspace(name, KeyspaceCreateOptions::default);
    let events = keyspace("events")?;
    let last = match events.last_key_value() {
        Some(event) => record::position(&event.key()?)?,
        None => 0,
    };
    let persist = match durability {
        Durability::Synced => PersistMode::SyncData,
        Durability::Relaxed => PersistMode::Buffer,
    };
    let (ids, streams) = (keyspace("ids")?, keyspace("streams")?);
    let (kinds, tags, last) = (keyspace("kinds")?, keyspace("tags")?, Mutex::new(last));
    Ok(Box::new(Fjall { database, events, ids, streams, kinds, tags, persist, last }))
}

impl Fjall {
    fn visit(&self, position: u64, visit: Visit<'_>) -> Result {
        let value = self.events.get(position.to_be_bytes())?;
        let value = value.ok_or("an index names an event that is not there")?;
        visit(record::decode(position, &value)?);
        Ok(())
    }
}

impl Engine for Fjall {
    fn append(&self, added: Vec<Sample>) -> Result {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = self.database.batch().durability(Some(self.persist));
        let mut position = *last;
        for event in &added {
            position += 1;
            batch.insert(&self.events, position.to_be_bytes(), record::encode(event));
            batch.insert(&self.ids, event.id, position.to_be_bytes());
            batch.insert(&self.streams, record::key(&[&event.scope, &event.entity], position), []);
            batch.insert(&self.kinds, record::key(&[event.kind], position), []);
            for tag in &event.tags {
                batch.insert(&self.tags, record::key(&[tag], position), []);
            }
        }
        batch.commit()?;
        *last = position;
        Ok(())
    }

    fn last(&self) -> Result<u64> {
        Ok(*self.last.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn read(&self, query: Query<'_>, after: u64, limit: usize, visit: Visit<'_>) -> Result {
        let Some((index, parts)) = record::lookup(query) else {
            for event in self.events.range((after + 1).to_be_bytes()..).take(limit) {
                let (key, value) = event.into_inner()?;
                visit(record::decode(record::position(&key)?, &value)?);
            }
            return Ok(());
        };
        let keyspace = match index {
            Index::Streams => &self.streams,
            Index::Kinds => &self.kinds,
            Index::Tags => &self.tags,
        };
        let (from, to) = (record::key(&parts, after + 1), record::key(&parts, u64::MAX));
        for key in keyspace.range(from..=to).take(limit) {
            self.visit(record::position(&key.key()?)?, visit)?;
        }
        Ok(())
    }

    fn find(&self, id: Id, visit: Visit<'_>) -> Result {
        match self.ids.get(id)? {
            Some(position) => self.visit(record::position(&position)?, visit),
            None => Ok(()),
        }
    }

    fn at(&self, position: u64, visit: Visit<'_>) -> Result {
        self.visit(position, visit)
    }

    fn close(self: Box<Self>) -> Result {
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }
}
