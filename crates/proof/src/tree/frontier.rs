//! The right edge of a tree: all that is needed to add leaves and to tell the root.

use tidegate_format::{Error, Hash, Result};

use super::{SIZE_MAX, empty_root, node_hash};

/// The roots of the complete subtrees that a tree consists of, from the largest to the smallest: a compact range from 0.
///
/// It holds one hash for each bit that is set in the size, so at most 63, and is enough to go on from: adding a leaf
/// hashes two nodes for each leaf on average, and the root takes one node for each hash but the first.
///
/// ```
/// use tidegate_proof::tree::{Frontier, leaf_hash};
///
/// let mut frontier = Frontier::new();
/// [b"a", b"b", b"c"].iter().for_each(|entry| frontier.push(leaf_hash(*entry)));
/// assert_eq!((frontier.size(), frontier.hashes().len()), (3, 2));
/// let again = Frontier::from_hashes(3, frontier.hashes().to_vec())?;
/// assert_eq!(again.root(), frontier.root());
/// # Ok::<(), tidegate_format::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

impl Frontier {
    /// Creates the frontier of a tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the frontier of a tree of this size from its hashes, which are believed.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if there is not one hash for each bit that is set in the size,
    /// or the size is more than [`SIZE_MAX`].
    pub fn from_hashes(size: u64, hashes: Vec<Hash>) -> Result<Self> {
        let expected = size.count_ones() as usize;
        if size > SIZE_MAX || hashes.len() != expected {
            let found = hashes.len();
            let message = format!("a frontier of {size} leaves needs {expected} hashes, {found} are given");
            return Err(Error::invalid(message));
        }
        Ok(Self { size, hashes })
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.join(self.size, leaf);
        self.size += 1;
    }

    /// Adds a complete subtree of 2^`height` leaves by its root.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if the size is not a multiple of 2^`height`, as a node of that
    /// height cannot begin there, or the tree would have more than [`SIZE_MAX`] leaves.
    pub fn push_subtree(&mut self, height: u32, root: Hash) -> Result<()> {
        let leaves = 1_u64.checked_shl(height).filter(|leaves| self.size.is_multiple_of(*leaves));
        let size = leaves.and_then(|leaves| self.size.checked_add(leaves)).filter(|size| *size <= SIZE_MAX);
        let Some(size) = size else {
            let message = format!("no subtree of height {height} begins at leaf {}", self.size);
            return Err(Error::invalid(message));
        };
        self.join(self.size >> height, root);
        self.size = size;
        Ok(())
    }

    /// Adds a hash behind `count` nodes of its height, and joins it with those that it completes a node with.
    fn join(&mut self, mut count: u64, mut hash: Hash) {
        while count & 1 == 1 {
            let left = self.hashes.pop().expect("there is a hash for each bit that is set");
            hash = node_hash(left, hash);
            count >>= 1;
        }
        self.hashes.push(hash);
    }

    /// Returns the number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the roots of the complete subtrees, from the largest to the smallest.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Returns the root of the tree.
    pub fn root(&self) -> Hash {
        fold(&self.hashes)
    }
}

/// Returns the root over complete subtrees, from the largest to the smallest.
pub(super) fn fold(subtrees: &[Hash]) -> Hash {
    let joined = subtrees.iter().rev().copied().reduce(|right, left| node_hash(left, right));
    joined.unwrap_or_else(empty_root)
}
