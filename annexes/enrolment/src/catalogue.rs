//! What is looked up: tables of courses and seats, changed in one transaction with the bookmark.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use tidegate::Event;
use tidegate::project::{Bookmark, ReadModel};
use tidegate::{Query, RecordedEvent};

use crate::facts::Fact;

/// What goes wrong here: in the database, or with an event.
type Trouble = Box<dyn std::error::Error + Send + Sync>;

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS course (
        name  TEXT PRIMARY KEY,
        title TEXT NOT NULL,
        seats INTEGER NOT NULL,
        taken INTEGER NOT NULL DEFAULT 0 CHECK (taken BETWEEN 0 AND seats)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS seat (
        course  TEXT NOT NULL REFERENCES course,
        student TEXT NOT NULL,
        PRIMARY KEY (course, student)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS bookmark (
        one  INTEGER PRIMARY KEY CHECK (one = 1),
        text TEXT NOT NULL
    ) STRICT;";

/// The read model: who sits where, in a database of its own.
#[derive(Debug)]
pub struct Catalogue {
    database: Connection,
}

/// A course as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub title: String,
    /// How many may sit in it.
    pub seats: u32,
    /// How many do.
    pub taken: u32,
    /// Who they are, in alphabetical order.
    pub students: Vec<String>,
}

impl Catalogue {
    /// Opens the database of this name, or creates it.
    ///
    /// # Errors
    ///
    /// Those of `SQLite`.
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        Self::over(Connection::open(path)?)
    }

    /// Returns the read model in a database that is open.
    ///
    /// # Errors
    ///
    /// Those of `SQLite`.
    pub fn over(database: Connection) -> rusqlite::Result<Self> {
        database.busy_timeout(Duration::from_secs(10))?;
        // The bookmark is in the transaction. So a power cut that takes the last transactions back, which this
        // setting lets happen, takes the bookmark back with them, and their events are taken in again.
        database.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
        database.execute_batch(TABLES)?;
        Ok(Self { database })
    }

    /// Returns all courses, in alphabetical order.
    ///
    /// # Errors
    ///
    /// Those of `SQLite`.
    pub fn courses(&self) -> rusqlite::Result<Vec<Course>> {
        let mut courses =
            self.database.prepare_cached("SELECT name, title, seats, taken FROM course ORDER BY name")?;
        let mut seats =
            self.database.prepare_cached("SELECT student FROM seat WHERE course = ? ORDER BY student")?;
        let rows = courses.query_map([], |row| {
            let name: String = row.get(0)?;
            let students = seats.query_map([&name], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            Ok(Course { name, title: row.get(1)?, seats: row.get(2)?, taken: row.get(3)?, students })
        })?;
        rows.collect()
    }
}

impl ReadModel for Catalogue {
    const VERSION: u16 = 1;
    type Error = Trouble;

    fn query(&self) -> Query {
        Fact::item().into()
    }

    fn bookmark(&mut self) -> Result<Option<String>, Trouble> {
        Ok(bookmark(&self.database)?)
    }

    fn commit(
        &mut self,
        events: &[RecordedEvent],
        before: Option<&Bookmark>,
        after: &Bookmark,
    ) -> Result<(), Trouble> {
        let transaction = self.database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if bookmark(&transaction)? != before.map(ToString::to_string) {
            return Err("another process has moved on".into());
        }
        for event in events {
            take_in(&transaction, event)?;
        }
        transaction
            .prepare_cached(
                "INSERT INTO bookmark VALUES (1, ?) ON CONFLICT DO UPDATE SET text = excluded.text",
            )?
            .execute([after.to_string()])?;
        Ok(transaction.commit()?)
    }
}

fn bookmark(database: &Connection) -> rusqlite::Result<Option<String>> {
    database.prepare_cached("SELECT text FROM bookmark")?.query_row([], |row| row.get(0)).optional()
}

fn take_in(transaction: &Transaction<'_>, event: &RecordedEvent) -> Result<(), Trouble> {
    let course = event.entity();
    let changed = match Fact::of(event)? {
        Fact::Opened { title, seats } => transaction
            .prepare_cached("INSERT INTO course (name, title, seats) VALUES (?, ?, ?)")?
            .execute(params![course, title, seats])?,
        Fact::Enrolled { student } => {
            transaction.prepare_cached("INSERT INTO seat VALUES (?, ?)")?.execute([course, &student])?;
            take(transaction, course, 1)?
        }
        Fact::Left { student } => {
            let gone = transaction
                .prepare_cached("DELETE FROM seat WHERE course = ? AND student = ?")?
                .execute([course, &student])?;
            gone * take(transaction, course, -1)?
        }
    };
    if changed == 1 { Ok(()) } else { Err(format!("position {} fits nothing", event.position()).into()) }
}

fn take(transaction: &Transaction<'_>, course: &str, seats: i64) -> rusqlite::Result<usize> {
    transaction
        .prepare_cached("UPDATE course SET taken = taken + ? WHERE name = ?")?
        .execute(params![seats, course])
}
