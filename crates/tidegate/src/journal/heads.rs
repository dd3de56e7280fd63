//! Stream heads: where each stream that was written lately ends.
//!
//! A cache in two halves: when the young half is full it becomes the old one, and what is asked for there
//! moves back. What is not here the committer looks up in the log.
//!
//! Invariant H1: what was found or put here stays at hand until room is made, which happens between batches.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use tidegate_format::{Hash, Position, Version};

/// Streams in one half; a batch of more than that makes it larger for once.
const HALF: usize = 1 << 16;

/// The last event of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Head {
    pub(crate) version: Version,
    pub(crate) position: Position,
    pub(crate) leaf: Hash,
}

/// Passes on hashes that are keyed and wide already.
#[derive(Default)]
pub(crate) struct Through(u64);

impl Hasher for Through {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut number = [0; 8];
        let count = bytes.len().min(8);
        number[..count].copy_from_slice(&bytes[..count]);
        self.0 = u64::from_le_bytes(number);
    }

    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }
}

type Half = HashMap<u128, Head, BuildHasherDefault<Through>>;

/// The heads of streams by the hash of the stream.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    young: Half,
    old: Half,
}

impl Heads {
    pub(crate) fn get(&mut self, stream: u128) -> Option<Head> {
        if let Some(head) = self.young.get(&stream) {
            return Some(*head);
        }
        let head = self.old.get(&stream).copied()?;
        self.put(stream, head);
        Some(head)
    }

    pub(crate) fn put(&mut self, stream: u128, head: Head) {
        self.young.insert(stream, head);
    }

    /// Forgets the streams that were not met for long, where there are too many.
    pub(crate) fn make_room(&mut self) {
        if self.young.len() >= HALF {
            self.old = std::mem::take(&mut self.young);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch may be about more streams than both halves hold. Its heads were looked up, the first of them
    /// were displaced by the last ones, and those streams began again with version 1.
    ///
    /// keeps H1
    #[test]
    fn the_heads_of_a_large_batch_stay_at_hand() {
        let mut heads = Heads::default();
        let streams = 3 * HALF as u128;
        for stream in 0..streams {
            heads.put(stream, Head { version: Version(1), ..Head::default() });
        }
        assert!((0..streams).all(|stream| heads.get(stream).is_some()));
        heads.make_room();
        assert!(heads.get(0).is_some(), "it is in the old half");
        heads.put(1, Head::default());
        for stream in streams..streams + HALF as u128 {
            heads.put(stream, Head::default());
        }
        heads.make_room();
        assert!(heads.get(0).is_some(), "it moved back when it was asked for");
        assert!(heads.get(2).is_none(), "nobody asked for it");
    }
}
