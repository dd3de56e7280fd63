//! The Merkle tree over the log: its leaves are made of the records whenever they are needed, and the hashes above them are
//! kept, since each covers 256 events or more.
//!
//! Invariants:
//!
//! T1. Nothing of the tree is on the way of an append.
//! T2. A hash that is kept is never believed against the records: a proof is checked from its event's own leaf before it is
//!     given out.
mod log_tree;
mod tiles;

pub(crate) use log_tree::LogTree;
pub(crate) use tiles::ViewTiles;
