//! Stream heads: where each stream that was written lately ends.
//!
//! A cache of a set size in two halves: when the young half is full it becomes the old one, and what is
//! asked for there moves back. What is not here the committer looks up in the log.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use tidegate_format::{Hash, Position, Version};

/// Streams in one half.
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
        if self.young.len() >= HALF {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(stream, head);
    }

    pub(crate) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}
