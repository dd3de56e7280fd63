//! Where the parts of a record lie: the fixed head and the parts of varying length behind it.
//!
//! Invariants:
//!
//! L1. A [`Layout`] read from bytes lies wholly inside them, and every name in it is UTF-8.
//! L2. The parts follow each other without a gap, and the tail ends where the record ends.
//! L3. Every position that a placed record names, its stream's last event and its local causes, lies before
//!     its own: following them never ends in a circle.
//! L4. A correlation that is the event's own id is not written.
//! L5. The tail is as long for an erased payload as it was for the payload, so erasing moves nothing.

use crate::error::{Error, Result};
use crate::limit::{FRAME_BYTES_MAX, PAYLOAD_BYTES_MAX};

/// Bytes of a record before its parts of varying length.
pub const RECORD_HEAD_BYTES: usize = 112;
/// Bytes of a blind.
pub(crate) const BLIND_BYTES: usize = 16;
/// Bytes of a tail at least: room for the commitment that stays of an erased payload.
pub(crate) const TAIL_BYTES_MIN: usize = 32;
/// Bytes of a keyed batch's content hash.
pub(crate) const CONTENT_BYTES: usize = 32;
/// Bytes of the shortest record: three names of one byte and an empty payload.
pub const RECORD_BYTES_MIN: usize = RECORD_HEAD_BYTES + 3 + TAIL_BYTES_MIN;

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
pub(crate) const ENTITY: usize = 104;
pub(crate) const KIND: usize = 106;
pub(crate) const KEY: usize = 108;
pub(crate) const TAGS: usize = 110;
pub(crate) const METADATA: usize = 111;

const _: () = assert!(METADATA + 1 == RECORD_HEAD_BYTES);

/// The bits of the length field that hold the length.
const LENGTH_BITS: u32 = (1 << 28) - 1;
/// The bit of the length field that says that the payload was erased. It is outside the entry, so the leaf stays.
pub(crate) const ERASED: u32 = 1 << 31;

const _: () = assert!(FRAME_BYTES_MAX <= LENGTH_BITS as usize);

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

/// Returns a name's length, which stands in a record's head at `field`.
#[inline]
pub(crate) fn name_length(record: &[u8], field: usize) -> usize {
    usize::from(number!(record, field, u16))
}

/// Byte offsets of the parts of one record, from its start. Kept beside a record's bytes, it saves reading
/// them again: [`Record::again`](crate::Record::again).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub(crate) names: u32,
    pub(crate) key: u32,
    pub(crate) tags: u32,
    pub(crate) causes: u32,
    pub(crate) metadata: u32,
    /// Where the parts end, and the content hash of a keyed batch begins, if there is one.
    pub(crate) content: u32,
    pub(crate) tail: u32,
    pub(crate) end: u32,
}

