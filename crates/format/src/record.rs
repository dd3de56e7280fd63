//! Records: events as bytes.
//!
//! Invariants:
//!
//! R1. A [`Record`] was checked when it was made: its checksum holds and its parts lie inside it.
//! R2. The same draft with the same facts and place always gives the same bytes.
//! R3. The leaf hash covers every field but length, checksum and content hash, and the payload by its commitment. It
//!     stays the same when the payload is erased.
//! R4. What stays of an erased payload says nothing about it: its commitment is blinded, and the blind goes with it.

use crate::hash;
use crate::layout::{self, number};
use crate::number::Position;

mod commitment;
mod write;

mod read;
mod unplaced;
mod erase;
pub mod encrypted;

pub use crate::layout::{RECORD_BYTES_MIN, RECORD_HEAD_BYTES};
pub use commitment::{Blind, Body, ErasedPayload};
pub use encrypted::{EncryptedPayload, KeyId};
pub use erase::{erase, erase_content};
pub use read::{ENTRY_BYTES, Record};
pub use unplaced::read_unplaced;
pub use write::{Facts, Placed, encode, encode_erased, place, stream};

/// Returns the checksum of a record: its length field, then everything behind the checksum.
fn crc_of(record: &[u8]) -> u32 {
    hash::crc(hash::crc(0, &record[..layout::CRC]), &record[layout::ENTRY..])
}

/// Returns the checksum that stands in a record, whether it holds or not. The record has its whole head.
pub(crate) fn stated_crc(record: &[u8]) -> u32 {
    number!(record, layout::CRC, u32)
}

/// Returns the position that stands in a record.
pub(crate) fn stated_position(record: &[u8]) -> Position {
    Position(number!(record, layout::POSITION, u64))
}

/// Returns whether a record says that it ends its batch.
pub(crate) fn states_batch_end(record: &[u8]) -> bool {
    record[layout::FLAGS] & layout::FLAG_BATCH_END != 0
}
