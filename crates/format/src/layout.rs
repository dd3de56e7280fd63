//! Where the parts of a record lie: the fixed head and the parts of varying length behind it.
//!
//! Invariants:
//!
//! L1. A [`Layout`] read from bytes lies wholly inside them, and every name in it is UTF-8.
//! L2. The parts follow each other without a gap, and the payload ends where the record ends.
//! L3. Every position that a placed record names, its stream's last event and its local causes, lies before
//!     its own: nobody who follows them goes round in circles.
//! L4. A correlation that is the event's own id is not written.

use crate::error::{Error, Result};
use crate::limit::{FRAME_BYTES_MAX, PAYLOAD_BYTES_MAX};

/// Bytes of a record before its parts of varying length.
pub const RECORD_HEAD_BYTES: usize = 108;

pub(crate) const LENGTH: usize = 0;
pub(crate) const CRC: usize = 4;
/// Where the entry starts: what the leaf hash covers.
pub(crate) const ENTRY: usize = 8;
pub(crate) const POSITION: usize = 8;
pub(crate) const VERSION: usize = 16;
pub(crate) const PREVIOUS: usize = 24;
pub(crate) const TIME: usize = 32;
pub(crate) const ID: usize = 40;
pub(crate) const LINK: usize = 56;
pub(crate) const LANE: usize = 88;
pub(crate) const PAYLOAD_LENGTH: usize = 92;
pub(crate) const SCHEMA: usize = 96;
pub(crate) const CAUSES: usize = 98;
pub(crate) const FLAGS: usize = 100;
pub(crate) const PAYLOAD_TYPE: usize = 101;
pub(crate) const SCOPE: usize = 102;
pub(crate) const ENTITY: usize = 103;
pub(crate) const KIND: usize = 104;
pub(crate) const KEY: usize = 105;
pub(crate) const TAGS: usize = 106;
pub(crate) const METADATA: usize = 107;

const _: () = assert!(METADATA + 1 == RECORD_HEAD_BYTES);

/// The record ends its batch.
pub(crate) const FLAG_BATCH_END: u8 = 1;
/// The record says its correlation, because that is not its own id.
pub(crate) const FLAG_CORRELATION: u8 = 2;
const FLAGS_KNOWN: u8 = FLAG_BATCH_END | FLAG_CORRELATION;

pub(crate) const CAUSE_AT: u8 = 0;
pub(crate) const CAUSE_FOREIGN: u8 = 1;
/// Only in a record that has no place yet: the cause is an earlier draft of the same batch.
pub(crate) const CAUSE_DRAFT: u8 = 2;
pub(crate) const CAUSE_AT_BYTES: usize = 9;
pub(crate) const CAUSE_FOREIGN_BYTES: usize = 33;

/// The fixed-width little-endian number at `at`. The caller has checked that it is there.
macro_rules! number {
    ($bytes:expr, $at:expr, $type:ty) => {{
        let at = $at;
        let mut raw = [0; size_of::<$type>()];
        raw.copy_from_slice(&$bytes[at..at + size_of::<$type>()]);
        <$type>::from_le_bytes(raw)
    }};
}
pub(crate) use number;

/// Byte offsets of the parts of one record, from its start. Kept beside a record's bytes, it saves reading
/// them again: [`Record::again`](crate::Record::again).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub(crate) names: u32,
    pub(crate) key: u32,
    pub(crate) tags: u32,
    pub(crate) causes: u32,
    pub(crate) metadata: u32,
    pub(crate) payload: u32,
    pub(crate) end: u32,
}

impl Layout {
    /// The length of the record at the start of `bytes`, which its own length field states; an error where
    /// it cannot be true, which is where it is less than a record's head or more than `bytes`. Nothing else
    /// is checked.
    #[inline]
    pub fn stated_length(bytes: &[u8]) -> Result<usize> {
        if bytes.len() < RECORD_HEAD_BYTES {
            let found = format!("{} bytes", bytes.len());
            return Err(Error::damaged("a record is cut short", "at least 108 bytes", found));
        }
        let length = number!(bytes, LENGTH, u32) as usize;
        if !(RECORD_HEAD_BYTES..=FRAME_BYTES_MAX.min(bytes.len())).contains(&length) {
            let expected = format!("108 to {}", bytes.len().min(FRAME_BYTES_MAX));
            return Err(Error::damaged("a record's length is impossible", expected, length));
        }
        Ok(length)
    }

    /// Finds the parts of a record, which is as long as it states, without looking at its checksum.
    #[expect(clippy::inline_always, reason = "a layout that goes through memory stalls every scan")]
    #[inline(always)]
    pub(crate) fn read(bytes: &[u8]) -> Result<Self> {
        let layout = Self::walk::<true>(bytes, Some(number!(bytes, POSITION, u64)))?;
        let number = |at| number!(bytes, at, u64);
        let (position, version, previous) = (number(POSITION), number(VERSION), number(PREVIOUS));
        if previous >= position || version == 0 || (version == 1) != (previous == 0) {
            return Err(misplaced(position, version, previous));
        }
        Ok(layout)
    }

    /// The same for a record that has no place yet, whose causes may be drafts of its batch.
    pub(crate) fn read_unplaced(bytes: &[u8]) -> Result<Self> {
        Self::walk::<true>(bytes, None)
    }

    /// Finds the parts of the placed record that starts `bytes` and was checked before, so that its text
    /// needs no second look.
    pub(crate) fn read_again(bytes: &[u8]) -> Result<Self> {
        let length = Self::stated_length(bytes)?;
        Self::walk::<false>(&bytes[..length], Some(number!(bytes, POSITION, u64)))
    }

