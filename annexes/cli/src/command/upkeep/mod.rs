//! Commands that keep a store in order.
mod erase;
mod keyring;
mod reindex;

pub(super) use erase::EraseArgs;
pub(super) use keyring::KeyringArgs;
pub(super) use reindex::ReindexArgs;
