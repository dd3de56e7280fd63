//! The tiles of a view's tree: leaves from its records, and hashes above them as they are kept or computed.

use std::cell::RefCell;
use std::collections::VecDeque;

use tidegate_format::{Hash, Position, Result};
use tidegate_proof::tree::{TILE_WIDTH, Tile, TileSource};

use super::leaves::{behind, leaves, root};
use super::log_tree::{LogTree, leaves_of};
use crate::read::view::View;

/// Tiles kept: more than the 15 that one proof is made of at most.
const TILES_KEPT: usize = 16;

/// The tree over the events of a view.
#[derive(Debug)]
pub(crate) struct ViewTiles<'a> {
    view: &'a View,
    /// What is kept of it; `None` if everything is to be computed from records.
    tree: Option<&'a LogTree>,
    /// The tiles that were read last: proofs of events beside each other are made of the same ones.
    last: RefCell<VecDeque<(Tile, Vec<Hash>)>>,
}

impl<'a> ViewTiles<'a> {
    /// Returns the tiles of a view, with the hashes that are kept of its tree.
    pub(crate) fn new(view: &'a View, tree: &'a LogTree) -> Self {
        Self { view, tree: Some(tree), last: RefCell::default() }
    }

    /// Returns the tiles of a view, all of them computed from its records.
    pub(crate) fn of_records(view: &'a View) -> Self {
        Self { view, tree: None, last: RefCell::default() }
    }

    /// Returns the hashes of a level from `first` on.
    pub(super) fn hashes(&self, level: u8, first: u64, count: u64) -> Result<Vec<Hash>> {
        if level == 0 {
            let recent = self.tree.and_then(|tree| tree.recent(first, count));
            return recent.map_or_else(|| leaves(self.view, first, count), Ok);
        }
        let kept = match self.tree {
            Some(tree) => tree.find(self.view, level, first, count),
            None => vec![None; count as usize],
        };
        let hashes = kept.into_iter().zip(first..).map(|(kept, index)| match kept {
            Some(hash) => Ok(hash),
            None => self.compute(level, index),
        });
        hashes.collect()
    }

    /// Computes the root of a full tile of the level below.
    fn compute(&self, level: u8, index: u64) -> Result<Hash> {
        let width = u64::from(TILE_WIDTH);
        let root = root(self.hashes(level - 1, index * width, width)?);
        if let Some(tree) = self.tree {
            tree.keep(level, index, root);
        }
        Ok(root)
    }
}

impl TileSource for ViewTiles<'_> {
    fn tile(&self, tile: Tile) -> Result<Vec<Hash>> {
        let (width, count) = (u64::from(TILE_WIDTH), u64::from(tile.width()));
        // Everything a tile is over must be there before its first hash is computed.
        let first = tile.index().saturating_mul(width);
        let last = first.saturating_add(count).saturating_mul(leaves_of(tile.level()));
        if last > self.view.head().0 {
            return Err(behind(Position(last), self.view));
        }
        if let Some((_, hashes)) = self.last.borrow().iter().find(|(last, _)| *last == tile) {
            return Ok(hashes.clone());
        }
        let hashes = self.hashes(tile.level(), first, count)?;
        let mut last = self.last.borrow_mut();
        if last.len() == TILES_KEPT {
            last.pop_front();
        }
        last.push_back((tile, hashes.clone()));
        Ok(hashes)
    }
}