    /// Finds the parts; `position` is the record's own, where it has one. Text is looked at if `NEW`.
    #[expect(clippy::inline_always, reason = "a layout that goes through memory stalls every scan")]
    #[inline(always)]
    fn walk<const NEW: bool>(bytes: &[u8], position: Option<u64>) -> Result<Self> {
        let length = bytes.len();
        let payload_length = number!(bytes, PAYLOAD_LENGTH, u32) as usize;
        if payload_length > PAYLOAD_BYTES_MAX || payload_length > length - RECORD_HEAD_BYTES {
            return Err(malformed("payload length", payload_length));
        }
        if bytes[FLAGS] & !FLAGS_KNOWN != 0 {
            return Err(malformed("flags", bytes[FLAGS]));
        }
        let correlation = if bytes[FLAGS] & FLAG_CORRELATION == 0 { 0 } else { 16 };
        let payload = length - payload_length;
        let names = RECORD_HEAD_BYTES + correlation;
        if correlation != 0 && bytes.get(RECORD_HEAD_BYTES..names) == bytes.get(ID..LINK) {
            return Err(malformed("correlation", "its own id"));
        }
        // Where all is plain ASCII, so is every text in it, and most often it is.
        let unsure = NEW && !bytes[names.min(payload)..payload].is_ascii();
        let mut walk = Walk { bytes: &bytes[..payload], at: names, unsure };
        walk.names()?;
        let key = walk.at;
        walk.key()?;
        let tags = walk.at;
        walk.tags()?;
        let causes = walk.at;
        walk.causes(position)?;
        let metadata = walk.at;
        walk.metadata()?;
        if walk.at != payload {
            return Err(malformed("payload start", walk.at));
        }
        Ok(Self {
            names: names as u32,
            key: key as u32,
            tags: tags as u32,
            causes: causes as u32,
            metadata: metadata as u32,
            payload: payload as u32,
            end: length as u32,
        })
    }

    /// Bytes of the whole record.
    #[inline]
    pub fn length(&self) -> usize {
        self.end as usize
    }
}

/// A walk over the parts between head and payload.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether text may be no UTF-8.
    unsure: bool,
}

impl Walk<'_> {
    #[inline]
    fn skip(&mut self, count: usize) -> Result<&[u8]> {
        match self.bytes.get(self.at..self.at + count) {
            Some(part) => {
                self.at += count;
                Ok(part)
            }
            None => Err(malformed("part length", count)),
        }
    }

    /// One byte of length, then a name of that length.
    #[inline]
    fn name(&mut self) -> Result<()> {
        match self.skip(1)?[0] {
            0 => Err(malformed("names", "an empty name")),
            length => self.text(usize::from(length)),
        }
    }

    #[inline]
    fn text(&mut self, count: usize) -> Result<()> {
        let unsure = self.unsure;
        let text = self.skip(count)?;
        if unsure && std::str::from_utf8(text).is_err() {
            return Err(malformed("text", "bytes that are no UTF-8"));
        }
        Ok(())
    }

    /// Scope, entity and kind stand together, so one look tells that all three are text.
    #[inline]
    fn names(&mut self) -> Result<()> {
        let [scope, entity, kind] = [SCOPE, ENTITY, KIND].map(|field| usize::from(self.bytes[field]));
        if scope == 0 || entity == 0 || kind == 0 {
            return Err(malformed("names", "an empty name"));
        }
        let unsure = self.unsure;
        let names = self.skip(scope + entity + kind)?;
        if !unsure {
            return Ok(());
        }
        let names = std::str::from_utf8(names).map_err(|_| malformed("names", "bytes that are no UTF-8"))?;
        if names.is_char_boundary(scope) && names.is_char_boundary(scope + entity) {
            Ok(())
        } else {
            Err(malformed("names", "a name that ends inside a character"))
        }
    }

    #[inline]
    fn key(&mut self) -> Result<()> {
        match usize::from(self.bytes[KEY]) {
            0 => Ok(()),
            length => {
                self.text(length)?;
                self.skip(32).map(|_| ())
            }
        }
    }

    #[inline]
    fn tags(&mut self) -> Result<()> {
        for _ in 0..self.bytes[TAGS] {
            self.name()?;
        }
        Ok(())
    }

    #[inline]
    fn causes(&mut self, own: Option<u64>) -> Result<()> {
        for _ in 0..number!(self.bytes, CAUSES, u16) {
            let form = self.skip(1)?[0];
            match (form, own) {
                (CAUSE_FOREIGN, _) => {
                    self.skip(CAUSE_FOREIGN_BYTES - 1)?;
                }
                (CAUSE_AT | CAUSE_DRAFT, None) => {
                    self.skip(CAUSE_AT_BYTES - 1)?;
                }
                (CAUSE_AT, Some(own)) => {
                    let cause = number!(self.skip(CAUSE_AT_BYTES - 1)?, 0, u64);
                    if cause == 0 || cause >= own {
                        return Err(malformed("cause", format!("position {cause}")));
                    }
                }
                _ => return Err(malformed("cause form", form)),
            }
        }
        Ok(())
    }

    #[inline]
    fn metadata(&mut self) -> Result<()> {
        for _ in 0..self.bytes[METADATA] {
            self.name()?;
            let length = u16::from_le_bytes([self.skip(1)?[0], self.skip(1)?[0]]);
            self.text(usize::from(length))?;
        }
        Ok(())
    }
}

#[cold]
fn misplaced(position: u64, version: u64, previous: u64) -> Error {
    malformed("place", format!("position {position}, version {version}, previous {previous}"))
}

#[cold]
fn malformed(field: &str, found: impl std::fmt::Display) -> Error {
    Error::damaged(format!("a record's {field} does not fit the record"), "a well-formed record", found)
}
