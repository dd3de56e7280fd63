//! Commands that keep a store in order.
mod erase;
mod reindex;

pub(super) use erase::EraseArgs;
pub(super) use reindex::ReindexArgs;
