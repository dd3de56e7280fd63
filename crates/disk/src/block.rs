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
    pub fn read_ahead(&self, range: Range<usize>) {
        if let Bytes::Mapped(map, _) = &*self.0 {
            let end = range.end.min(map.len());
            if range.start < end {
                #[cfg(unix)]
                let _ = map.advise_range(memmap2::Advice::WillNeed, range.start, end - range.start);
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