impl Layout {
    /// Returns the length of the record at the start of `bytes`, which its own length field states; an error if
    /// it cannot be true, because it is less than a record's head or more than `bytes`. Nothing else is checked.
    #[inline]
    pub fn stated_length(bytes: &[u8]) -> Result<usize> {
        if bytes.len() < RECORD_HEAD_BYTES {
            return Err(cut_short(bytes.len()));
        }
        let field = number!(bytes, LENGTH, u32);
        let length = (field & LENGTH_BITS) as usize;
        if field & !(LENGTH_BITS | ERASED) != 0
            || !(RECORD_BYTES_MIN..=FRAME_BYTES_MAX.min(bytes.len())).contains(&length)
        {
            return Err(impossible(field, bytes.len()));
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

    /// Reads the layout of a record without a position; its causes may be drafts of its batch.
    pub(crate) fn read_unplaced(bytes: &[u8]) -> Result<Self> {
        Self::walk::<true>(bytes, None)
    }

    /// Finds the parts of the placed record that starts `bytes` and was checked before, so that its text
    /// needs no second look.
    pub(crate) fn read_again(bytes: &[u8]) -> Result<Self> {
        let length = Self::stated_length(bytes)?;
        Self::walk::<false>(&bytes[..length], Some(number!(bytes, POSITION, u64)))
    }

    /// Finds the parts; `position` is the record's own, if it has one. Text is looked at if `NEW`.
    #[expect(clippy::inline_always, reason = "a layout that goes through memory stalls every scan")]
    #[inline(always)]
    fn walk<const NEW: bool>(bytes: &[u8], position: Option<u64>) -> Result<Self> {
        let length = bytes.len();
        let payload_length = number!(bytes, PAYLOAD_LENGTH, u32) as usize;
        // Before it is added to anything: where counts have 32 bits, the sum would not fit.
        if payload_length > PAYLOAD_BYTES_MAX {
            return Err(malformed("payload length", payload_length));
        }
        let tail_length = tail_bytes(payload_length);
        if tail_length > length - RECORD_HEAD_BYTES {
            return Err(malformed("payload length", payload_length));
        }
        if bytes[FLAGS] & !FLAGS_KNOWN != 0 {
            return Err(malformed("flags", bytes[FLAGS]));
        }
        let correlation = if bytes[FLAGS] & FLAG_CORRELATION == 0 { 0 } else { 16 };
        let tail = length - tail_length;
        let names = RECORD_HEAD_BYTES + correlation;
        if correlation != 0 && bytes.get(RECORD_HEAD_BYTES..names) == bytes.get(ID..LINK) {
            return Err(malformed("correlation", "its own id"));
        }
        // If all is plain ASCII, so is every text in it, and most often it is.
        let hashed = if name_length(bytes, KEY) == 0 { 0 } else { CONTENT_BYTES };
        let parts = tail.saturating_sub(hashed);
        let unsure = NEW && !bytes[names.min(parts)..parts].is_ascii();
        let mut walk = Walk { bytes: &bytes[..tail], at: names, unsure };
        walk.names()?;
        let key = walk.at;
        walk.key()?;
        let tags = walk.at;
        walk.tags()?;
        let causes = walk.at;
        walk.causes(position)?;
        let metadata = walk.at;
        walk.metadata()?;
        let content = walk.at;
        walk.skip(hashed)?;
        if walk.at != tail {
            return Err(malformed("tail start", walk.at));
        }
        let erased = number!(bytes, LENGTH, u32) & ERASED != 0;
        let said = if erased { TAIL_BYTES_MIN } else { BLIND_BYTES + payload_length };
        if NEW && bytes[tail + said..].iter().any(|byte| *byte != 0) {
            return Err(malformed("tail end", "bytes other than zeros"));
        }
        Ok(Self {
            names: names as u32,
            key: key as u32,
            tags: tags as u32,
            causes: causes as u32,
            metadata: metadata as u32,
            content: content as u32,
            tail: tail as u32,
            end: length as u32,
        })
    }

    /// Returns the length of the whole record in bytes.
    #[inline]
    pub fn length(&self) -> usize {
        self.end as usize
    }
}

/// Returns the bytes of the tail of a record with a payload of this length.
pub(crate) const fn tail_bytes(payload_length: usize) -> usize {
    let bytes = BLIND_BYTES + payload_length;
    if bytes < TAIL_BYTES_MIN { TAIL_BYTES_MIN } else { bytes }
}

/// A walk over the parts between head and tail.
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

    /// Walks over two bytes of length, then a name of that length.
    #[inline]
    fn name(&mut self) -> Result<()> {
        match self.length()? {
            0 => Err(malformed("names", "an empty name")),
            length => self.text(length),
        }
    }

    #[inline]
    fn length(&mut self) -> Result<usize> {
        Ok(usize::from(number!(self.skip(2)?, 0, u16)))
    }

    #[inline]
    fn text(&mut self, count: usize) -> Result<()> {
        let unsure = self.unsure;
        let text = self.skip(count)?;
        if unsure && std::str::from_utf8(text).is_err() {
            return Err(malformed("text", "bytes that are not UTF-8"));
        }
        Ok(())
    }

    /// Checks scope, entity and kind, which stand together, so one look tells that all three are text.
    #[inline]
    fn names(&mut self) -> Result<()> {
        let [scope, entity, kind] = [SCOPE, ENTITY, KIND].map(|field| name_length(self.bytes, field));
        if scope == 0 || entity == 0 || kind == 0 {
            return Err(malformed("names", "an empty name"));
        }
        let unsure = self.unsure;
        let names = self.skip(scope + entity + kind)?;
        if !unsure {
            return Ok(());
        }
        let names = std::str::from_utf8(names).map_err(|_| malformed("names", "bytes that are not UTF-8"))?;
        if names.is_char_boundary(scope) && names.is_char_boundary(scope + entity) {
            Ok(())
        } else {
            Err(malformed("names", "a name that ends inside a character"))
        }
    }

    #[inline]
    fn key(&mut self) -> Result<()> {
        match name_length(self.bytes, KEY) {
            0 => Ok(()),
            length => self.text(length),
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
            // A value may be any bytes.
            let length = self.length()?;
            self.skip(length)?;
        }
        Ok(())
    }
}

#[cold]
fn cut_short(length: usize) -> Error {
    Error::damaged("a record is cut short", "at least 147 bytes", format!("{length} bytes"))
}

#[cold]
fn impossible(field: u32, length: usize) -> Error {
    let expected = format!("147 to {}", length.min(FRAME_BYTES_MAX));
    Error::damaged("a record's length is impossible", expected, format!("{field:#x}"))
}

#[cold]
fn misplaced(position: u64, version: u64, previous: u64) -> Error {
    malformed("place", format!("position {position}, version {version}, previous {previous}"))
}

#[cold]
fn malformed(field: &str, found: impl std::fmt::Display) -> Error {
    Error::damaged(format!("a record's {field} does not fit the record"), "a well-formed record", found)
}
