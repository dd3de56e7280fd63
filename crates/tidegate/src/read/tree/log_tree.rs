//! The hashes of the tree that are kept: in memory, and in the files of `tree/`.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_disk::Disk;
use tidegate_format::{Hash, Position};
use tidegate_proof::tree::TILE_WIDTH;

use super::leaves::root_of_leaves;
use super::level_file::{LevelFiles, LevelKey};
use super::recent::RecentLeaves;
use crate::read::view::View;
use crate::sync::Mutex;

/// Hashes kept in memory: 65,536, of 16.7 million events on the lowest level that is kept. They are forgotten together.
const HASHES_MAX: usize = 65_536;
/// Entries at the end of a file that are looked at to find one that a power cut has not taken: 4,096.
const LOST_MAX: u64 = 4096;

/// Hashes of the tree over one log, above its leaves. The handles of a store share them.
#[derive(Debug)]
pub(crate) struct LogTree {
    pub(super) files: LevelFiles,
    /// By level of tiles and index.
    memory: Mutex<BTreeMap<(u8, u64), Hash>>,
    known: Mutex<Known>,
    /// What the committer of this process made.
    recent: Mutex<RecentLeaves>,
    /// Whether the files were looked through for holes. Held by the one who writes them.
    pub(super) writing: Mutex<bool>,
}

/// What is known of the files (keeps T3).
#[derive(Debug, Default)]
struct Known {
    /// How many hashes of level 1 are of this log.
    count: u64,
    /// Whether a hash was found that is not. None of them is used until the files are made anew.
    is_wrong: bool,
}

impl LogTree {
    /// Returns the tree of a store's log, of which `tree/` on this disk holds a part. Nothing is read yet.
    pub(crate) fn new(disk: Arc<dyn Disk>, key: LevelKey) -> Self {
        let files = LevelFiles::new(disk, key);
        let (memory, known, recent) = Default::default();
        Self { files, memory, known, recent, writing: Mutex::default() }
    }

    /// Takes the leaves of events that were written to the log behind `before`.
    pub(crate) fn take_leaves(&self, before: Position, leaves: impl Iterator<Item = Hash>) {
        self.recent.lock().take(before.0, leaves);
    }

    /// Returns these leaves, if the committer made them and they are still kept.
    pub(super) fn recent(&self, first: u64, count: u64) -> Option<Vec<Hash>> {
        self.recent.lock().get(first, count)
    }

    /// Returns the hashes that are kept, of these on a level from 1 on.
    pub(super) fn find(&self, view: &View, level: u8, first: u64, count: u64) -> Vec<Option<Hash>> {
        let memory = self.memory.lock();
        let mut found: Vec<_> =
            (first..first + count).map(|index| memory.get(&(level, index)).copied()).collect();
        drop(memory);
        if found.contains(&None) {
            let usable = (self.known(view) / share(level)).saturating_sub(first).min(count);
            let read = self.files.read(level, first, usable);
            for (found, read) in found.iter_mut().zip(read) {
                *found = found.or(read);
            }
        }
        found
    }

    /// Returns how many hashes of level 1 in the files are of this log.
    pub(super) fn known(&self, view: &View) -> u64 {
        let has = view.head().0 / leaves_of(1);
        let mut known = self.known.lock();
        if known.is_wrong {
            return 0;
        }
        if known.count < has {
            let count = self.files.count(1).min(has);
            if count > known.count {
                self.look(view, &mut known, count);
            }
        }
        known.count.min(has)
    }

    /// Computes the last hash of the files that reads from its records: if they agree, all before it are of this log.
    fn look(&self, view: &View, known: &mut Known, count: u64) {
        let from = known.count.max(count.saturating_sub(LOST_MAX));
        let entries = self.files.read(1, from, count - from);
        let Some(last) = entries.iter().rposition(Option::is_some) else { return };
        let index = from + last as u64;
        match root_of_leaves(view, index) {
            Ok(root) if entries[last] == Some(root) => known.count = index + 1,
            Ok(_) => {
                tracing::warn!("the files in tree/ are of another log; they are not used, and made anew");
                *known = Known { count: 0, is_wrong: true };
            }
            // Whether they agree cannot be told, so they are not used.
            Err(_) => {}
        }
    }

    /// Keeps a hash that was computed from records.
    pub(super) fn keep(&self, level: u8, index: u64, hash: Hash) {
        let mut memory = self.memory.lock();
        if memory.len() >= HASHES_MAX {
            memory.clear();
        }
        memory.insert((level, index), hash);
    }

    /// Takes note that the files have this many hashes of level 1, all of this log. They are not kept in memory any more.
    pub(super) fn set_known(&self, count: u64) {
        *self.known.lock() = Known { count, is_wrong: false };
        self.memory.lock().retain(|(level, index), _| (index + 1).saturating_mul(share(*level)) > count);
        self.recent.lock().drop_before(count * leaves_of(1));
    }

    /// Forgets what is kept, since some of it is wrong. The files are made anew by the one who writes them.
    pub(crate) fn forget(&self) {
        self.memory.lock().clear();
        *self.known.lock() = Known { count: 0, is_wrong: true };
    }
}

/// Returns how many leaves a hash of this level is over.
pub(super) fn leaves_of(level: u8) -> u64 {
    u64::from(TILE_WIDTH).saturating_pow(level.into())
}

/// Returns how many hashes of level 1 a hash of this level is over.
pub(super) fn share(level: u8) -> u64 {
    leaves_of(level - 1)
}
