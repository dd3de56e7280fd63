//! The hashes of the tree that are kept.

use std::collections::BTreeMap;

use tidegate_format::Hash;

use crate::sync::Mutex;

/// Hashes kept in memory: 65,536, of 16.7 million events on the lowest level that is kept. They are forgotten together.
const HASHES_MAX: usize = 65_536;

/// Hashes of the tree over one log, above its leaves. The handles of a store share them.
#[derive(Debug, Default)]
pub(crate) struct LogTree {
    /// By level of tiles and index.
    memory: Mutex<BTreeMap<(u8, u64), Hash>>,
}

impl LogTree {
    /// Returns a hash that is kept.
    pub(super) fn find(&self, level: u8, index: u64) -> Option<Hash> {
        self.memory.lock().get(&(level, index)).copied()
    }

    /// Keeps a hash that was computed from records.
    pub(super) fn keep(&self, level: u8, index: u64, hash: Hash) {
        let mut memory = self.memory.lock();
        if memory.len() >= HASHES_MAX {
            memory.clear();
        }
        memory.insert((level, index), hash);
    }

    /// Forgets what is kept.
    pub(crate) fn forget(&self) {
        self.memory.lock().clear();
    }
}
