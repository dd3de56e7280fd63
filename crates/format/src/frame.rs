//! Frames: one group of batches as one unit of crash safety.
//!
//! Invariants:
//!
//! F1. A frame is whole or it is nothing: its checksum covers its head, the segment's salt and the
//!     checksum of every record, and each of those covers its record.
//! F2. The records of a frame have consecutive positions, starting with the one in its head, and the last
//!     one ends its batch.
//! F3. What a frame says was synced lies before its first position.
//! F4. Only the first record of a batch carries an idempotency key.
//!
//! ```
//! use tidegate_format::frame::{self, FRAME_HEADER_BYTES, Frame, FrameHeader, Sealing};
//! # use tidegate_format::record::{self, Facts, Placed};
//! # use tidegate_format::{Blind, Draft, Hash, Micros, Position, Version};
//! # let id = "0195fdd6-0000-7000-8000-000000000001".parse()?;
//! # let facts = Facts { id, correlation: id.into(), causes: &[], key: None, notes: &[], blind: Blind([7; 16]), batch_end: true };
//! # let (position, previous) = (Position(1), Position(0));
//! # let (version, link, time) = (Version(1), Hash::ZERO, Micros(0));
//! # let placed = Placed { position, version, previous, link, time };
//! # let mut placed_record = Vec::new();
//! # let draft = Draft::new(("shop", "order-7"), "order.placed");
//! # let body = record::encode(&draft, &facts, &mut placed_record);
//! # record::place(&mut placed_record, &placed, position, &body);
//!
//! let salt = 99;
//! let mut bytes = vec![0; FRAME_HEADER_BYTES];
//! bytes.extend_from_slice(&placed_record);
//! let sealing = Sealing { first: Position(1), synced: Position(0), epoch: 1, slot: None };
//! frame::seal(&mut bytes, &sealing, salt);
//!
//! assert_eq!(FrameHeader::read(&bytes)?.frame_bytes(), bytes.len());
//! let frame = Frame::read(&bytes, salt)?;
//! assert_eq!(frame.head.last(), Position(1));
//! for (offset, record) in frame.records() {
//!     assert_eq!((offset, record.kind()), (FRAME_HEADER_BYTES, "order.placed"));
//! }
//! assert!(Frame::read(&bytes, salt + 1).is_err(), "a frame of another store");
//! assert!(Frame::is_sealed(&bytes, salt) && !Frame::is_sealed(&bytes, salt + 1));
//! assert_eq!(frame::find(&bytes, 0), Some(0));
//! # Ok::<(), tidegate_format::Error>(())
//! ```

use crate::error::{Error, Result};
use crate::hash;
use crate::layout::{Layout, RECORD_BYTES_MIN, number};
use crate::limit::FRAME_BYTES_MAX;
use crate::number::Position;
use crate::record::{self, Record};

/// Bytes of a frame before its records.
pub const FRAME_HEADER_BYTES: usize = 36;

/// Bytes before the records of a frame that was made from a shared log.
pub const SLOT_FRAME_HEADER_BYTES: usize = FRAME_HEADER_BYTES + 8;

/// The first bytes of every magic of a frame.
const MAGIC_START: [u8; 3] = [0xf7, b'T', b'G'];
const MAGIC: [u8; 4] = [0xf7, b'T', b'G', b'f'];
/// The magic of a frame that says from which slot of a shared log it was made.
const SLOT_MAGIC: [u8; 4] = [0xf7, b'T', b'G', b'l'];
const CRC: usize = 4;
const LENGTH: usize = 8;
const COUNT: usize = 12;
const FIRST: usize = 16;
const SYNCED: usize = 24;
const EPOCH: usize = 32;
const SLOT: usize = 36;

const _: () = assert!(EPOCH + size_of::<u32>() == FRAME_HEADER_BYTES);

/// The header of a frame, before its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Bytes of the records.
    pub length: u32,
    /// How many records.
    pub count: u32,
    /// The position of the first.
    pub first: Position,
    /// The position that was known to be durable when the frame was written.
    pub synced: Position,
    /// Which writable opening of the store wrote it, counted from 1.
    pub epoch: u32,
    /// The slot of the shared log that it was made from, in a store that is a node of one.
    pub slot: Option<u64>,
}

