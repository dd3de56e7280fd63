//! Compares the files of `tree/` with the events, as `verify` reads them.

use tidegate_format::{Hash, Position};
use tidegate_proof::tree::{Frontier, TILE_WIDTH};

use super::log_tree::LogTree;

/// Hashes of a level compared at a time: 1,024.
const HASHES_AT_A_TIME: usize = 1024;

/// The hashes over a log, level by level, as its leaves come in.
#[derive(Debug, Default)]
pub(crate) struct TreeLevels {
    /// The hashes of the tile that is not full yet, of each level from 0 on, and how many hashes came before it.
    tiles: Vec<(Frontier, u64)>,
}

impl TreeLevels {
    /// Adds the next leaf, and tells of each hash of a level from 1 on that it completes, with its index.
    pub(crate) fn push(&mut self, leaf: Hash, mut each: impl FnMut(u8, u64, Hash)) {
        let mut hash = leaf;
        for level in 0_u8.. {
            let at = usize::from(level);
            if self.tiles.len() == at {
                self.tiles.push(Default::default());
            }
            let (tile, before) = &mut self.tiles[at];
            if level > 0 {
                each(level, *before + tile.size(), hash);
            }
            tile.push(hash);
            if tile.size() < u64::from(TILE_WIDTH) {
                return;
            }
            *before += tile.size();
            hash = std::mem::take(tile).root();
        }
    }

    /// Returns how many hashes of a level there were so far.
    pub(crate) fn count(&self, level: u8) -> u64 {
        self.tiles.get(usize::from(level)).map_or(0, |(tile, before)| before + tile.size())
    }
}

/// A comparison of what the files say with the leaves of the log, in its order.
#[derive(Debug)]
pub(crate) struct LevelCheck<'a> {
    tree: &'a LogTree,
    levels: TreeLevels,
    /// The last hashes of each level, not compared yet, and the index behind them.
    pending: Vec<(u64, Vec<Hash>)>,
    next: Position,
    pub(crate) right: u64,
    pub(crate) wrong: u64,
}

impl<'a> LevelCheck<'a> {
    pub(crate) fn new(tree: &'a LogTree) -> Self {
        let (levels, pending) = Default::default();
        Self { tree, levels, pending, next: Position(1), right: 0, wrong: 0 }
    }

    /// Takes the leaf of the next event. Behind events that were retired nothing can be computed.
    pub(crate) fn take(&mut self, position: Position, leaf: Hash) {
        if position != self.next {
            return;
        }
        self.next = position.next();
        let (mut full, pending) = (None, &mut self.pending);
        self.levels.push(leaf, |level, index, hash| {
            let at = usize::from(level) - 1;
            if pending.len() == at {
                pending.push(Default::default());
            }
            pending[at].0 = index + 1;
            pending[at].1.push(hash);
            if pending[at].1.len() >= HASHES_AT_A_TIME {
                full = Some(level);
            }
        });
        if let Some(level) = full {
            self.compare(level);
        }
    }

    /// Compares what is left. If a hash was wrong, none of the files is used any more, and they are made anew.
    pub(crate) fn finish(&mut self) {
        for level in 1..=self.pending.len() as u8 {
            self.compare(level);
        }
        if self.wrong > 0 {
            let wrong = self.wrong;
            tracing::warn!(
                wrong,
                "hashes in tree/ are not those of the events; they are not used, and made anew"
            );
            self.tree.forget();
        }
    }

    /// Compares the pending hashes of a level with those in its file. What was not written yet is neither right nor wrong.
    fn compare(&mut self, level: u8) {
        let (end, hashes) = std::mem::take(&mut self.pending[usize::from(level) - 1]);
        let first = end - hashes.len() as u64;
        let count = self.tree.files.count(level).clamp(first, end) - first;
        for (found, hash) in self.tree.files.read(level, first, count).into_iter().zip(hashes) {
            if found == Some(hash) { self.right += 1 } else { self.wrong += 1 }
        }
    }
}
