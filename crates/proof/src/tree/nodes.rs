//! Where hashes of a tree come from: tiles, and the nodes inside them.

use tidegate_format::{Error, Hash, Result};

use super::frontier::{Frontier, fold};
use super::tile::{TILE_WIDTH, Tile};
use super::{SIZE_MAX, node_hash};

/// What holds the hashes of a tree: a store, a folder of tiles, a [`MemoryTree`](super::MemoryTree).
///
/// ```
/// use std::collections::HashMap;
///
/// use tidegate_format::{Error, Hash, Result};
/// use tidegate_proof::tree::{self, Tile, TileSource};
///
/// /// The files of a folder of tiles, by their paths.
/// struct Folder(HashMap<String, Vec<u8>>);
///
/// impl TileSource for Folder {
///     fn tile(&self, tile: Tile) -> Result<Vec<Hash>> {
///         let file = self.0.get(&tile.to_string()).ok_or_else(|| Error::invalid(format!("{tile} is missing")))?;
///         tile.decode(file)
///     }
/// }
///
/// let leaf = tree::leaf_hash(b"a");
/// let folder = Folder(HashMap::from([("tile/0/000.p/1".to_owned(), leaf.0.to_vec())]));
/// assert_eq!(tree::root(&folder, 1)?, leaf);
/// assert!(tree::root(&folder, 2).is_err());
/// # Ok::<(), tidegate_format::Error>(())
/// ```
pub trait TileSource {
    /// Returns the hashes of a tile, as many as it is wide. Each proof asks for each of its tiles once.
    ///
    /// # Errors
    ///
    /// What kept the source from reading it.
    fn tile(&self, tile: Tile) -> Result<Vec<Hash>>;

    /// Returns the root of a complete subtree of 2^`height` leaves with `index` such subtrees before it, or `None` if the
    /// source does not keep it by itself. It is asked first, so a source whose oldest leaves are gone can keep the few
    /// nodes that proofs still need ([`ConsistencyProof::nodes_in_tile`](super::ConsistencyProof::nodes_in_tile)).
    ///
    /// # Errors
    ///
    /// What kept the source from reading it.
    fn subtree(&self, height: u32, index: u64) -> Result<Option<Hash>> {
        let _ = (height, index);
        Ok(None)
    }
}

/// Returns the root of the tree of the first `size` leaves.
///
/// # Errors
///
/// [`Invalid`](tidegate_format::ErrorKind::Invalid) if the size is more than [`SIZE_MAX`]; what the source returns.
pub fn root(source: &impl TileSource, size: u64) -> Result<Hash> {
    check_size(size)?;
    Nodes::new(source, size).range(0, size)
}

impl Frontier {
    /// Reads the frontier of the tree of the first `size` leaves.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if the size is more than [`SIZE_MAX`]; what the source returns.
    pub fn read(source: &impl TileSource, size: u64) -> Result<Self> {
        check_size(size)?;
        Self::from_hashes(size, Nodes::new(source, size).subtrees(0, size)?)
    }
}

pub(super) fn check_size(size: u64) -> Result<()> {
    if size <= SIZE_MAX {
        return Ok(());
    }
    Err(Error::invalid(format!("a tree of {size} leaves is too large, the limit is {SIZE_MAX}")))
}

/// The nodes of a tree of a fixed size, from the tiles that hold them. Each tile is read once.
pub(super) struct Nodes<'a, S> {
    source: &'a S,
    size: u64,
    tiles: Vec<(Tile, Vec<Hash>)>,
}

impl<'a, S: TileSource> Nodes<'a, S> {
    pub(super) fn new(source: &'a S, size: u64) -> Self {
        Self { source, size, tiles: Vec::new() }
    }

    /// Returns the root over the leaves from `start` to before `end`. They are one node of the tree, or the rest of one
    /// at its right edge.
    pub(super) fn range(&mut self, start: u64, end: u64) -> Result<Hash> {
        Ok(fold(&self.subtrees(start, end)?))
    }

    /// Returns the roots of the complete subtrees in such a range, from the largest to the smallest.
    fn subtrees(&mut self, mut start: u64, end: u64) -> Result<Vec<Hash>> {
        let mut roots = Vec::new();
        while start < end {
            // The largest subtree that begins here and ends within the range.
            let height = start.trailing_zeros().min((end - start).ilog2());
            roots.push(self.subtree(height, start >> height)?);
            start += 1 << height;
        }
        Ok(roots)
    }

    /// Returns the root of the complete subtree of this height with `index` such subtrees before it.
    fn subtree(&mut self, height: u32, index: u64) -> Result<Hash> {
        if let Some(kept) = self.source.subtree(height, index)? {
            return Ok(kept);
        }
        let (level, inside) = ((height / 8) as u8, height % 8);
        let first = index << inside;
        let width = u64::from(TILE_WIDTH);
        let hashes = self.tile(level, first / width)?;
        let start = (first % width) as usize;
        let mut row = hashes[start..start + (1 << inside)].to_vec();
        while row.len() > 1 {
            row = row.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(*left, *right)).collect();
        }
        Ok(row[0])
    }

    fn tile(&mut self, level: u8, index: u64) -> Result<&[Hash]> {
        let tile = Tile::at(level, index, self.size).expect("the tree has a complete subtree in it");
        let known = self.tiles.iter().position(|(known, _)| *known == tile);
        let at = match known {
            Some(at) => at,
            None => {
                let hashes = self.source.tile(tile)?;
                tile.check_count(hashes.len())?;
                self.tiles.push((tile, hashes));
                self.tiles.len() - 1
            }
        };
        Ok(&self.tiles[at].1)
    }
}

/// Returns the size of the left child of a node over `size` leaves: the largest power of two less than it. There are at
/// least two leaves.
pub(super) fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}
