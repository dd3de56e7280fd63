//! The Merkle tree over the log: its leaves are made of the records whenever they are needed, and the hashes above them are
//! kept in `tree/`, since each covers 256 events or more.
//!
//! Invariants:
//!
//! T1. Nothing of the tree is hashed, read or written on the way of an append, which only leaves its leaves behind, and opening
//!     reads nothing of it.
//! T2. `tree/` is derived: what is missing there, or does not hold, is computed from records, and written again.
//! T3. Of the files only those hashes are used that were found to be of this log: the last of them that the log has is computed
//!     from its records once, and compared. Two logs that differ anywhere before it differ in it.
//! T4. A hash that is kept is never believed against the records: a proof is checked from its event's own leaf before it is
//!     given out.
mod level_file;
mod leaves;
mod recent;
mod log_tree;
mod tiles;
mod writing;
mod check;

pub(crate) use check::{LevelCheck, TreeLevels};
pub(crate) use level_file::{LEVEL_ENTRY_BYTES, LEVEL_HEADER_BYTES, LevelKey, TREE, level_of};
pub(crate) use log_tree::LogTree;
pub(crate) use tiles::ViewTiles;
