//! Commands that keep a store in order.
mod asking;
mod erase;
mod keyring;
mod reindex;
mod retire;
mod stage;

pub(super) use erase::EraseArgs;
pub(super) use keyring::KeyringArgs;
pub(super) use reindex::ReindexArgs;
pub(super) use retire::RetireArgs;
pub(super) use stage::StageCommand;
