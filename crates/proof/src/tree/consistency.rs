//! What shows that one tree continues another.

use tidegate_format::{Error, Hash, Result};

use super::inclusion::up;
use super::nodes::{Nodes, TileSource, check_size, split};
use super::{CONSISTENCY_HASHES_MAX, empty_root, node_hash};
use crate::refutation::disproved;

/// The hashes that both an older and a newer root follow from:
/// [RFC 6962, section 2.1.2](https://www.rfc-editor.org/rfc/rfc6962#section-2.1.2).
///
/// All fields are claims. Only [`verify`](Self::verify) makes something of them.
///
/// Between two equal sizes it has no hashes, and none from the tree without leaves, which every tree continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// The number of leaves of the older tree.
    pub old: u64,
    /// The number of leaves of the newer tree.
    pub new: u64,
    /// The hashes, from the lowest node to the root's child; 64 at most.
    pub hashes: Vec<Hash>,
}

impl ConsistencyProof {
    /// Makes the proof that the tree of the first `new` leaves continues that of the first `old` leaves.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if `old` is more than `new`, or `new` is more than
    /// [`SIZE_MAX`](super::SIZE_MAX); what the source returns.
    pub fn make(source: &impl TileSource, old: u64, new: u64) -> Result<Self> {
        check_size(new)?;
        if old > new {
            return Err(Error::invalid(format!("a tree of {new} leaves does not continue one of {old}")));
        }
        let mut hashes = Vec::new();
        if old == 0 {
            return Ok(Self { old, new, hashes });
        }
        let mut nodes = Nodes::new(source, new);
        let (mut start, mut end) = (0, new);
        while end != old {
            let middle = start + split(end - start);
            if old <= middle {
                hashes.push(nodes.range(middle, end)?);
                end = middle;
            } else {
                hashes.push(nodes.range(start, middle)?);
                start = middle;
            }
        }
        // If the older tree is a node of the newer one, its root is known to the one who checks.
        if start != 0 {
            hashes.push(nodes.range(start, end)?);
        }
        hashes.reverse();
        Ok(Self { old, new, hashes })
    }

    /// Returns the nodes of a tile of leaves that proofs from a tree of `old` leaves need, each by its height and the number
    /// of nodes of that height before it: at most nine, and none if `old` is a multiple of 256.
    ///
    /// With them, kept once that tile is full, the leaves of the tile can go, and a proof from `old` to any tree that has
    /// the whole tile is made from tiles of higher levels ([`TileSource::subtree`]).
    ///
    /// ```
    /// use tidegate_proof::tree::ConsistencyProof;
    ///
    /// let nodes = ConsistencyProof::nodes_in_tile(256 + 32);
    /// assert_eq!(nodes, [(5, 8), (5, 9), (6, 5), (7, 3)]);
    /// assert!(ConsistencyProof::nodes_in_tile(512).is_empty());
    /// ```
    pub fn nodes_in_tile(old: u64) -> Vec<(u32, u64)> {
        const TILE_HEIGHT: u32 = 8;
        let lowest = old.trailing_zeros();
        if lowest >= TILE_HEIGHT {
            return Vec::new();
        }
        // The last complete subtree of the older tree, and what stands beside the way from it to the tile's root.
        let last = (old - 1) >> lowest;
        let beside = (lowest..TILE_HEIGHT).map(|height| (height, (last >> (height - lowest)) ^ 1));
        std::iter::once((lowest, last)).chain(beside).collect()
    }

    /// Checks that the tree with the newer root begins with all leaves of the tree with the older root.
    ///
    /// # Errors
    ///
    /// [`Disproved`](tidegate_format::ErrorKind::Disproved) if the hashes do not show that.
    pub fn verify(&self, old_root: Hash, new_root: Hash) -> Result<()> {
        let Self { old, new, hashes } = self;
        if old > new {
            return Err(disproved(format!(
                "consistency: a tree of {new} leaves does not continue one of {old}"
            )));
        }
        if hashes.len() > CONSISTENCY_HASHES_MAX {
            return Err(disproved(format!("consistency: {} hashes are too many", hashes.len())));
        }
        let found = if *old == 0 || old == new {
            if !hashes.is_empty() {
                return Err(disproved(format!(
                    "consistency: from {old} to {new} leaves there is no hash to show"
                )));
            }
            if *old == 0 { (empty_root(), new_root) } else { (old_root, old_root) }
        } else {
            self.roots(old_root)?
        };
        // Two trees without leaves have one root.
        let found = if *new == 0 { (empty_root(), empty_root()) } else { found };
        if found == (old_root, new_root) {
            return Ok(());
        }
        Err(disproved(format!(
            "consistency: from {old} to {new} leaves the hashes lead to the roots {} and {}, not to {old_root} and {new_root}",
            found.0, found.1
        )))
    }

    /// Returns both roots that follow from the hashes. The older tree has leaves, and the newer one has more.
    fn roots(&self, old_root: Hash) -> Result<(Hash, Hash)> {
        let (mut node, mut last) = (self.old - 1, self.new - 1);
        let whole = node.trailing_ones();
        (node, last) = (up(node, whole), up(last, whole));
        // An older tree that is a node of the newer one stands for the first hash itself.
        let mut hashes = self.hashes.iter().copied();
        let first = if self.old.is_power_of_two() { Some(old_root) } else { hashes.next() };
        let Some(first) = first else { return Err(disproved("consistency: there are no hashes")) };
        let (mut older, mut newer) = (first, first);
        for hash in hashes {
            if last == 0 {
                return Err(disproved("consistency: there are more hashes than the way to the root has"));
            }
            if node & 1 == 1 || node == last {
                (older, newer) = (node_hash(hash, older), node_hash(hash, newer));
                let skipped = if node & 1 == 0 { node.trailing_zeros() } else { 0 };
                (node, last) = (up(node, skipped), up(last, skipped));
            } else {
                newer = node_hash(newer, hash);
            }
            (node, last) = (node >> 1, last >> 1);
        }
        if last != 0 {
            return Err(disproved("consistency: there are fewer hashes than the way to the root has"));
        }
        Ok((older, newer))
    }
}
