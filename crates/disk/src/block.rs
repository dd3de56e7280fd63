//! Bytes that stay put: a mapped file or a buffer, shared without copying.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::uses::Mapping;

/// Immutable bytes with many owners. Cloning shares them.
#[derive(Clone)]
pub struct Block(Arc<Bytes>);

enum Bytes {
    Heap(Vec<u8>),
    // In this order: the file is unmapped before another handle may write to it.
    Mapped(memmap2::Mmap, #[expect(dead_code, reason = "held, not looked at")] Mapping),
}

/// Bytes that the system is asked for at once. Of more than its own limit for reading ahead (128 KiB by default on Linux) it may read the
/// first part alone, and the rest is then read page by page.
const PIECE_BYTES: usize = 128 << 10;

/// Cuts a range into pieces that the system reads as a whole.
fn pieces(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(PIECE_BYTES).map(move |start| start..end.min(start + PIECE_BYTES))
}

impl Block {
    /// Returns a block over a mapped file.
    pub(crate) fn mapped(map: memmap2::Mmap, mapping: Mapping) -> Self {
        Self(Arc::new(Bytes::Mapped(map, mapping)))
    }
}

impl Block {
    /// Returns whether these are the same bytes, not equal ones.
    #[inline]
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Asks the system to read a part of a mapped file before it is looked at, if it is not in memory. What lies outside
    /// the file counts for nothing, and a refusal does no harm.
    #[cfg_attr(not(unix), allow(unused_variables, reason = "there is no such call"))]
    pub fn read_ahead(&self, range: Range<usize>) {
        if let Bytes::Mapped(map, _) = &*self.0 {
            for piece in pieces(range.start..range.end.min(map.len())) {
                #[cfg(unix)]
                let _ = map.advise_range(memmap2::Advice::WillNeed, piece.start, piece.len());
            }
        }
    }

    /// Returns how many owners share the bytes, this one included.
    pub fn owners(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

impl From<Vec<u8>> for Block {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Bytes::Heap(bytes)))
    }
}

impl Deref for Block {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &*self.0 {
            Bytes::Heap(bytes) => bytes,
            Bytes::Mapped(map, _) => map,
        }
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happened: 16 MiB were asked for at once, the system read the first eight of them, and a scan of a cold log was six
    /// times slower than with two.
    #[test]
    fn what_is_asked_for_comes_in_pieces_without_a_gap() {
        let lengths = [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 64 << 20];
        for (start, length) in
            [0, 1, 4095, 5 << 20].into_iter().flat_map(|start| lengths.map(|length| (start, length)))
        {
            let mut at = start;
            for piece in pieces(start..start + length) {
                assert_eq!(piece.start, at);
                assert!((1..=PIECE_BYTES).contains(&piece.len()));
                at = piece.end;
            }
            assert_eq!(at, start + length);
        }
        assert_eq!(pieces(Range { start: 9, end: 3 }).count(), 0);
    }
}
