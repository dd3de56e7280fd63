//! The store file: which store a directory is.
//!
//! Invariants:
//!
//! T1. Every version begins with the same two lines, but for the number, and ends with a line that holds a
//!     checksum of all before it. So a newer version is told from a damaged one, whatever it says between.
//! T2. One value has one text: what differs from it by a byte is damaged.
//!
//! ```
//! use tidegate_format::{Micros, StoreFile, StoreId};
//!
//! let created = Micros(1_795_000_000_000_000);
//! let file = StoreFile { id: StoreId::from_time(created.0, &[7; 10]), salt: 99, created };
//! assert!(file.encode().starts_with("tidegate store\nformat 1\n"));
//! assert_eq!(StoreFile::read(file.encode().as_bytes())?, file);
//! # Ok::<(), tidegate_format::Error>(())
//! ```

use std::fmt::Write;

use crate::error::{Error, ErrorKind, Result};
use crate::hash;
use crate::id::StoreId;
use crate::limit::STORE_FILE_BYTES_MAX;
use crate::number::Micros;

/// The format this program writes, and the only one it reads.
pub const FORMAT: u32 = 1;

const FIRST_LINE: &str = "tidegate store\n";

/// What the store file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFile {
    /// The store's id.
    pub id: StoreId,
    /// What the checksums of its frames start from: random, and shown to nobody.
    pub salt: u64,
    /// When it was created.
    pub created: Micros,
}

impl StoreFile {
    /// Its text.
    pub fn encode(&self) -> String {
        let Self { id, salt, created } = self;
        let mut text = format!("{FIRST_LINE}format {FORMAT}\nid {id}\nsalt {salt:016x}\ncreated {created}\n");
        let crc = hash::crc(0, text.as_bytes());
        writeln!(text, "checksum {crc:08x}").expect("text takes what is written to it");
        text
    }

    /// Reads and checks the text, which is all of `bytes`.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > STORE_FILE_BYTES_MAX {
            let (expected, found) = (format!("at most {STORE_FILE_BYTES_MAX} bytes"), bytes.len());
            return Err(Error::damaged("the store file is too long", expected, found));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| unlike("text"))?;
        let Some(rest) = text.strip_prefix(FIRST_LINE) else {
            return Err(unlike("a first line \"tidegate store\""));
        };
        check_text(text)?;
        let mut lines = rest.lines();
        let mut field = |name: &str| {
            let value = lines.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(' '));
            value.ok_or_else(|| unlike(name))
        };
        check_format("store", field("format")?.parse().map_err(|_| unlike("a format number"))?)?;
        let (id, salt, created) = (field("id")?, field("salt")?, field("created")?);
        let found = Self {
            id: id.parse().map_err(|_| unlike("a store id"))?,
            salt: u64::from_str_radix(salt, 16).map_err(|_| unlike("a salt"))?,
            created: Micros(created.parse().map_err(|_| unlike("a time"))?),
        };
        if found.encode() == text { Ok(found) } else { Err(unlike("the text of what it says (T2)")) }
    }
}

/// Checks the last line, which every version has (T1).
fn check_text(text: &str) -> Result<()> {
    let lines = text.strip_suffix('\n').and_then(|lines| lines.rfind('\n')).map(|at| text.split_at(at + 1));
    let stated = lines.and_then(|(_, last)| last.strip_prefix("checksum ")?.strip_suffix('\n'));
    let (Some((body, _)), Some(stated)) = (lines, stated) else {
        return Err(unlike("a checksum in the last line"));
    };
    let found = format!("{:08x}", hash::crc(0, body.as_bytes()));
    if stated == found {
        return Ok(());
    }
    Err(Error::damaged("the store file's checksum does not hold", stated, found))
}

fn unlike(expected: &str) -> Error {
    Error::damaged("this is no store file", expected, "something else")
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
