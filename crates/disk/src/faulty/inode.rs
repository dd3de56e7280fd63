//! One file's bytes: as readers see them, as the disk holds them, and what lies between.
//!
//! I1: with nothing pending and no failed sync behind it, a file is the same to readers and on the disk.
//! I2: a grain without a pending change is never touched by a power cut.
//! I3: a mapped part is not written to again in that life; a caller that tries is stopped there and then.

use crate::dice::Dice;
use crate::faulty::model::{Grain, Model};

/// Zeros to lay over a grain that was cut off.
static ZEROS: [u8; Grain::Page.bytes()] = [0; Grain::Page.bytes()];

/// A file without its name, which is the folder's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inode {
    cached: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// How much from the start of the file is mapped.
    mapped_bytes: usize,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length { from: usize, to: usize },
}

/// The part of one change that falls into one grain.
struct Piece<'a> {
    grain: usize,
    offset: usize,
    bytes: &'a [u8],
}

impl Inode {
    /// Returns a file of these bytes, durable.
    pub(crate) fn durable(bytes: Vec<u8>) -> Self {
        Self { cached: bytes.clone(), durable: bytes, ..Self::default() }
    }

    /// Returns what readers see.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.cached
    }

    /// Returns what the disk itself holds, which may be less than readers see.
    pub(crate) fn synced_bytes(&self) -> &[u8] {
        &self.durable
    }

    /// Returns what a map of the first `length` bytes shows, from now on unchanging.
    pub(crate) fn map(&mut self, length: usize) -> Option<Vec<u8>> {
        let bytes = self.cached.get(..length)?.to_vec();
        self.mapped_bytes = self.mapped_bytes.max(length);
        Some(bytes)
    }

    /// Lets the maps of an ended process go.
    pub(crate) fn unmap(&mut self) {
        self.mapped_bytes = 0;
    }

    pub(crate) fn write(&mut self, bytes: &[u8], offset: usize) {
        if bytes.is_empty() {
            return;
        }
        assert!(offset >= self.mapped_bytes, "a mapped part of a file must never change (I3)");
        lay(&mut self.cached, bytes, offset);
        self.pending.push(Change::Write { offset, bytes: bytes.to_vec() });
    }

    pub(crate) fn set_length(&mut self, length: usize) {
        let from = self.cached.len();
        if from != length {
            assert!(length >= self.mapped_bytes, "a mapped part of a file must never be cut off (I3)");
            self.cached.resize(length, 0);
            self.pending.push(Change::Length { from, to: length });
        }
    }

    /// Makes everything pending durable.
    pub(crate) fn sync(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        for change in self.pending.drain(..) {
            match change {
                Change::Write { offset, bytes } => lay(&mut self.durable, &bytes, offset),
                Change::Length { to, .. } => self.durable.resize(to, 0),
            }
        }
        // Differs only after a failed sync: the length is then written again, the lost bytes are not.
        self.durable.resize(self.cached.len(), 0);
    }

    /// Forgets that anything was pending: readers still see it, the disk has none of it, or some.
    pub(crate) fn fail_sync(&mut self, dice: &mut Dice, model: &Model) {
        if model.failed_sync_keeps_some {
            self.durable = self.survivors(dice, model);
        }
        self.pending.clear();
    }

    /// Leaves what a power cut leaves.
    pub(crate) fn cut_power(&mut self, dice: &mut Dice, model: &Model) {
        if !self.pending.is_empty() {
            self.durable = self.survivors(dice, model);
        }
        self.lose_unsynced();
    }

    /// Leaves what is durable.
    pub(crate) fn lose_unsynced(&mut self) {
        self.pending.clear();
        self.cached.clone_from(&self.durable);
    }

    /// Returns one state the disk may be found in, given the pending changes.
    fn survivors(&self, dice: &mut Dice, model: &Model) -> Vec<u8> {
        let mut found = self.durable.clone();
        let pieces = self.pieces(model.grain.bytes());
        // One draw for all grains, so that losing all of them and losing none both happen often.
        let eighths = [0, 1, 4, 7, 8][dice.below(5)];
        for history in pieces.chunk_by(|one, next| one.grain == next.grain) {
            let kept = if dice.chance(eighths, 8) {
                history.len()
            } else if dice.chance(1, 2) {
                0
            } else {
                dice.below(history.len())
            };
            for piece in &history[..kept] {
                lay(&mut found, piece.bytes, piece.offset);
            }
            if let Some(next) = history.get(kept)
                && model.torn
                && dice.chance(1, 4)
            {
                tear(&mut found, next, dice);
            }
        }
        found.resize(self.surviving_length(dice), 0);
        found
    }

    /// Returns the pending changes by grain, each grain's in the order they were made.
    fn pieces(&self, grain_bytes: usize) -> Vec<Piece<'_>> {
        let mut pieces = Vec::new();
        for change in &self.pending {
            match change {
                Change::Write { offset, bytes } => {
                    let mut done = 0;
                    while done < bytes.len() {
                        let at = offset + done;
                        let count = (grain_bytes - at % grain_bytes).min(bytes.len() - done);
                        let bytes = &bytes[done..done + count];
                        pieces.push(Piece { grain: at / grain_bytes, offset: at, bytes });
                        done += count;
                    }
                }
                Change::Length { from, to } => {
                    let mut at = *to;
                    while at < *from {
                        let count = (grain_bytes - at % grain_bytes).min(from - at);
                        pieces.push(Piece { grain: at / grain_bytes, offset: at, bytes: &ZEROS[..count] });
                        at += count;
                    }
                }
            }
        }
        // A stable sort keeps each grain's history in order.
        pieces.sort_by_key(|piece| piece.grain);
        pieces
    }

    /// Returns one of the lengths the file went through since it was synced.
    fn surviving_length(&self, dice: &mut Dice) -> usize {
        let steps = match dice.below(4) {
            0 => 0,
            1 => dice.below(self.pending.len() + 1),
            _ => self.pending.len(),
        };
        self.pending[..steps].iter().fold(self.durable.len(), |length, change| match change {
            Change::Write { offset, bytes } => length.max(offset + bytes.len()),
            Change::Length { to, .. } => *to,
        })
    }
}

