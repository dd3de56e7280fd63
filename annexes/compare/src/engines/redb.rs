//! redb: a table of events, a table of ids, and one ordered table an index; one transaction an append.

use std::path::Path;

use redb::{
    Database, Durability as Commit, ReadTransaction, ReadableDatabase as _, ReadableTable as _,
    TableDefinition,
};

use super::record::{self, Index};
use crate::engine::{About, Durability, Engine, Entry, Query, Result, Skill, Visit};
use crate::sample::{Id, Sample};

type Ordered = TableDefinition<'static, &'static [u8], ()>;

const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
const IDS: TableDefinition<'_, &[u8; 16], u64> = TableDefinition::new("ids");
const STREAMS: Ordered = TableDefinition::new("streams");
const KINDS: Ordered = TableDefinition::new("kinds");
const TAGS: Ordered = TableDefinition::new("tags");

pub(super) fn entry() -> Entry {
    let settings = "Durability::Immediate, relaxed None; the cache it has by default (1 GiB)";
    Entry { about: About::new("redb", settings, &[Skill::Groups, Skill::Decides, Skill::Folds]), open }
}

struct Redb {
    database: Database,
    commit: Commit,
}

fn open(directory: &Path, durability: Durability) -> Result<Box<dyn Engine>> {
    let database = Database::create(directory.join("events.redb"))?;
    let transaction = database.begin_write()?;
    transaction.open_table(EVENTS)?;
    transaction.open_table(IDS)?;
    for table in [STREAMS, KINDS, TAGS] {
        transaction.open_table(table)?;
    }
    transaction.commit()?;
    let commit = match durability {
        Durability::Synced => Commit::Immediate,
        Durability::Relaxed => Commit::None,
    };
    Ok(Box::new(Redb { database, commit }))
}

impl Engine for Redb {
    fn append(&self, added: Vec<Sample>) -> Result {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(self.commit)?;
        {
            let mut events = transaction.open_table(EVENTS)?;
            let mut ids = transaction.open_table(IDS)?;
            let mut streams = transaction.open_table(STREAMS)?;
            let mut kinds = transaction.open_table(KINDS)?;
            let mut tags = transaction.open_table(TAGS)?;
            let mut position = events.last()?.map_or(0, |(position, _)| position.value());
            for event in &added {
                position += 1;
                events.insert(position, record::encode(event).as_slice())?;
                ids.insert(&event.id, position)?;
                streams.insert(record::key(&[&event.scope, &event.entity], position).as_slice(), ())?;
                kinds.insert(record::key(&[event.kind], position).as_slice(), ())?;
                for tag in &event.tags {
                    tags.insert(record::key(&[tag], position).as_slice(), ())?;
                }
            }
        }
        Ok(transaction.commit()?)
    }

    fn last(&self) -> Result<u64> {
        let events = self.database.begin_read()?.open_table(EVENTS)?;
        Ok(events.last()?.map_or(0, |(position, _)| position.value()))
    }

    fn read(&self, query: Query<'_>, after: u64, limit: usize, visit: Visit<'_>) -> Result {
        let transaction = self.database.begin_read()?;
        let events = transaction.open_table(EVENTS)?;
        let Some((index, parts)) = record::lookup(query) else {
            for event in events.range(after + 1..)?.take(limit) {
                let (position, value) = event?;
                visit(record::decode(position.value(), value.value())?);
            }
            return Ok(());
        };
        for position in positions(&transaction, index, &parts, after, limit)? {
            let value = events.get(position)?.ok_or("an index names an event that is not there")?;
            visit(record::decode(position, value.value())?);
        }
        Ok(())
    }

    fn find(&self, id: Id, visit: Visit<'_>) -> Result {
        let transaction = self.database.begin_read()?;
        if let Some(position) = transaction.open_table(IDS)?.get(&id)? {
            let position = position.value();
            let events = transaction.open_table(EVENTS)?;
            let value = events.get(position)?.ok_or("an id names an event that is not there")?;
            visit(record::decode(position, value.value())?);
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Result {
        Ok(self.database.close()?)
    }
}

fn positions(
    transaction: &ReadTransaction,
    index: Index,
    parts: &[&str],
    after: u64,
    limit: usize,
) -> Result<Vec<u64>> {
    let table = transaction.open_table(match index {
        Index::Streams => STREAMS,
        Index::Kinds => KINDS,
        Index::Tags => TAGS,
    })?;
    let (from, to) = (record::key(parts, after + 1), record::key(parts, u64::MAX));
    let keys = table.range(from.as_slice()..=to.as_slice())?.take(limit);
    keys.map(|key| record::position(key?.0.value())).collect()
}
