//! Bytes that stay put: a mapped file or a buffer, shared without copying.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// Immutable bytes with many owners. Cloning shares them.
#[derive(Clone)]
pub struct Block(Arc<Bytes>);

enum Bytes {
    Heap(Vec<u8>),
    #[cfg_attr(not(any(unix, windows)), expect(dead_code))]
    Mapped(memmap2::Mmap),
}

impl Block {
    /// A block over a mapped file.
    pub(crate) fn mapped(map: memmap2::Mmap) -> Self {
        Self(Arc::new(Bytes::Mapped(map)))
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
            Bytes::Mapped(map) => map,
        }
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block({} bytes)", self.len())
    }
}
