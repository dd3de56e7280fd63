//! The tiles at the right edge of a tree: what a folder of tiles is continued from.

use tidegate_format::{Hash, Result};

use super::frontier::Frontier;
use super::nodes::{TileSource, check_size};
use super::tile::{TILE_WIDTH, Tile};

/// A tree that grows leaf by leaf and gives out its tiles: each full one when its last hash is there, the partial ones when
/// they are asked for. It holds one tile of each level at most.
///
/// ```
/// use tidegate_proof::tree::{TileEdge, leaf_hash};
///
/// let (mut edge, mut files) = (TileEdge::new(), Vec::new());
/// for index in 0..300_u32 {
///     edge.push(leaf_hash(&index.to_le_bytes()), |tile, _| {
///         files.push(tile.to_string());
///         Ok(())
///     })?;
/// }
/// files.extend(edge.partial().map(|(tile, _)| tile.to_string()));
/// assert_eq!(files, ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"]);
/// # Ok::<(), tidegate_format::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TileEdge {
    size: u64,
    /// The hashes of the last tile of each level, fewer than [`TILE_WIDTH`].
    levels: Vec<Vec<Hash>>,
}

impl TileEdge {
    /// Creates the edge of a tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the edge of the tree of the first `size` leaves. What the source says is believed: compare
    /// [`root`](Self::root) with one that is known.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if the size is more than [`SIZE_MAX`](super::SIZE_MAX); what the
    /// source returns.
    pub fn read(source: &impl TileSource, size: u64) -> Result<Self> {
        check_size(size)?;
        let mut levels = Vec::new();
        for tile in Tile::partial(size) {
            let hashes = source.tile(tile)?;
            tile.check_count(hashes.len())?;
            levels.resize_with(usize::from(tile.level()), Vec::new);
            levels.push(hashes);
        }
        Ok(Self { size, levels })
    }

    /// Adds a leaf, and hands over each tile that is full with it, from level 0 upwards.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if the tree has [`SIZE_MAX`](super::SIZE_MAX) leaves; what `full`
    /// returns. The edge cannot be used then.
    pub fn push(&mut self, leaf: Hash, mut full: impl FnMut(Tile, &[Hash]) -> Result<()>) -> Result<()> {
        check_size(self.size.saturating_add(1))?;
        self.size += 1;
        let mut hash = leaf;
        for level in 0.. {
            if level == self.levels.len() {
                self.levels.push(Vec::with_capacity(usize::from(TILE_WIDTH)));
            }
            let hashes = &mut self.levels[level];
            hashes.push(hash);
            if hashes.len() < usize::from(TILE_WIDTH) {
                return Ok(());
            }
            full(last_tile(level, self.size), hashes)?;
            // A full tile becomes one hash of the level above.
            let mut tile = Frontier::new();
            hashes.drain(..).for_each(|hash| tile.push(hash));
            hash = tile.root();
        }
        Ok(())
    }

    /// Returns the tiles that are not full, with their hashes.
    pub fn partial(&self) -> impl Iterator<Item = (Tile, &[Hash])> {
        let started = self.levels.iter().enumerate().filter(|(_, hashes)| !hashes.is_empty());
        started.map(|(level, hashes)| (last_tile(level, self.size), &hashes[..]))
    }

    /// Returns the number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the root of the tree.
    pub fn root(&self) -> Hash {
        let mut frontier = Frontier::new();
        for (level, hashes) in self.levels.iter().enumerate().rev() {
            for hash in hashes {
                frontier
                    .push_subtree(level as u32 * 8, *hash)
                    .expect("levels are pushed from the largest on");
            }
        }
        frontier.root()
    }
}

/// Returns the tile that holds the last hash of a level.
fn last_tile(level: usize, size: u64) -> Tile {
    let hashes = size >> (level * 8);
    let index = (hashes - 1) / u64::from(TILE_WIDTH);
    Tile::at(level as u8, index, size).expect("the level has a hash")
}