impl FrameHeader {
    /// Reads a head without looking at the records, so without its checksum: good for knowing how much to
    /// read, not for believing it.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        if bytes.len() < FRAME_HEADER_BYTES {
            let found = format!("{} bytes", bytes.len());
            return Err(Error::damaged("a frame is cut short", "at least 36 bytes", found));
        }
        let slot = match &bytes[..4] {
            magic if *magic == MAGIC => None,
            magic if *magic == SLOT_MAGIC && bytes.len() >= SLOT_FRAME_HEADER_BYTES => {
                Some(number!(bytes, SLOT, u64))
            }
            magic => {
                let found = format!("{magic:02x?}");
                return Err(Error::damaged("no frame starts here", format!("{MAGIC:02x?}"), found));
            }
        };
        let head = Self {
            length: number!(bytes, LENGTH, u32),
            count: number!(bytes, COUNT, u32),
            first: Position(number!(bytes, FIRST, u64)),
            synced: Position(number!(bytes, SYNCED, u64)),
            epoch: number!(bytes, EPOCH, u32),
            slot,
        };
        if head.is_possible() {
            return Ok(head);
        }
        let Self { length, count, first, synced, .. } = head;
        let found = format!("{length} bytes, {count} records from {first}, synced {synced}");
        Err(Error::damaged("a frame's head is impossible", "one within the limits", found))
    }

    /// Returns whether the limits hold, the records can be that many, and no position is past the last there is.
    fn is_possible(&self) -> bool {
        let records_bytes_min = u64::from(self.count) * RECORD_BYTES_MIN as u64;
        self.length as usize <= FRAME_BYTES_MAX
            && self.count != 0
            && records_bytes_min <= u64::from(self.length)
            && self.synced < self.first
            && self.first.0.checked_add(u64::from(self.count)).is_some()
    }

    /// Returns how many bytes stand before its records.
    #[inline]
    pub fn head_bytes(&self) -> usize {
        if self.slot.is_none() { FRAME_HEADER_BYTES } else { SLOT_FRAME_HEADER_BYTES }
    }

    /// Returns how many bytes of a frame's header stand before the first record of `bytes`, which begin where a record ends:
    /// none if the frame goes on. No record begins as a frame does, and nothing else is looked at.
    #[inline]
    pub fn bytes_before_record(bytes: &[u8]) -> usize {
        match bytes.first_chunk() {
            Some(&MAGIC) => FRAME_HEADER_BYTES,
            Some(&SLOT_MAGIC) => SLOT_FRAME_HEADER_BYTES,
            _ => 0,
        }
    }

    /// Returns the length of the whole frame in bytes.
    pub fn frame_bytes(&self) -> usize {
        self.head_bytes() + self.length as usize
    }

    /// Returns the position of the last record.
    pub fn last(&self) -> Position {
        self.first.plus(u64::from(self.count).saturating_sub(1))
    }
}

/// What a frame's head says beside what its records tell.
#[derive(Clone, Copy, Debug)]
pub struct Sealing {
    /// The position of its first record.
    pub first: Position,
    /// The last position that a sync which had ended made durable.
    pub synced: Position,
    /// Which writable opening writes it.
    pub epoch: u32,
    /// The slot of a shared log that it is made from.
    pub slot: Option<u64>,
}

/// Writes the head over the first bytes of `frame`, [`FRAME_HEADER_BYTES`] of them, or [`SLOT_FRAME_HEADER_BYTES`] if it
/// has a slot. Its records stand behind it with their places and checksums; length and count are taken from them.
///
/// # Panics
///
/// If what stands behind the head is not whole batches of placed records within the limits, with
/// positions that go on from `first`, or if `synced` does not lie before `first`.
pub fn seal(frame: &mut [u8], sealing: &Sealing, salt: u64) -> FrameHeader {
    let Sealing { first, synced, epoch, slot } = *sealing;
    let head_bytes = if slot.is_none() { FRAME_HEADER_BYTES } else { SLOT_FRAME_HEADER_BYTES };
    let (head, records) = frame.split_at_mut(head_bytes);
    assert!(records.len() <= FRAME_BYTES_MAX, "a frame is within its limit");
    let mut crcs = 0;
    let mut count = 0;
    let mut ended = false;
    let mut rest = &records[..];
    while !rest.is_empty() {
        let length = Layout::stated_length(rest).expect("the frame holds whole records");
        let expected = first.plus(u64::from(count));
        assert_eq!(record::stated_position(rest), expected, "positions are consecutive (F2)");
        ended = record::states_batch_end(rest);
        crcs = hash::crc(crcs, &record::stated_crc(rest).to_le_bytes());
        rest = &rest[length..];
        count += 1;
    }
    let sealed = FrameHeader { length: records.len() as u32, count, first, synced, epoch, slot };
    assert!(ended && sealed.is_possible(), "a frame is whole batches behind what was synced (F2, F3)");
    head[..4].copy_from_slice(if slot.is_none() { &MAGIC } else { &SLOT_MAGIC });
    head[LENGTH..COUNT].copy_from_slice(&sealed.length.to_le_bytes());
    head[COUNT..FIRST].copy_from_slice(&count.to_le_bytes());
    head[FIRST..SYNCED].copy_from_slice(&first.0.to_le_bytes());
    head[SYNCED..EPOCH].copy_from_slice(&synced.0.to_le_bytes());
    head[EPOCH..SLOT].copy_from_slice(&epoch.to_le_bytes());
    if let Some(slot) = slot {
        head[SLOT..].copy_from_slice(&slot.to_le_bytes());
    }
    let crc = crc_of(head, crcs, salt);
    head[CRC..LENGTH].copy_from_slice(&crc.to_le_bytes());
    sealed
}

