//! The head of an index file: which segment it belongs to, and where its sections lie.

use std::ops::Range;

use tidegate_format::record::RECORD_BYTES_MIN;
use tidegate_format::{
    Error, ErrorKind, Offset, Position, Result, SEGMENT_HEADER_BYTES, SegmentHeader, hash,
};

use super::blocks;
use super::number::{malformed, u32_at, u64_at};
use super::stream_heads::HEAD_ENTRY_BYTES;
use crate::term::{Field, HashKey};

/// The version of index files that this program writes, and the only one it reads.
pub const INDEX_VERSION: u32 = 6;

const MAGIC: [u8; 8] = *b"\xf7TGidx\r\n";
const VERSION: usize = 8;
const CRC: usize = 12;
const SEGMENT: usize = 16;
const SEGMENT_LENGTH: usize = SEGMENT + SEGMENT_HEADER_BYTES;
const HASH_KEY: usize = SEGMENT_LENGTH + 8;
const FILE_LENGTH: usize = HASH_KEY + 8;
const COUNT: usize = FILE_LENGTH + 8;
const FIELDS: usize = COUNT + 4;
const SECTIONS: usize = FIELDS + 4 * FIELD_COUNT;
const SECTION_BYTES: usize = 12;

/// Bytes of an index file before the checksums of its blocks, behind which its sections stand.
pub const HEADER_BYTES: usize = SECTIONS + SECTION_BYTES * SECTION_COUNT;
/// How many fields terms have.
pub(super) const FIELD_COUNT: usize = 9;
/// How many sections there are.
pub(super) const SECTION_COUNT: usize = 12;

const _: () = assert!(HEADER_BYTES == 304);

/// The sections of an index file, in the order in which they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// Where each record starts.
    Offsets,
    /// Which events an id may belong to.
    Ids,
    /// The term dictionary.
    Terms,
    /// Lists of events.
    Lists,
    /// The stream of each event.
    Streams,
    /// The kind of each event.
    Kinds,
    /// The local causes of each event.
    Parents,
    /// The level of each event.
    Levels,
    /// An ancestor far before each event.
    Leaps,
    /// The effects of each local cause.
    Effects,
    /// The last event of each stream.
    Heads,
    /// The filter.
    Filter,
}

impl Section {
    /// All of them, in order.
    pub(super) const ALL: [Self; SECTION_COUNT] = [
        Self::Offsets,
        Self::Ids,
        Self::Terms,
        Self::Lists,
        Self::Streams,
        Self::Kinds,
        Self::Parents,
        Self::Levels,
        Self::Leaps,
        Self::Effects,
        Self::Heads,
        Self::Filter,
    ];

    /// Returns its name in messages and in the specification.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Offsets => "offsets",
            Self::Ids => "ids",
            Self::Terms => "terms",
            Self::Lists => "lists",
            Self::Streams => "streams",
            Self::Kinds => "kinds",
            Self::Parents => "parents",
            Self::Levels => "levels",
            Self::Leaps => "leaps",
            Self::Effects => "effects",
            Self::Heads => "heads",
            Self::Filter => "filter",
        }
    }
}

/// What tells that an index file belongs to a segment of this store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// The segment's head.
    pub(super) segment: [u8; SEGMENT_HEADER_BYTES],
    /// The segment's length in bytes.
    pub(super) segment_length: u64,
    /// What tells the seed from others without giving it away.
    pub(super) hash_key: u64,
}

impl Owner {
    pub(super) fn new(head: &SegmentHeader, segment_length: u64, hash_key: HashKey) -> Self {
        Self {
            segment: head.encode(),
            segment_length,
            hash_key: hash_key.hash(b"tidegate index seed") as u64,
        }
    }
}

/// Where a section lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) length: u32,
}

impl Extent {
    /// Returns its bytes in the file, which has been checked to hold them.
    pub(super) fn range(&self) -> Range<usize> {
        self.offset as usize..self.offset as usize + self.length as usize
    }
}

/// The head of an index file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) owner: Owner,
    pub(super) file_length: u64,
    /// How many events the segment holds.
    pub(super) count: u32,
    /// The number of the first term of each field, and of the end.
    pub(super) fields: [u32; FIELD_COUNT + 1],
    pub(super) sections: [Extent; SECTION_COUNT],
}

