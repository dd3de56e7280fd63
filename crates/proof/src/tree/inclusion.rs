//! What shows that a leaf is in a tree.

use tidegate_format::{Error, Hash, Result};

use super::nodes::{Nodes, TileSource, check_size, split};
use super::{INCLUSION_HASHES_MAX, node_hash};
use crate::refutation::disproved;

/// The hashes beside the way from a leaf to the root: an audit path of
/// [RFC 6962, section 2.1.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1.1).
///
/// All fields are claims. Only [`verify`](Self::verify) makes something of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// The leaf's index, from 0.
    pub index: u64,
    /// The number of leaves of the tree.
    pub size: u64,
    /// The hashes, from the leaf's sibling to the root's child; 63 at most.
    pub hashes: Vec<Hash>,
}

impl InclusionProof {
    /// Makes the proof for the leaf with this index in the tree of the first `size` leaves. It reads at most two tiles for
    /// each level of tiles.
    ///
    /// # Errors
    ///
    /// [`Invalid`](tidegate_format::ErrorKind::Invalid) if there is no such leaf, or the size is more than
    /// [`SIZE_MAX`](super::SIZE_MAX); what the source returns.
    pub fn make(source: &impl TileSource, index: u64, size: u64) -> Result<Self> {
        check_size(size)?;
        if index >= size {
            return Err(Error::invalid(format!("a tree of {size} leaves has no leaf {index}")));
        }
        let mut nodes = Nodes::new(source, size);
        let (mut start, mut end, mut hashes) = (0, size, Vec::new());
        while end - start > 1 {
            let middle = start + split(end - start);
            if index < middle {
                hashes.push(nodes.range(middle, end)?);
                end = middle;
            } else {
                hashes.push(nodes.range(start, middle)?);
                start = middle;
            }
        }
        hashes.reverse();
        Ok(Self { index, size, hashes })
    }

    /// Returns the root that follows from the leaf and the hashes.
    ///
    /// # Errors
    ///
    /// [`Disproved`](tidegate_format::ErrorKind::Disproved) if there is no such leaf in a tree of that size, or its way to
    /// the root has another number of hashes.
    pub fn root(&self, leaf: Hash) -> Result<Hash> {
        let Self { index, size, hashes } = self;
        if index >= size {
            return Err(disproved(format!("inclusion: a tree of {size} leaves has no leaf {index}")));
        }
        if hashes.len() > INCLUSION_HASHES_MAX {
            return Err(disproved(format!("inclusion: {} hashes are too many", hashes.len())));
        }
        let (mut node, mut last, mut root) = (*index, size - 1, leaf);
        for hash in hashes {
            if last == 0 {
                return Err(disproved("inclusion: there are more hashes than the way to the root has"));
            }
            if node & 1 == 1 || node == last {
                root = node_hash(*hash, root);
                // At the right edge a node may be its parent as well: it goes up until it has a sibling.
                let skipped = if node & 1 == 0 { node.trailing_zeros() } else { 0 };
                (node, last) = (up(node, skipped), up(last, skipped));
            } else {
                root = node_hash(root, *hash);
            }
            (node, last) = (node >> 1, last >> 1);
        }
        if last != 0 {
            return Err(disproved("inclusion: there are fewer hashes than the way to the root has"));
        }
        Ok(root)
    }

    /// Checks that the leaf stands at that index in the tree with this root.
    ///
    /// # Errors
    ///
    /// [`Disproved`](tidegate_format::ErrorKind::Disproved) if it does not.
    pub fn verify(&self, leaf: Hash, root: Hash) -> Result<()> {
        let found = self.root(leaf)?;
        if found == root {
            return Ok(());
        }
        let Self { index, size, .. } = self;
        Err(disproved(format!("inclusion: leaf {index} of {size} leads to the root {found}, not to {root}")))
    }
}

/// Shifts a node's index up by levels; 0 stays 0 however far.
pub(super) fn up(node: u64, levels: u32) -> u64 {
    node.checked_shr(levels).unwrap_or(0)
}
