//! The backup file: which files a backup consists of, and what the log in them is.
//!
//! ```
//! use tidegate_format::store::{BackupEntry, BackupFile};
//! use tidegate_format::{Hash, Micros, Position, StoreId};
//!
//! let entry = |name: &str, length| BackupEntry { name: name.to_owned(), length, digest: Hash([2; 32]) };
//! let backup = BackupFile {
//!     store: StoreId::from_time(1_795_000_000_000_000, &[7; 10]),
//!     number: 1,
//!     time: Micros(1_795_000_000_000_000),
//!     until: Position(42),
//!     root: Hash([1; 32]),
//!     files: vec![entry("STORE.copy", 178), entry("segments/00000000000000000001.seg", 14_512)],
//! };
//! assert_eq!(BackupFile::read(backup.encode().as_bytes())?, backup);
//! # Ok::<(), tidegate_format::Error>(())
//! ```

use std::fmt::Write;

use crate::error::Result;
use crate::hash::Hash;
use crate::id::StoreId;
use crate::limit::BACKUP_FILE_BYTES_MAX;
use crate::number::{Micros, Position};

use super::text::{self, CheckedText};
use super::{FORMAT, check_format};

const FIRST_LINE: &str = "tidegate backup\n";

/// What a backup is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupFile {
    /// The store that it was made of.
    pub store: StoreId,
    /// How many backups were made into the directory, this one included.
    pub number: u64,
    /// When it was begun.
    pub time: Micros,
    /// The last position in it.
    pub until: Position,
    /// The root of the Merkle tree over everything up to there.
    pub root: Hash,
    /// Its files, in ascending order of their names.
    pub files: Vec<BackupEntry>,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupEntry {
    /// Its name within the directory.
    pub name: String,
    /// How many of its bytes belong to the backup, from the first one on.
    pub length: u64,
    /// Their SHA-256.
    pub digest: Hash,
}

impl BackupFile {
    /// Returns its text.
    pub fn encode(&self) -> String {
        let Self { store, number, time, until, root, files } = self;
        let mut text = format!(
            "{FIRST_LINE}format {FORMAT}\nstore {store}\nnumber {number}\ntime {time}\nuntil {until}\nroot {root}\n"
        );
        for BackupEntry { name, length, digest } in files {
            writeln!(text, "file {length} {digest} {name}").expect("text takes what is written to it");
        }
        text::seal(text)
    }

    /// Reads and checks the text, which is all of `bytes`.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut text = CheckedText::read("backup file", FIRST_LINE, BACKUP_FILE_BYTES_MAX, bytes)?;
        check_format("backup file", text.number("format")?)?;
        let (store, number) = (text.number("store")?, text.number("number")?);
        let (time, until) = (Micros(text.number("time")?), Position(text.number("until")?));
        let root = text.number("root")?;
        let mut files = Vec::new();
        while let Some(line) = text.optional("file") {
            files.push(entry(line).ok_or_else(|| text.unlike("a file"))?);
        }
        let found = Self { store, number, time, until, root, files };
        if !found.is_possible() {
            return Err(text.unlike("the files of a store, in ascending order, a segment among them"));
        }
        text.end(&found.encode())?;
        Ok(found)
    }

    /// Returns the segments, in order, each by its first position, with what the file says of it.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = (Position, &BackupEntry)> {
        self.files.iter().filter_map(|entry| Some((segment_first(&entry.name)?, entry)))
    }

    fn is_possible(&self) -> bool {
        let firsts: Vec<_> = self.segments().map(|(first, _)| first).collect();
        self.number > 0
            && self.files.is_sorted_by(|earlier, later| earlier.name < later.name)
            && self.files.iter().all(|entry| is_name(&entry.name))
            // One generation of each.
            && firsts.is_sorted_by(|earlier, later| earlier < later)
            && firsts.last().is_some_and(|first| first.before() <= self.until)
    }
}

/// Returns the first position of the segment that a file of this name is, in any generation.
fn segment_first(name: &str) -> Option<Position> {
    let name = name.strip_prefix("segments/")?.strip_suffix(".seg")?;
    let first = name.split_once('.').map_or(name, |(first, _)| first).parse().ok()?;
    Some(Position(first))
}

/// Returns whether it may name a file of a backup: within the directory, in it or in a folder of it, and on one line.
fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(is_plain)
    };
    name.split('/').all(is_part) && name.split('/').count() <= 2
}

fn entry(line: &str) -> Option<BackupEntry> {
    let mut words = line.splitn(3, ' ');
    let mut next = || words.next();
    let (length, digest, name) = (next()?, next()?, next()?);
    Some(BackupEntry { name: name.to_owned(), length: length.parse().ok()?, digest: digest.parse().ok()? })
}
