//! Heads: the last event of each stream in the segment, so that the next one is linked to it without reading it.

use tidegate_format::{Hash, Result, Version};

use super::blocks::Part;
use super::number::{u32_at, u64_at};

/// Bytes of an entry: the event, its version and its leaf hash.
pub(super) const HEAD_ENTRY_BYTES: u64 = 44;

const VERSION: usize = 4;
const LEAF: usize = 12;
const END: usize = HEAD_ENTRY_BYTES as usize;

/// The last event of a stream in a segment, by its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamHead {
    /// Which event it is.
    pub event: u32,
    /// Its version.
    pub version: Version,
    /// Its leaf hash.
    pub leaf: Hash,
}

/// Appends the entry of the next stream.
pub(super) fn write(head: &StreamHead, out: &mut Vec<u8>) {
    out.extend_from_slice(&head.event.to_le_bytes());
    out.extend_from_slice(&head.version.0.to_le_bytes());
    out.extend_from_slice(&head.leaf.0);
}

/// Returns the head of the stream with this number, in a segment of `count` events.
pub(super) fn read(heads: Part<'_>, number: u32, count: u32) -> Result<StreamHead> {
    let start = (number as usize).saturating_mul(END);
    let entry = heads.bytes(start..start.saturating_add(END))?;
    look(entry, count).ok_or_else(|| heads.malformed())
}

fn look(entry: &[u8], count: u32) -> Option<StreamHead> {
    let (event, version) = (u32_at(entry, 0)?, Version(u64_at(entry, VERSION)?));
    let leaf = Hash(*entry[LEAF..].first_chunk()?);
    (event < count && version != Version::EMPTY).then_some(StreamHead { event, version, leaf })
}
