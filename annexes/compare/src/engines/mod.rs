//! The engines that can be built together, ours first.

mod record;
mod fjall;
mod redb;
mod sqlite;
mod tephra;
mod tidegate;
mod umadb;

use crate::engine::Entry;

/// Returns all of them.
pub fn all() -> Vec<Entry> {
    vec![tidegate::entry(), sqlite::entry(), redb::entry(), fjall::entry(), umadb::entry(), tephra::entry()]
}
