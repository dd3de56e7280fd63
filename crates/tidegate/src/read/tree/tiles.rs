//! The tiles of a view's tree: leaves from its records, and hashes above them as they are kept or computed.

use tidegate_format::{Error, ErrorKind, Hash, Position, Result};
use tidegate_proof::tree::{Frontier, TILE_WIDTH, Tile, TileSource};

use super::log_tree::LogTree;
use crate::read::view::View;

/// The tree over the events of a view.
#[derive(Debug)]
pub(crate) struct ViewTiles<'a> {
    view: &'a View,
    /// What is kept of it; `None` if everything is to be computed from records.
    tree: Option<&'a LogTree>,
}

impl<'a> ViewTiles<'a> {
    /// Returns the tiles of a view, with the hashes that are kept of its tree.
    pub(crate) fn new(view: &'a View, tree: &'a LogTree) -> Self {
        Self { view, tree: Some(tree) }
    }

    /// Returns the tiles of a view, all of them computed from its records.
    pub(crate) fn of_records(view: &'a View) -> Self {
        Self { view, tree: None }
    }

    /// Returns the hashes of a level from `first` on.
    fn hashes(&self, level: u8, first: u64, count: u64) -> Result<Vec<Hash>> {
        if level == 0 { self.leaves(first, count) } else { self.roots(level, first, count) }
    }

    /// Computes leaves from their records, each of which is checked against its checksum.
    fn leaves(&self, first: u64, count: u64) -> Result<Vec<Hash>> {
        let leaf = |index: u64| {
            let position = Position(index).next();
            let event = self.view.at(position)?.ok_or_else(|| behind(position, self.view))?;
            Ok(event.leaf())
        };
        (first..first + count).map(leaf).collect()
    }

    /// Returns the roots of full tiles of the level below.
    fn roots(&self, level: u8, first: u64, count: u64) -> Result<Vec<Hash>> {
        let root = |index: u64| {
            if let Some(kept) = self.tree.and_then(|tree| tree.find(level, index)) {
                return Ok(kept);
            }
            let width = u64::from(TILE_WIDTH);
            let mut below = Frontier::new();
            for hash in self.hashes(level - 1, index * width, width)? {
                below.push(hash);
            }
            let root = below.root();
            if let Some(tree) = self.tree {
                tree.keep(level, index, root);
            }
            Ok(root)
        };
        (first..first + count).map(root).collect()
    }
}

impl TileSource for ViewTiles<'_> {
    fn tile(&self, tile: Tile) -> Result<Vec<Hash>> {
        let width = u64::from(TILE_WIDTH);
        let first = tile.index().checked_mul(width);
        let leaves = width.checked_pow(tile.level().into());
        // Everything a tile is over must be there before its first hash is computed.
        let end = first.and_then(|first| first.checked_add(tile.width().into()));
        let last = end.zip(leaves).and_then(|(end, leaves)| end.checked_mul(leaves));
        match first.zip(last) {
            Some((first, last)) if last <= self.view.head().0 => {
                self.hashes(tile.level(), first, tile.width().into())
            }
            _ => Err(behind(Position(last.unwrap_or(u64::MAX)), self.view)),
        }
    }
}

/// The error of events that the log does not have.
fn behind(position: Position, view: &View) -> Error {
    let message = format!("the log has {} events, and {position} are asked for", view.head());
    Error::new(ErrorKind::Invalid, message)
}