impl Head {
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..VERSION].copy_from_slice(&MAGIC);
        bytes[VERSION..CRC].copy_from_slice(&INDEX_VERSION.to_le_bytes());
        bytes[SEGMENT..SEGMENT_LENGTH].copy_from_slice(&self.owner.segment);
        bytes[SEGMENT_LENGTH..HASH_KEY].copy_from_slice(&self.owner.segment_length.to_le_bytes());
        bytes[HASH_KEY..FILE_LENGTH].copy_from_slice(&self.owner.hash_key.to_le_bytes());
        bytes[FILE_LENGTH..COUNT].copy_from_slice(&self.file_length.to_le_bytes());
        bytes[COUNT..FIELDS].copy_from_slice(&self.count.to_le_bytes());
        for (cell, end) in bytes[FIELDS..SECTIONS].chunks_exact_mut(4).zip(&self.fields[1..]) {
            cell.copy_from_slice(&end.to_le_bytes());
        }
        for (entry, section) in bytes[SECTIONS..].chunks_exact_mut(SECTION_BYTES).zip(&self.sections) {
            entry[..8].copy_from_slice(&section.offset.to_le_bytes());
            entry[8..].copy_from_slice(&section.length.to_le_bytes());
        }
        let crc = crc_of(&bytes);
        bytes[CRC..SEGMENT].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Returns where the checksums of the blocks stand.
    pub(super) fn sums(&self) -> Range<usize> {
        HEADER_BYTES..self.sections[0].offset as usize
    }

    /// Reads and checks the head of a whole file, which must belong to `owner`.
    pub(super) fn read(file: &[u8], owner: &Owner) -> Result<Self> {
        let head = Self::parse(file)?;
        head.check(file.len() as u64, owner)?;
        Ok(head)
    }

    /// Reads and checks the head of an index file behind which something else stands in the same file.
    pub(super) fn read_first(file: &[u8], owner: &Owner) -> Result<Self> {
        let head = Self::parse(file)?;
        head.check(head.file_length.min(file.len() as u64), owner)?;
        Ok(head)
    }

    /// Reads the head that starts `file`, and checks it against its own checksum.
    fn parse(file: &[u8]) -> Result<Self> {
        let Some((bytes, _)) = file.split_first_chunk::<HEADER_BYTES>() else {
            let (expected, found) =
                (format!("at least {HEADER_BYTES} bytes"), format!("{} bytes", file.len()));
            return Err(Error::damaged("an index file is cut short", expected, found));
        };
        if bytes[..VERSION] != MAGIC {
            let found = format!("{:02x?}", &bytes[..VERSION]);
            return Err(Error::damaged("this is not an index file", format!("{MAGIC:02x?}"), found));
        }
        let number = |at: usize| u32_at(bytes, at).expect("it lies in the head");
        let long = |at: usize| u64_at(bytes, at).expect("it lies in the head");
        if number(VERSION) != INDEX_VERSION {
            let found = number(VERSION);
            let message =
                format!("the index file has version {found}, this program reads version {INDEX_VERSION}");
            return Err(Error::new(ErrorKind::Newer, message));
        }
        let (stated, found) = (number(CRC), crc_of(bytes));
        if stated != found {
            let (stated, found) = (format!("{stated:08x}"), format!("{found:08x}"));
            return Err(Error::damaged("the checksum of an index file's head does not hold", stated, found));
        }
        let mut segment = [0; SEGMENT_HEADER_BYTES];
        segment.copy_from_slice(&bytes[SEGMENT..SEGMENT_LENGTH]);
        let mut fields = [0; FIELD_COUNT + 1];
        for (at, end) in fields[1..].iter_mut().enumerate() {
            *end = number(FIELDS + at * 4);
        }
        let mut sections = [Extent::default(); SECTION_COUNT];
        for (at, section) in sections.iter_mut().enumerate() {
            let at = SECTIONS + at * SECTION_BYTES;
            *section = Extent { offset: long(at), length: number(at + 8) };
        }
        Ok(Self {
            owner: Owner { segment, segment_length: long(SEGMENT_LENGTH), hash_key: long(HASH_KEY) },
            file_length: long(FILE_LENGTH),
            count: number(COUNT),
            fields,
            sections,
        })
    }

    fn check(&self, file_length: u64, owner: &Owner) -> Result<()> {
        if self.owner != *owner {
            let (expected, found) = (describe(owner), describe(&self.owner));
            return Err(Error::damaged("an index file belongs to another segment", expected, found));
        }
        if self.file_length != file_length {
            let (expected, found) = (self.file_length, file_length);
            return Err(Error::damaged("an index file has not its stated length", expected, found));
        }
        let bytes = self.sections.iter().map(|section| u64::from(section.length)).sum::<u64>();
        let mut end = blocks::sums_end(HEADER_BYTES, bytes as usize) as u64;
        for section in &self.sections {
            if section.offset != end {
                return Err(malformed("the section table"));
            }
            end += u64::from(section.length);
        }
        let records = u64::from(self.count) * RECORD_BYTES_MIN as u64;
        let streams = u64::from(self.fields[Field::Stream as usize]);
        let has_heads =
            u64::from(self.sections[Section::Heads as usize].length) == streams * HEAD_ENTRY_BYTES;
        if end != file_length || records > owner.segment_length || !self.fields.is_sorted() || !has_heads {
            return Err(malformed("the head"));
        }
        Ok(())
    }
}

/// What an index file says of the segment that it was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MadeOf {
    /// The segment's head.
    pub head: SegmentHeader,
    /// The position behind its last event.
    pub next: Position,
    /// Where its frames end.
    pub length: Offset,
}

/// Returns the segment that an index file says it was made of. `bytes` are the first ones of the file. `None` if they do
/// not hold, or are of a store with another seed.
pub fn made_of(bytes: &[u8], hash_key: HashKey) -> Option<MadeOf> {
    let head = Head::parse(bytes).ok()?;
    let segment = SegmentHeader::read(&head.owner.segment).ok()?;
    let length = head.owner.segment_length;
    let is_own = head.owner == Owner::new(&segment, length, hash_key);
    let next = segment.first.plus(u64::from(head.count));
    is_own.then_some(MadeOf { head: segment, next, length: Offset(length) })
}

fn describe(owner: &Owner) -> String {
    let id = hash::crc(0, &owner.segment);
    format!("segment {id:08x} of {} bytes, seed {:016x}", owner.segment_length, owner.hash_key)
}

fn crc_of(head: &[u8; HEADER_BYTES]) -> u32 {
    hash::crc(hash::crc(0, &head[..CRC]), &head[SEGMENT..])
}
