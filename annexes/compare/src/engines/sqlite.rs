//! `SQLite`: a table of events with an index for ids, streams and kinds, and a table of tags.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Params, Transaction, TransactionBehavior, params};

use crate::engine::{About, Outcome, Durability, Engine, Entry, Query, Result, Seen, Skill, Visit};
use crate::sample::{Id, Sample};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS events (
        position INTEGER PRIMARY KEY,
        id BLOB NOT NULL,
        scope TEXT NOT NULL,
        entity TEXT NOT NULL,
        kind TEXT NOT NULL,
        payload BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX IF NOT EXISTS ids ON events (id);
    CREATE INDEX IF NOT EXISTS streams ON events (scope, entity);
    CREATE INDEX IF NOT EXISTS kinds ON events (kind);
    CREATE TABLE IF NOT EXISTS tags (
        tag TEXT NOT NULL,
        position INTEGER NOT NULL,
        PRIMARY KEY (tag, position)
    ) STRICT, WITHOUT ROWID;
";

const BY_TAG: &str = "SELECT position, kind, payload FROM tags JOIN events USING (position)
    WHERE tag = ?1 AND position > ?2 ORDER BY position LIMIT ?3";

pub(super) fn entry() -> Entry {
    let settings = "WAL, synchronous=FULL, relaxed NORMAL; a cache of 256 MiB; callers share one connection";
    Entry { about: About::new("SQLite", settings, &[Skill::Groups, Skill::Folds]), open }
}

struct Sqlite(Mutex<Connection>);

fn open(directory: &Path, durability: Durability) -> Result<Box<dyn Engine>> {
    let connection = Connection::open(directory.join("events.sqlite"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let synchronous = match durability {
        Durability::Synced => "FULL",
        Durability::Relaxed => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "cache_size", -(256 << 10))?;
    connection.execute_batch(SCHEMA)?;
    Ok(Box::new(Sqlite(Mutex::new(connection))))
}

impl Sqlite {
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for Sqlite {
    fn append(&self, events: Vec<Sample>) -> Result {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        insert(&transaction, &events)?;
        Ok(transaction.commit()?)
    }

    fn last(&self) -> Result<u64> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached("SELECT coalesce(max(position), 0) FROM events")?;
        Ok(statement.query_row([], |row| row.get::<_, i64>(0))?.cast_unsigned())
    }

    fn read(&self, query: Query<'_>, after: u64, limit: usize, visit: Visit<'_>) -> Result {
        let connection = self.connection();
        let (after, limit) = (after.cast_signed(), i64::try_from(limit).unwrap_or(-1));
        match query {
            Query::All => {
                let sql = "SELECT position, kind, payload FROM events
                    WHERE position > ?1 ORDER BY position LIMIT ?2";
                select(&connection, sql, params![after, limit], visit)
            }
            Query::Stream(scope, entity) => {
                let sql = "SELECT position, kind, payload FROM events
                    WHERE scope = ?1 AND entity = ?2 AND position > ?3 ORDER BY position LIMIT ?4";
                select(&connection, sql, params![scope, entity, after, limit], visit)
            }
            Query::Kind(kind) => {
                let sql = "SELECT position, kind, payload FROM events INDEXED BY kinds
                    WHERE kind = ?1 AND position > ?2 ORDER BY position LIMIT ?3";
                select(&connection, sql, params![kind, after, limit], visit)
            }
            Query::Tag(tag) => select(&connection, BY_TAG, params![tag, after, limit], visit),
        }
    }

    fn find(&self, id: Id, visit: Visit<'_>) -> Result {
        let sql = "SELECT position, kind, payload FROM events WHERE id = ?1";
        select(&self.connection(), sql, params![id], visit)
    }

    fn at(&self, position: u64, visit: Visit<'_>) -> Result {
        let sql = "SELECT position, kind, payload FROM events WHERE position = ?1";
        select(&self.connection(), sql, params![position.cast_signed()], visit)
    }

    fn decide(&self, tag: &str, event: Sample) -> Result<Outcome> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // What was read holds until the commit: no other connection can write meanwhile.
        select(&transaction, BY_TAG, params![tag, 0, -1], &mut |_| {})?;
        insert(&transaction, &[event])?;
        transaction.commit()?;
        Ok(Outcome::Appended(0))
    }

    fn close(self: Box<Self>) -> Result {
        let connection = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        connection.close().map_err(|(_, error)| error.into())
    }
}

fn insert(transaction: &Transaction<'_>, events: &[Sample]) -> Result {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO events (id, scope, entity, kind, payload) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut label = transaction.prepare_cached("INSERT INTO tags (tag, position) VALUES (?1, ?2)")?;
    for event in events {
        insert.execute(params![event.id, event.scope, event.entity, event.kind, event.payload])?;
        let position = transaction.last_insert_rowid();
        for tag in &event.tags {
            label.execute(params![tag, position])?;
        }
    }
    Ok(())
}

fn select(connection: &Connection, sql: &str, parameters: impl Params, visit: Visit<'_>) -> Result {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    while let Some(row) = rows.next()? {
        let (kind, payload) = (row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_blob()?);
        visit(Seen { position: row.get::<_, i64>(0)?.cast_unsigned(), kind, payload });
    }
    Ok(())
}
