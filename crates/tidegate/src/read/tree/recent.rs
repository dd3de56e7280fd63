//! The leaves that the committer made, kept until the hashes above them are in the files of `tree/`: their records need not
//! be read and hashed again.

use std::collections::VecDeque;

use tidegate_format::Hash;
use tidegate_proof::tree::TILE_WIDTH;

/// Tiles of leaves kept at most: 2,048, so 524,288 leaves in 16 MiB. If the files fall behind by more, the oldest are dropped and
/// later computed from their records.
const TILES_MAX: usize = 2048;
const WIDTH: u64 = TILE_WIDTH as u64;

/// The last leaves of a log, without a gap.
#[derive(Debug, Default)]
pub(super) struct RecentLeaves {
    /// The index of the first one.
    first: u64,
    /// The tiles they are in, each full but for the first and the last one.
    tiles: VecDeque<Vec<Hash>>,
}

impl RecentLeaves {
    /// Takes leaves that were written to the log, the first of them with `index` leaves before it.
    pub(super) fn take(&mut self, index: u64, leaves: impl Iterator<Item = Hash>) {
        if index != self.end() {
            *self = Self { first: index, tiles: VecDeque::new() };
        }
        for (at, leaf) in (index..).zip(leaves) {
            if at.is_multiple_of(WIDTH) || self.tiles.is_empty() {
                if self.tiles.len() == TILES_MAX {
                    self.drop_tile();
                }
                self.tiles.push_back(Vec::with_capacity(WIDTH as usize));
            }
            self.tiles.back_mut().expect("there is one now").push(leaf);
        }
    }

    /// Returns these leaves, if all of them are kept.
    pub(super) fn get(&self, first: u64, count: u64) -> Option<Vec<Hash>> {
        if first < self.first || first + count > self.end() {
            return None;
        }
        let mut found = Vec::with_capacity(count as usize);
        let mut at = first;
        while at < first + count {
            let tile = (at / WIDTH - self.first / WIDTH) as usize;
            let start = self.first.max(at / WIDTH * WIDTH);
            let leaves = &self.tiles[tile][(at - start) as usize..];
            let taken = leaves.len().min((first + count - at) as usize);
            found.extend_from_slice(&leaves[..taken]);
            at += taken as u64;
        }
        Some(found)
    }

    /// Drops the tiles that end at or before this many leaves.
    pub(super) fn drop_before(&mut self, count: u64) {
        while !self.tiles.is_empty() && (self.first / WIDTH + 1) * WIDTH <= count {
            self.drop_tile();
        }
    }

    fn drop_tile(&mut self) {
        if let Some(tile) = self.tiles.pop_front() {
            self.first += tile.len() as u64;
        }
    }

    /// Returns the index behind the last one.
    fn end(&self) -> u64 {
        let tiles = self.tiles.len() as u64;
        match self.tiles.back() {
            None => self.first,
            Some(only) if tiles == 1 => self.first + only.len() as u64,
            Some(last) => (self.first / WIDTH + tiles - 1) * WIDTH + last.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(index: u64) -> Hash {
        let mut hash = Hash::ZERO;
        hash.0[..8].copy_from_slice(&index.to_le_bytes());
        hash
    }

    fn leaves(first: u64, count: u64) -> impl Iterator<Item = Hash> {
        (first..first + count).map(leaf)
    }

    /// Wherever they begin, in whatever pieces they come, and whatever is dropped.
    #[test]
    fn leaves_are_those_that_were_taken() {
        for first in [0, 1, 100, 255, 256, 300, 511] {
            let mut kept = RecentLeaves::default();
            let mut end = first;
            for count in [1, 0, 7, 247, 1, 256, 512, 3, 900] {
                kept.take(end, leaves(end, count));
                end += count;
                assert_eq!(kept.end(), end);
                for (from, count) in [(first, end - first), (end - 1, 1), (end, 0), (first.max(end / 2), 1)] {
                    assert_eq!(kept.get(from, count), Some(leaves(from, count).collect()), "{first} {from}");
                }
                assert_eq!(
                    [kept.get(end, 1), kept.get(first.wrapping_sub(1).min(first), end - first + 1)],
                    [None, None]
                );
            }
            for dropped in [0, 255, 256, 700, 1024] {
                kept.drop_before(dropped);
                assert_eq!(kept.first, first.max(dropped / WIDTH * WIDTH));
                assert_eq!(
                    kept.get(kept.first, end - kept.first),
                    Some(leaves(kept.first, end - kept.first).collect())
                );
                assert!(kept.first == 0 || kept.get(kept.first - 1, 1).is_none());
            }
            kept.drop_before(u64::MAX);
            assert_eq!((kept.tiles.len(), kept.end()), (0, end));
        }
    }

    /// Positions that are given out again, or whose frames this process did not write, leave no gap and no leaf of before.
    #[test]
    fn leaves_that_do_not_follow_begin_anew() {
        for next in [0, 300, 499, 501, 900] {
            let mut kept = RecentLeaves::default();
            kept.take(100, leaves(100, 400));
            kept.take(next, leaves(next, 300));
            assert_eq!((kept.first, kept.end()), (next, next + 300));
            assert_eq!(kept.get(next, 300), Some(leaves(next, 300).collect()));
        }
    }

    #[test]
    fn memory_is_bounded() {
        let (mut kept, count) = (RecentLeaves::default(), (TILES_MAX as u64 + 3) * WIDTH + 9);
        kept.take(5, leaves(5, count));
        assert_eq!((kept.tiles.len(), kept.end()), (TILES_MAX, 5 + count));
        assert_eq!(kept.get(kept.first, 600), Some(leaves(kept.first, 600).collect()));
    }
}
