//! The store file: which store a directory is.
//!
//! Invariants:
//!
//! T1. Every version begins with the same two lines, but for the number, and ends with a line that holds a
//!     checksum of all before it. So a newer version is told from a damaged one without reading the lines between.
//! T2. One value has one text: what differs from it by a byte is damaged.
//!
//! ```
//! use tidegate_format::{Micros, StoreFile, StoreId};
//!
//! let created = Micros(1_795_000_000_000_000);
//! let id = StoreId::from_time(created.0, &[7; 10]);
//! let file = StoreFile { id, salt: 99, seed: 17, created, forks: Vec::new(), log: None };
//! assert!(file.encode().starts_with("tidegate store\nformat 1\n"));
//! assert_eq!(StoreFile::read(file.encode().as_bytes())?, file);
//! # Ok::<(), tidegate_format::Error>(())
//! ```

use std::fmt::Write;

use crate::error::{Error, ErrorKind, Result};
use crate::hash::Hash;
use crate::id::StoreId;
use crate::limit::{FORKS_MAX, FORMAT, STORE_FILE_BYTES_MAX};
use crate::name;
use crate::number::{Micros, Position};

mod text;
mod floor;
mod backup;
mod erasing;
mod node;
mod stage;

pub use backup::{BackupEntry, BackupFile};
pub use erasing::ErasingFile;
pub use floor::FloorFile;
pub use node::{NodeFile, NodeId, NodeSequence};
pub use stage::StageFile;
use text::CheckedText;

const FIRST_LINE: &str = "tidegate store\n";

/// The contents of the store file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFile {
    /// The store's id.
    pub id: StoreId,
    /// What the checksums of its frames start from: random, and kept in the store.
    pub salt: u64,
    /// What the terms of its index files are hashed with: random, and kept in the store. A fork keeps its parent's, so
    /// that index files can be shared.
    pub seed: u64,
    /// When it was created.
    pub created: Micros,
    /// The stores that it was forked from, the oldest first.
    pub forks: Vec<ForkPoint>,
    /// The shared log that this directory is a node of.
    pub log: Option<String>,
}

/// Where a store was forked from another one: up to here the two have the same events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkPoint {
    /// The id of the store it was forked from.
    pub store: StoreId,
    /// That store's salt, which the segments that came from it have.
    pub salt: u64,
    /// The last position that the two share.
    pub until: Position,
    /// The root of the Merkle tree over everything up to there.
    pub root: Hash,
}

impl StoreFile {
    /// Returns its text.
    pub fn encode(&self) -> String {
        let Self { id, salt, seed, created, forks, log } = self;
        let mut text = format!(
            "{FIRST_LINE}format {FORMAT}\nid {id}\nsalt {salt:016x}\nseed {seed:016x}\ncreated {created}\n"
        );
        for ForkPoint { store, salt, until, root } in forks {
            writeln!(text, "from {store} {salt:016x} {until} {root}")
                .expect("text takes what is written to it");
        }
        if let Some(log) = log {
            writeln!(text, "log {log}").expect("text takes what is written to it");
        }
        text::seal(text)
    }

    /// Returns whether a segment that ends at `last` and whose head has this id and salt belongs to this store: it is
    /// the store's own, or came whole from one that the store was forked from.
    pub fn owns_segment(&self, store: StoreId, salt: u64, last: Position) -> bool {
        let own = (store, salt) == (self.id, self.salt);
        own || self.forks.iter().any(|fork| (fork.store, fork.salt) == (store, salt) && last <= fork.until)
    }

    /// Reads and checks the text, which is all of `bytes`.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut text = CheckedText::read("store file", FIRST_LINE, STORE_FILE_BYTES_MAX, bytes)?;
        check_format("store", text.number("format")?)?;
        let (id, salt, seed) = (text.field("id")?, text.field("salt")?, text.field("seed")?);
        let created = Micros(text.number("created")?);
        let mut forks = Vec::new();
        while let Some(line) = text.optional("from") {
            forks.push(fork_point(line).ok_or_else(|| text.unlike("a fork point"))?);
        }
        let log = text.optional("log").map(str::to_owned);
        let found = Self {
            id: id.parse().map_err(|_| text.unlike("a store id"))?,
            salt: u64::from_str_radix(salt, 16).map_err(|_| text.unlike("a salt"))?,
            seed: u64::from_str_radix(seed, 16).map_err(|_| text.unlike("a seed"))?,
            created,
            forks,
            log,
        };
        found.check().map_err(|expected| text.unlike(expected))?;
        text.end(&found.encode())?;
        Ok(found)
    }

    /// Finds what cannot be so.
    fn check(&self) -> std::result::Result<(), &'static str> {
        if self.forks.len() > FORKS_MAX {
            return Err("at most 400 fork points");
        }
        if !self.forks.is_sorted_by(|earlier, later| earlier.until <= later.until) {
            return Err("fork points in ascending order");
        }
        if self.log.as_ref().is_some_and(|log| name::check("shared log", log).is_err()) {
            return Err("a name of a shared log");
        }
        Ok(())
    }
}

fn fork_point(line: &str) -> Option<ForkPoint> {
    let mut words = line.split(' ');
    let mut next = || words.next();
    let (store, salt, until, root) = (next()?, next()?, next()?, next()?);
    Some(ForkPoint {
        store: store.parse().ok()?,
        salt: u64::from_str_radix(salt, 16).ok()?,
        until: Position(until.parse().ok()?),
        root: root.parse().ok()?,
    })
}

/// Refuses a format this program does not read. `what` has it. The number was checked to be as written.
pub(crate) fn check_format(what: &str, format: u32) -> Result<()> {
    if format == FORMAT {
        return Ok(());
    }
    if format < FORMAT {
        let message = format!("the {what} has a format that never was");
        return Err(Error::damaged(message, format!("at least {FORMAT}"), format));
    }
    let message = format!("the {what} has format {format}, this program reads format {FORMAT}");
    Err(Error::new(ErrorKind::Newer, message))
}