/// Returns the checksum of a frame: the salt, the head behind the checksum, and the checksum over the checksums
/// of its records.
fn crc_of(head: &[u8], crcs: u32, salt: u64) -> u32 {
    let crc = hash::crc(0, &salt.to_le_bytes());
    hash::crc(hash::crc(crc, &head[LENGTH..]), &crcs.to_le_bytes())
}

/// A whole frame, read in place.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// What it says of itself.
    pub head: FrameHeader,
    records: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads and checks the frame that starts `bytes`, every record included; more may follow it.
    pub fn read(bytes: &'a [u8], salt: u64) -> Result<Self> {
        let mut crcs = 0;
        let frame = Self::walk(bytes, |record| {
            crcs = hash::crc(crcs, &record::stated_crc(record.as_bytes()).to_le_bytes());
        })?;
        let (stated, found) =
            (number!(bytes, CRC, u32), crc_of(&bytes[..frame.head.head_bytes()], crcs, salt));
        if stated == found {
            return Ok(frame);
        }
        let (stated, found) = (format!("{stated:08x}"), format!("{found:08x}"));
        Err(Error::damaged("a frame's checksum does not hold", stated, found))
    }

    /// Returns whether the frame that starts `bytes` has its own checksum right: over its head, the salt, and the checksums that
    /// its records state. The records are not looked at otherwise, so this tells quickly what only looks like a
    /// frame, which no program can make who does not know the salt; [`read`](Self::read) tells the rest.
    pub fn is_sealed(bytes: &[u8], salt: u64) -> bool {
        let Some(head) = FrameHeader::read(bytes).ok() else { return false };
        let Some(mut rest) = bytes.get(head.head_bytes()..head.frame_bytes()) else { return false };
        let mut crcs = 0;
        while !rest.is_empty() {
            let Ok(length) = Layout::stated_length(rest) else { return false };
            crcs = hash::crc(crcs, &record::stated_crc(rest).to_le_bytes());
            rest = &rest[length..];
        }
        number!(bytes, CRC, u32) == crc_of(&bytes[..head.head_bytes()], crcs, salt)
    }

    fn walk(bytes: &'a [u8], mut each: impl FnMut(&Record<'a>)) -> Result<Self> {
        let head = FrameHeader::read(bytes)?;
        let Some(records) = bytes.get(head.head_bytes()..head.frame_bytes()) else {
            let expected = format!("{} bytes", head.frame_bytes());
            return Err(Error::damaged("a frame is cut short", expected, format!("{} bytes", bytes.len())));
        };
        let mut rest = records;
        let mut expected = head.first;
        let mut ended = true;
        while !rest.is_empty() {
            let record = Record::read(rest)?;
            if record.position() != expected {
                return Err(Error::damaged(
                    "a record stands at a wrong position",
                    expected,
                    record.position(),
                ));
            }
            if record.key().is_some() && !ended {
                let found = format!("one at position {expected}");
                return Err(Error::damaged("a key stands inside a batch", "one at its start", found));
            }
            each(&record);
            ended = record.ends_batch();
            expected = expected.next();
            rest = &rest[record.as_bytes().len()..];
        }
        if !ended || expected != head.last().next() {
            let found = format!("records up to {}, batch ended: {ended}", expected.before());
            return Err(Error::damaged("a frame is not whole batches", head.last(), found));
        }
        Ok(Self { head, records })
    }

    /// Returns the frame over bytes that [`seal`] has just sealed with this head, or that [`read`](Self::read) has
    /// checked before: the same bytes, not what a file holds in the same place now.
    ///
    /// # Panics
    ///
    /// Here or in [`records`](Self::records), if `head` belongs to other bytes.
    pub fn again(bytes: &'a [u8], head: FrameHeader) -> Self {
        Self { head, records: &bytes[head.head_bytes()..head.frame_bytes()] }
    }

    /// Returns its records with the byte in the frame at which each starts.
    pub fn records(&self) -> impl Iterator<Item = (usize, Record<'a>)> + use<'a> {
        let (records, head_bytes) = (self.records, self.head.head_bytes());
        let mut at = 0;
        std::iter::from_fn(move || {
            let rest = &records[at..];
            if rest.is_empty() {
                return None;
            }
            let layout = Layout::read_again(rest).expect("the frame was checked to hold whole records (F1)");
            let found = (head_bytes + at, Record::again(rest, layout));
            at += layout.length();
            Some(found)
        })
    }
}

impl std::fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Frame").field("head", &self.head).finish_non_exhaustive()
    }
}

/// Returns the byte in `bytes`, from `from` on, at which the next frame may start: only [`Frame::read`] tells
/// whether one does.
pub fn find(bytes: &[u8], from: usize) -> Option<usize> {
    let searched = bytes.get(from..)?;
    let starts = memchr::memmem::find_iter(searched, &MAGIC_START);
    let mut frames = starts.filter(
        |at| matches!(searched.get(at + 3), Some(last) if *last == MAGIC[3] || *last == SLOT_MAGIC[3]),
    );
    frames.next().map(|at| from + at)
}