/// Lays `bytes` over `whole`, growing it if needed.
fn lay(whole: &mut Vec<u8>, bytes: &[u8], offset: usize) {
    let end = offset + bytes.len();
    if whole.len() < end {
        whole.resize(end, 0);
    }
    whole[offset..end].copy_from_slice(bytes);
}

/// Lays only the first or only the last part of a piece.
fn tear(whole: &mut Vec<u8>, piece: &Piece<'_>, dice: &mut Dice) {
    let (first, last) = piece.bytes.split_at(dice.below(piece.bytes.len() + 1));
    if dice.chance(1, 2) {
        lay(whole, first, piece.offset);
    } else {
        lay(whole, last, piece.offset + first.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_cut(inode: &Inode, seed: u64, model: &Model) -> Vec<u8> {
        let mut inode = inode.clone();
        inode.cut_power(&mut Dice::new(seed), model);
        assert_eq!(inode.cached, inode.durable, "I1");
        inode.durable
    }

    #[test]
    fn every_prefix_of_a_sectors_history_may_survive() {
        let model = Model { torn: false, ..Model::default() };
        let mut inode = Inode::durable(vec![0; 512]);
        (1..=3).for_each(|mark| inode.write(&[mark; 512], 0));
        let found: Vec<Vec<u8>> = (0..200).map(|seed| after_cut(&inode, seed, &model)).collect();
        for mark in 0..=3 {
            assert!(found.contains(&vec![mark; 512]), "state {mark} never survived");
        }
        assert!(found.iter().all(|bytes| bytes.iter().all(|byte| *byte == bytes[0])), "torn without leave");
    }

    #[test]
    fn a_sectors_history_survives_in_order_and_no_further_than_the_sector() {
        let model = Model { torn: false, ..Model::default() };
        let mut inode = Inode::durable(vec![0; 1024]);
        inode.write(&[1; 512], 256);
        inode.write(&[2; 128], 256);
        let firsts = |bytes: Vec<u8>| bytes.chunks(128).map(|part| part[0]).collect::<Vec<u8>>();
        let mut found: Vec<_> = (0..300).map(|seed| firsts(after_cut(&inode, seed, &model))).collect();
        found.sort();
        found.dedup();
        let sectors = [[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 2, 1]];
        let states = sectors.map(|first| [[0, 0, 0, 0], [1, 1, 0, 0]].map(|second| [first, second].concat()));
        assert_eq!(found, states.concat());
    }

    #[test]
    fn grains_without_changes_are_left_alone() {
        // keeps I2
        for grain in [Grain::Sector, Grain::Page] {
            let model = Model { grain, ..Model::default() };
            let old: Vec<u8> = (0..=255).cycle().take(5 * 4096).collect();
            let mut inode = Inode::durable(old.clone());
            inode.write(&[9; 100], 2 * 4096 + 10);
            for seed in 0..300 {
                let found = after_cut(&inode, seed, &model);
                assert_eq!(found[..2 * 4096 + 10], old[..2 * 4096 + 10]);
                assert_eq!(found[2 * 4096 + 110..], old[2 * 4096 + 110..]);
            }
        }
    }

    #[test]
    fn a_page_survives_whole_and_a_sector_alone() {
        let states = |grain| {
            let model = Model { grain, torn: false, ..Model::default() };
            let mut inode = Inode::durable(vec![0; 4096]);
            inode.write(&[1; 4096], 0);
            let sectors = |bytes: Vec<u8>| bytes.chunks(512).filter(|sector| sector[0] == 1).count();
            (0..300).map(|seed| sectors(after_cut(&inode, seed, &model))).collect::<Vec<_>>()
        };
        assert!(states(Grain::Page).iter().all(|count| [0, 8].contains(count)));
        assert!((0..=8).all(|count| states(Grain::Sector).contains(&count)));
    }

    #[test]
    fn a_cut_off_tail_may_come_back_or_be_zero() {
        let model = Model { torn: false, ..Model::default() };
        let mut inode = Inode::durable(vec![7; 1024]);
        inode.set_length(512);
        inode.set_length(1024);
        let found: Vec<Vec<u8>> = (0..200).map(|seed| after_cut(&inode, seed, &model)).collect();
        let zeroed = [[7; 512], [0; 512]].concat();
        for state in [vec![7; 1024], zeroed, vec![7; 512]] {
            assert!(found.contains(&state), "{} bytes, last {:?}", state.len(), state.last());
        }
    }

    #[test]
    fn a_failed_sync_may_keep_some() {
        let keeps = |failed_sync_keeps_some, seed| {
            let model = Model { failed_sync_keeps_some, ..Model::default() };
            let mut inode = Inode::default();
            inode.write(&[1; 2048], 0);
            inode.fail_sync(&mut Dice::new(seed), &model);
            inode.sync();
            inode.lose_unsynced();
            inode.durable
        };
        assert!((0..100).all(|seed| !keeps(false, seed).contains(&1)));
        assert!((0..100).any(|seed| [0, 1].iter().all(|byte| keeps(true, seed).contains(byte))));
    }
}
