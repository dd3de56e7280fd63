//! Something that is done in the middle of a sync: after the disk has done it, before the store hears of it.

use std::fmt;
use std::sync::{Arc, Mutex};

type Act = Box<dyn FnOnce() + Send>;

/// What is done during the next sync of a segment. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct SyncHook(Arc<Mutex<Option<Act>>>);

impl SyncHook {
    /// Has it done once, during the next sync of a segment that succeeds.
    pub(crate) fn plan(&self, act: impl FnOnce() + Send + 'static) {
        *self.0.lock().expect("no thread panics while holding the lock") = Some(Box::new(act));
    }

    /// Gives up what was planned and did not happen, and with it what the act holds.
    pub(crate) fn forget(&self) {
        self.take();
    }

    /// A sync of a segment has just succeeded.
    pub(crate) fn happen(&self) {
        // Not under the lock: the act syncs in its turn.
        if let Some(act) = self.take() {
            act();
        }
    }

    fn take(&self) -> Option<Act> {
        self.0.lock().expect("no thread panics while holding the lock").take()
    }
}

impl fmt::Debug for SyncHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SyncHook").finish_non_exhaustive()
    }
}
