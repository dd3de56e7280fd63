//! Stream tails: where each stream that was written lately ends.
//!
//! A cache in two halves: when the young half is full it becomes the old one, and what is asked for there
//! moves back. What is not here the committer looks up in the log.
//!
//! Invariant H1: what was found or put here stays at hand until room is made, which happens between groups: where the streams
//! of a group end is in no log before the group is written.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use tidegate_format::{Hash, Position, Version};

/// The last event of a stream; version 0 if it is known to have none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StreamTail {
    pub(crate) version: Version,
    pub(crate) position: Position,
    pub(crate) leaf: Hash,
}

/// Passes on hashes that are keyed and wide already.
#[derive(Default)]
pub(crate) struct PassThrough(u64);

impl Hasher for PassThrough {
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

type Half = HashMap<u128, StreamTail, BuildHasherDefault<PassThrough>>;

/// The tails of streams by the hash of the stream.
#[derive(Debug)]
pub(crate) struct StreamTails {
    /// Streams in one half; a group of more than that makes it larger for once.
    half: usize,
    young: Half,
    old: Half,
}

impl StreamTails {
    /// Returns room for the tails of this many streams that were met last, and up to as many others.
    pub(crate) fn new(streams: usize) -> Self {
        Self { half: streams, young: Half::default(), old: Half::default() }
    }

    pub(crate) fn get(&mut self, stream: u128) -> Option<StreamTail> {
        if let Some(tail) = self.young.get(&stream) {
            return Some(*tail);
        }
        let tail = self.old.get(&stream).copied()?;
        self.put(stream, tail);
        Some(tail)
    }

    /// Returns the tail of a stream that was found or put here since room was made, to be changed.
    #[inline]
    pub(crate) fn at_hand(&mut self, stream: u128) -> &mut StreamTail {
        self.young.get_mut(&stream).expect("what was found stays at hand (H1)")
    }

    pub(crate) fn put(&mut self, stream: u128, tail: StreamTail) {
        self.young.insert(stream, tail);
    }

    /// Forgets the streams that were not met for long, if there are too many.
    pub(crate) fn make_room(&mut self) {
        if self.young.len() >= self.half {
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

    /// A group may be about more streams than both halves hold. Its tails were looked up, the first of them
    /// were displaced by the last ones, and those streams began again with version 1.
    ///
    /// keeps H1
    #[test]
    fn the_heads_of_a_large_batch_stay_at_hand() {
        const HALF: u128 = 3;
        let mut tails = StreamTails::new(HALF as usize);
        let streams = 3 * HALF;
        for stream in 0..streams {
            tails.put(stream, StreamTail { version: Version(1), ..StreamTail::default() });
        }
        assert!((0..streams).all(|stream| tails.get(stream).is_some()));
        tails.make_room();
        assert!(tails.get(0).is_some(), "it is in the old half");
        tails.put(1, StreamTail::default());
        for stream in streams..streams + HALF {
            tails.put(stream, StreamTail::default());
        }
        tails.make_room();
        assert!(tails.get(0).is_some(), "it moved back when it was asked for");
        tails.at_hand(0).version = Version(2);
        assert_eq!(tails.get(0).map(|tail| tail.version), Some(Version(2)));
        assert!(tails.get(2).is_none(), "no caller asked for it");
    }
}
