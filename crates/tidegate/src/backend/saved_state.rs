//! The header of saved states of projections, in files that can be deleted at any time.
//!
//! | offset | bytes | field | meaning |
//! |---:|---:|---|---|
//! | 0 | 4 | magic | `f7 54 47 70` |
//! | 4 | 4 | checksum | CRC-32C of everything after it |
//! | 8 | 4 | format | 1 |
//! | 12 | 4 | version | of the projection |
//! | 16 | 16 | store | its id |
//! | 32 | 8 | position | the last position that was looked at |
//! | 40 | 32 | leaf | leaf hash of the event there; zeros for position 0 |
//! | 72 | 8 | erased | the last event that says what is erased which was known then; 0 if there was none |
//! | 80 | 4 | query length | bytes of the query |
//! | 84 | query length | query | as text |
//! | | | body | `MessagePack`: the parked events, how many events were left out because they are erased, then the state |
//!
//! All numbers are little-endian. The leaf says that the log is the one the state came of: a log that lost its
//! end in a crash and grew again has another event there. Erasing changes no leaf: of a state that came of an event which
//! was erased later the field `erased` tells.

use tidegate_format::{Error, Hash, Position, Result, StoreId, hash};

/// The largest saved state.
pub(crate) const STATE_BYTES_MAX: u64 = 1 << 30;

const MAGIC: [u8; 4] = [0xf7, b'T', b'G', b'p'];
const FORMAT: u32 = 1;
const CRC: usize = 4;
const CHECKED: usize = 8;
const VERSION: usize = 12;
const STORE: usize = 16;
const POSITION: usize = 32;
const LEAF: usize = 40;
const ERASED: usize = 72;
const QUERY_LENGTH: usize = 80;
const QUERY: usize = 84;

/// Header of a saved state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SnapshotHeader<'a> {
    /// The version of its projection.
    pub(crate) version: u32,
    pub(crate) store: StoreId,
    pub(crate) position: Position,
    pub(crate) leaf: Hash,
    /// The last event that says what is erased which was known then.
    pub(crate) erased: Position,
    /// The query of its events, as text.
    pub(crate) query: &'a str,
}

impl<'a> SnapshotHeader<'a> {
    /// Returns the bytes that it takes, behind which the body follows; [`seal`](Self::seal) ends them.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; QUERY];
        bytes[..CRC].copy_from_slice(&MAGIC);
        bytes[CHECKED..VERSION].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[VERSION..STORE].copy_from_slice(&self.version.to_le_bytes());
        bytes[STORE..POSITION].copy_from_slice(&self.store.0);
        bytes[POSITION..LEAF].copy_from_slice(&self.position.0.to_le_bytes());
        bytes[LEAF..ERASED].copy_from_slice(&self.leaf.0);
        bytes[ERASED..QUERY_LENGTH].copy_from_slice(&self.erased.0.to_le_bytes());
        bytes[QUERY_LENGTH..QUERY].copy_from_slice(&(self.query.len() as u32).to_le_bytes());
        bytes.extend_from_slice(self.query.as_bytes());
        bytes
    }

    /// Writes the checksum of a header and its body.
    pub(crate) fn seal(bytes: &mut [u8]) {
        let crc = hash::crc(0, &bytes[CHECKED..]);
        bytes[CRC..CHECKED].copy_from_slice(&crc.to_le_bytes());
    }

    /// Reads it, and the body, from all the bytes of a saved state, whose checksum must hold.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8])> {
        if bytes.len() < QUERY || bytes[..CRC] != MAGIC {
            return rejected("it is not one", "a saved state", format!("{} other bytes", bytes.len()));
        }
        let (found, crc) = (number(bytes, CRC), hash::crc(0, &bytes[CHECKED..]));
        if found != crc {
            return rejected("its checksum does not hold", format!("{crc:08x}"), format!("{found:08x}"));
        }
        if number(bytes, CHECKED) != FORMAT {
            return rejected("it is of another format", FORMAT, number(bytes, CHECKED));
        }
        let (mut store, mut leaf) = (StoreId([0; 16]), Hash::ZERO);
        store.0.copy_from_slice(&bytes[STORE..POSITION]);
        leaf.0.copy_from_slice(&bytes[LEAF..ERASED]);
        let rest = &bytes[QUERY..];
        let split = rest.split_at_checked(number(bytes, QUERY_LENGTH) as usize);
        let query = split.and_then(|(query, body)| Some((std::str::from_utf8(query).ok()?, body)));
        let Some((query, body)) = query else {
            return rejected("it has no query", "a query", format!("{} other bytes", rest.len()));
        };
        let (position, erased) = (position(bytes, POSITION), position(bytes, ERASED));
        Ok((Self { version: number(bytes, VERSION), store, position, leaf, erased, query }, body))
    }
}

/// Returns the error of a saved state that is not used.
pub(crate) fn rejected<T>(
    what: &str,
    expected: impl std::fmt::Display,
    found: impl std::fmt::Display,
) -> Result<T> {
    Err(Error::damaged(format!("the saved state is rejected: {what}"), expected, found))
}

fn position(bytes: &[u8], at: usize) -> Position {
    Position(u64::from(number(bytes, at)) | u64::from(number(bytes, at + 4)) << 32)
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let mut digits = [0; 4];
    digits.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(digits)
}
