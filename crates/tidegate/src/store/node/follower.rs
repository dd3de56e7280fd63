//! The thread that applies what other nodes propose, while no caller of this one does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tidegate_format::{ErrorKind, Result};
use tidegate_shared_log::{SharedLog, Slot};

use super::progress::Progress;
use crate::journal::Journal;
use crate::journal::threads::{join, spawn};
use crate::sync::thread::JoinHandle;

/// How long the thread waits for the next slot before it looks whether it is to end.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The running thread; dropping it ends it.
#[derive(Debug)]
pub(super) struct Follower {
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Follower {
    pub(super) fn start(
        log: Arc<dyn SharedLog>,
        journal: &Arc<Journal>,
        progress: Arc<Progress>,
    ) -> Result<Self> {
        let stopping = Arc::new(AtomicBool::new(false));
        let (seen, journal) = (Arc::clone(&stopping), Arc::downgrade(journal));
        let thread = spawn("tidegate-node".to_owned(), move || follow(&*log, &journal, &progress, &seen))?;
        Ok(Self { stopping, thread: Some(thread) })
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        // A waker may let go of the store on this very thread.
        if let Some(thread) = self.thread.take() {
            join(thread);
        }
    }
}

fn follow(log: &dyn SharedLog, journal: &Weak<Journal>, progress: &Progress, stopping: &AtomicBool) {
    while !stopping.load(Ordering::Relaxed) {
        let next = Slot(progress.applied.load(Ordering::Relaxed) + 1);
        // Read without any lock; what comes is read again by the one who applies it.
        let is_there = match log.read(next, LOOK_EVERY) {
            Ok(items) => !items.is_empty(),
            Err(error) if error.kind() == ErrorKind::Unavailable => false,
            // To be told by the one who applies.
            Err(_) => true,
        };
        let Some(journal) = journal.upgrade() else { return };
        if !is_there {
            continue;
        }
        match journal.catch_up(None) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Unavailable => {}
            Err(error) => {
                if error.kind() != ErrorKind::Ended {
                    tracing::error!(%error, "this node has ended");
                }
                return;
            }
        }
    }
}
