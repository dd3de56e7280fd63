//! The store file: which store a directory is.

use std::fmt::Write;

use crate::error::{Error, ErrorKind, Result};
use crate::hash;
use crate::id::StoreId;
use crate::number::Micros;

/// The format this program writes, and the only one it reads.
pub const FORMAT: u32 = 1;

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
        let mut text =
            format!("tidegate store\nformat {FORMAT}\nid {id}\nsalt {salt:016x}\ncreated {created}\n");
        let crc = hash::crc(0, text.as_bytes());
        writeln!(text, "checksum {crc:08x}").expect("text takes what is written to it");
        text
    }

    /// Reads and checks the text.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let no_store = |what: &str| Error::damaged("this is no store file", what, "something else");
        let text = std::str::from_utf8(bytes).map_err(|_| no_store("text"))?;
        let mut lines = text.lines();
        if lines.next() != Some("tidegate store") {
            return Err(no_store("a first line \"tidegate store\""));
        }
        let mut field = |name: &str| {
            let value = lines.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(' '));
            value.ok_or_else(|| no_store(name))
        };
        let format: u32 = field("format")?.parse().map_err(|_| no_store("a format number"))?;
        if format != FORMAT {
            let message = format!("the store has format {format}, this program reads format {FORMAT}");
            return Err(Error::new(ErrorKind::Newer, message));
        }
        let (id, salt, created) = (field("id")?, field("salt")?, field("created")?);
        let stated = field("checksum")?;
        let body = text.find("checksum ").map_or(text, |at| &text[..at]);
        let found = format!("{:08x}", hash::crc(0, body.as_bytes()));
        if stated != found {
            return Err(Error::damaged("the store file's checksum does not hold", stated, found));
        }
        Ok(Self {
            id: id.parse().map_err(|_| no_store("a store id"))?,
            salt: u64::from_str_radix(salt, 16).map_err(|_| no_store("a salt"))?,
            created: Micros(created.parse().map_err(|_| no_store("a time"))?),
        })
    }
}
