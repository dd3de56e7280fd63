//! Tasks that wait to be woken.
//!
//! Invariant A1: a task has at most one waker here, and none once it is dropped. So the work of a wake-up follows the
//! tasks that are alive, not the polls that ever were.

use std::collections::BTreeMap;
use std::task::Waker;

/// The wakers of waiting tasks, each under the key of its task.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    next: u64,
    waiting: BTreeMap<u64, Waker>,
}

impl Tasks {
    /// Returns a key for a new task.
    pub(crate) fn key(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Puts in the waker of a task, and returns the one that it had. That one is the caller's code, and is dropped
    /// outside the lock.
    pub(crate) fn insert(&mut self, key: u64, waker: Waker) -> Option<Waker> {
        self.waiting.insert(key, waker)
    }

    /// Takes out the waker of a task.
    pub(crate) fn remove(&mut self, key: u64) -> Option<Waker> {
        self.waiting.remove(&key)
    }

    /// Takes out all wakers.
    pub(crate) fn take_all(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.waiting).into_values().collect()
    }
}
