//! Leaves from records.

use tidegate_format::{Error, ErrorKind, Hash, Position, Result};
use tidegate_proof::tree::{Frontier, TILE_WIDTH};

use crate::read::view::View;

/// Computes leaves from their records, each of which is checked against its checksum.
pub(super) fn leaves(view: &View, first: u64, count: u64) -> Result<Vec<Hash>> {
    let leaf = |index: u64| {
        let position = Position(index).next();
        view.leaf(position)?.ok_or_else(|| behind(position, view))
    };
    (first..first + count).map(leaf).collect()
}

/// Computes the root over the 256 leaves of a full tile of them.
pub(super) fn root_of_leaves(view: &View, index: u64) -> Result<Hash> {
    let width = u64::from(TILE_WIDTH);
    Ok(root(leaves(view, index * width, width)?))
}

/// Returns the root over the hashes of a full tile.
pub(super) fn root(hashes: Vec<Hash>) -> Hash {
    let mut frontier = Frontier::new();
    for hash in hashes {
        frontier.push(hash);
    }
    frontier.root()
}

/// The error of events that the log does not have.
pub(super) fn behind(position: Position, view: &View) -> Error {
    let message = format!("the log has {} events, and {position} are asked for", view.head());
    Error::new(ErrorKind::Invalid, message)
}
