//! Room in the queue, awaited: for a caller that was refused because the queue is full and must not block.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tidegate_format::Result;

/// What is full, and has room again.
pub(crate) trait Capacity: Send + Sync {
    /// Has a task woken when batches were answered, or the journal ends.
    fn register(&self, key: u64, waker: &Waker);
    /// Forgets a task.
    fn unregister(&self, key: u64);
    /// Returns whether room became free more than `freed` times, or all of it is free.
    fn has_room_since(&self, freed: u64) -> Result<bool>;
}

/// A wait for room in the queue. It is ready once batches were answered since it was made, or none is queued or on its
/// way, and fails if the writer has ended.
pub(crate) struct Room {
    queue: Arc<dyn Capacity>,
    key: u64,
    /// How many times room had become free.
    freed: u64,
}

impl Room {
    pub(super) fn new(queue: Arc<dyn Capacity>, key: u64, freed: u64) -> Self {
        Self { queue, key, freed }
    }
}

impl Future for Room {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        // Registered before the look, so that no room is slept through.
        self.queue.register(self.key, context.waker());
        match self.queue.has_room_since(self.freed) {
            Ok(false) => Poll::Pending,
            Ok(true) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.queue.unregister(self.key);
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("freed", &self.freed).finish_non_exhaustive()
    }
}
