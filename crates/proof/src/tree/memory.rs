//! A tree in memory.

use tidegate_format::{Error, Hash, Result};

use super::frontier::Frontier;
use super::nodes::TileSource;
use super::tile::{TILE_WIDTH, Tile};

/// A tree whose hashes are held in memory, about 32 bytes a leaf: for tests, and for lists that are small beside a log.
///
/// ```
/// use tidegate_proof::tree::{self, MemoryTree};
///
/// let mut tree = MemoryTree::new();
/// tree.push(tree::leaf_hash(b"a"));
/// assert_eq!(tree::root(&tree, tree.size())?, tree::leaf_hash(b"a"));
/// # Ok::<(), tidegate_format::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryTree {
    /// The hashes of each level of tiles.
    levels: Vec<Vec<Hash>>,
}

impl MemoryTree {
    /// Creates a tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for level in 0.. {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let hashes = &mut self.levels[level];
            hashes.push(hash);
            if !hashes.len().is_multiple_of(usize::from(TILE_WIDTH)) {
                return;
            }
            // A full tile becomes one hash of the level above.
            let mut tile = Frontier::new();
            hashes[hashes.len() - usize::from(TILE_WIDTH)..].iter().for_each(|hash| tile.push(*hash));
            hash = tile.root();
        }
    }

    /// Returns the number of leaves.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, Vec::len) as u64
    }

    /// Returns the leaf with this index, or `None` behind the last one.
    pub fn leaf(&self, index: u64) -> Option<Hash> {
        self.levels.first()?.get(usize::try_from(index).ok()?).copied()
    }

    /// Returns the root of the whole tree.
    pub fn root(&self) -> Hash {
        super::root(self, self.size()).expect("a tree has all its tiles")
    }
}

impl TileSource for MemoryTree {
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if the tree has no such tile.
    fn tile(&self, tile: Tile) -> Result<Vec<Hash>> {
        let hashes = || {
            let start = usize::try_from(tile.index()).ok()?.checked_mul(usize::from(TILE_WIDTH))?;
            let level = self.levels.get(usize::from(tile.level()))?;
            level.get(start..start.checked_add(usize::from(tile.width()))?)
        };
        let missing = || Error::invalid(format!("a tree of {} leaves has no {tile}", self.size()));
        hashes().map(<[Hash]>::to_vec).ok_or_else(missing)
    }
}

impl FromIterator<Hash> for MemoryTree {
    /// Returns the tree of these leaves.
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        let mut tree = Self::new();
        leaves.into_iter().for_each(|leaf| tree.push(leaf));
        tree
    }
}
