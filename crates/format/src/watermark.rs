//! The watermark: how far the log is known to be durable, in two alternating slots.
//!
//! ```
//! use tidegate_format::watermark::{WATERMARK_BYTES, WATERMARK_SLOTS};
//! use tidegate_format::{Offset, Position, Watermark};
//!
//! let (durable, segment, tail) = (Position(7), Position(1), Offset(2_048));
//! let mark = Watermark { sequence: 1, durable, segment, tail, salt: 99, epoch: 1, clean: false };
//! let mut file = vec![0; WATERMARK_SLOTS[1] as usize + WATERMARK_BYTES];
//! file[mark.slot() as usize..][..WATERMARK_BYTES].copy_from_slice(&mark.encode());
//!
//! assert_eq!(Watermark::read(&file, 99), Some(mark));
//! assert_eq!(Watermark::read(&file, 98), None, "another store's watermark is never believed");
//! ```

use crate::error::Error;
use crate::hash;
use crate::layout::number;
use crate::number::{Offset, Position};

/// Bytes of one slot's contents.
pub const WATERMARK_BYTES: usize = 56;
/// Where the two slots start; they share no 4 KiB page, so that a torn write breaks one at most.
pub const WATERMARK_SLOTS: [u64; 2] = [0, 4096];

const MAGIC: [u8; 4] = [0xf7, b'T', b'G', b'w'];
const CRC: usize = 4;
const SEQUENCE: usize = 8;
const DURABLE: usize = 16;
const SEGMENT: usize = 24;
const TAIL: usize = 32;
const SALT: usize = 40;
const EPOCH: usize = 48;
const CLEAN: usize = 52;

const _: () = assert!(CLEAN + size_of::<u32>() == WATERMARK_BYTES);

/// How far the log is known to be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// Counts the writes of the watermark; the slot is its parity.
    pub sequence: u64,
    /// The last durable position.
    pub durable: Position,
    /// The first position of the segment that was active.
    pub segment: Position,
    /// Where the frame of the last durable position ends in it.
    pub tail: Offset,
    /// The store's salt, so that the watermark of another store is never believed.
    pub salt: u64,
    /// Which writable opening of the store wrote it.
    pub epoch: u32,
    /// Whether the writer ended here in good order.
    pub clean: bool,
}

impl Watermark {
    /// Returns where its slot starts.
    pub fn slot(&self) -> u64 {
        WATERMARK_SLOTS[(self.sequence % 2) as usize]
    }

    /// Returns its bytes.
    pub fn encode(&self) -> [u8; WATERMARK_BYTES] {
        let mut bytes = [0; WATERMARK_BYTES];
        bytes[..CRC].copy_from_slice(&MAGIC);
        bytes[SEQUENCE..DURABLE].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[DURABLE..SEGMENT].copy_from_slice(&self.durable.0.to_le_bytes());
        bytes[SEGMENT..TAIL].copy_from_slice(&self.segment.0.to_le_bytes());
        bytes[TAIL..SALT].copy_from_slice(&self.tail.0.to_le_bytes());
        bytes[SALT..EPOCH].copy_from_slice(&self.salt.to_le_bytes());
        bytes[EPOCH..CLEAN].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[CLEAN..].copy_from_slice(&u32::from(self.clean).to_le_bytes());
        let crc = hash::crc(0, &bytes[SEQUENCE..]);
        bytes[CRC..SEQUENCE].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Returns the newer of the slots in the watermark file that hold for this salt, or `None` if none does.
    pub fn read(file: &[u8], salt: u64) -> Option<Self> {
        let slots = WATERMARK_SLOTS.into_iter().filter_map(|at| {
            let found = Self::read_slot(file.get(at as usize..)?)?;
            (found.slot() == at && found.salt == salt).then_some(found)
        });
        slots.max_by_key(|slot| slot.sequence)
    }

    /// Returns what is wrong with the watermark file of the store with this salt, with the byte: slots that were written and
    /// do not hold, and bytes between them. A slot that was never written is zeros.
    ///
    /// ```
    /// use tidegate_format::Watermark;
    ///
    /// assert!(Watermark::faults(&[0; 4152], 99).is_empty());
    /// assert_eq!(Watermark::faults(&[0, 0, 1], 99)[0].0, 0);
    /// ```
    pub fn faults(file: &[u8], salt: u64) -> Vec<(u64, Error)> {
        let mut faults = Vec::new();
        let mut behind = 0;
        for at in WATERMARK_SLOTS.map(|at| at as usize) {
            faults.extend(first_set(file, behind, at));
            behind = at + WATERMARK_BYTES;
            let slot = file.get(at..behind.min(file.len())).unwrap_or_default();
            let found = Self::read_slot(slot).filter(|found| found.slot() == at as u64 && found.salt == salt);
            if found.is_none() && slot.iter().any(|byte| *byte != 0) {
                let message = "a slot of the watermark does not hold";
                faults.push((
                    at as u64,
                    Error::damaged(message, "one of this store, with its checksum", "another"),
                ));
            }
        }
        faults.extend(first_set(file, behind, file.len()));
        faults
    }

    fn read_slot(slot: &[u8]) -> Option<Self> {
        let bytes = slot.get(..WATERMARK_BYTES)?;
        let holds = bytes[..CRC] == MAGIC && number!(bytes, CRC, u32) == hash::crc(0, &bytes[SEQUENCE..]);
        let clean = match number!(bytes, CLEAN, u32) {
            0 => false,
            1 => true,
            _ => return None,
        };
        holds.then(|| Self {
            sequence: number!(bytes, SEQUENCE, u64),
            durable: Position(number!(bytes, DURABLE, u64)),
            segment: Position(number!(bytes, SEGMENT, u64)),
            tail: Offset(number!(bytes, TAIL, u64)),
            salt: number!(bytes, SALT, u64),
            epoch: number!(bytes, EPOCH, u32),
            clean,
        })
    }
}

/// Returns the first byte from `from` up to `to` that is not zero, where nothing was ever written.
fn first_set(file: &[u8], from: usize, to: usize) -> Option<(u64, Error)> {
    let unused = file.get(from..to.min(file.len())).unwrap_or_default();
    let at = unused.iter().position(|byte| *byte != 0)?;
    let error = Error::damaged("there is something between the slots of the watermark", "zeros", unused[at]);
    Some(((from + at) as u64, error))
}
