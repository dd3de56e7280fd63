//! The process that opened a store, told from processes forked from it.
//!
//! A forked process finds the handle in its memory: a copy of the queue, of positions and of locks that it does not
//! hold. If it wrote with them, it would write over what the first process acknowledged. So every way to the disk and
//! every wait checks first which process it runs in, before it takes a lock that a thread of the first process may
//! have held at the fork.

use tidegate_disk::process_id;
use tidegate_format::{Error, ErrorKind, Result};

/// The process that a handle belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnerProcess(u32);

impl OwnerProcess {
    /// Returns the process that calls.
    pub(crate) fn current() -> Self {
        Self(process_id())
    }

    /// Returns whether the caller runs in this process and not in one forked from it.
    pub(crate) fn is_current(self) -> bool {
        self.0 == process_id()
    }

    /// Refuses a process that was forked from this one.
    pub(crate) fn check(self) -> Result<()> {
        if self.is_current() {
            return Ok(());
        }
        let message = "this process was forked from the one that opened the store and cannot use its handle; open the \
                       store again in this process";
        Err(Error::new(ErrorKind::Locked, message))
    }
}
