//! The Merkle tree over a log, as [RFC 6962, section 2.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1) has it:
//! hashes, roots, and what shows that a leaf is in a tree or that one tree continues another.
//!
//! The leaf of position p has index p - 1. A tree has at most [`SIZE_MAX`] leaves, so a path has at most 63 hashes.
//!
//! ```
//! use tidegate_proof::tree::{self, ConsistencyProof, InclusionProof, MemoryTree};
//!
//! let mut tree = MemoryTree::new();
//! let leaves = [b"a", b"b", b"c"].map(|entry| tree::leaf_hash(entry));
//! leaves.iter().for_each(|leaf| tree.push(*leaf));
//! let (older, newer) = (tree::root(&tree, 2)?, tree::root(&tree, 3)?);
//!
//! InclusionProof::make(&tree, 1, 3)?.verify(leaves[1], newer)?;
//! ConsistencyProof::make(&tree, 2, 3)?.verify(older, newer)?;
//! assert!(InclusionProof::make(&tree, 1, 3)?.verify(leaves[0], newer).is_err());
//! # Ok::<(), tidegate_format::Error>(())
//! ```

mod frontier;
mod tile;

mod nodes;
mod edge;
mod memory;

mod inclusion;

mod consistency;

use tidegate_format::{Hash, hash};

pub use consistency::ConsistencyProof;
pub use edge::TileEdge;
pub use frontier::Frontier;
pub use inclusion::InclusionProof;
pub use memory::MemoryTree;
pub use nodes::{TileSource, root};
pub use tile::{TILE_WIDTH, Tile, bundle, unbundle};

/// Leaves of a tree at most: 2^63 - 1, so that sizes fit the signed numbers of other implementations.
pub const SIZE_MAX: u64 = i64::MAX as u64;
/// Hashes of an inclusion proof at most.
pub const INCLUSION_HASHES_MAX: usize = 63;
/// Hashes of a consistency proof at most.
pub const CONSISTENCY_HASHES_MAX: usize = 64;

/// Returns the hash of a leaf: SHA-256 of a byte 0 and the entry.
///
/// ```
/// let leaf = tidegate_proof::tree::leaf_hash(b"");
/// assert_eq!(leaf.to_string(), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
/// ```
pub fn leaf_hash(entry: &[u8]) -> Hash {
    hash::sha256(&[&[0], entry].concat())
}

/// Returns the hash of an inner node: SHA-256 of a byte 1 and the hashes of its two children.
pub fn node_hash(left: Hash, right: Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    hash::sha256(&bytes)
}

/// Returns the root of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    hash::sha256(&[])
}
