//! The queue: batches wait here, and one of those who wait leads the next group.
//!
//! Invariants:
//!
//! Q1. While batches are queued somebody leads, was asked to lead, or (without a thread) will be asked by
//!     the next call; at most one leads.
//! Q2. Batches are committed in the order they were queued.
//! Q3. The queue never holds more than its bound, but for one batch alone.
//! Q4. A panic of the one who leads ends the writer, and everybody who waits is answered.
//! Q5. What was queued before the journal closes is committed first; what comes later is refused.
//! Q6. A process forked from the one that opened the store neither queues, leads, waits, syncs nor closes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tidegate_disk::Clock;
use tidegate_format::{Error, ErrorKind, Result, limit};

use super::committer::{Committer, Entry, closed};
use super::prepare::Prepared;
use super::ticket::{Duty, Leads, Slot, Ticket, Woken, panicked};
use crate::batch::Receipt;
use crate::edge::OwnerProcess;
use crate::published::Deadline;
use crate::published::Published;
use crate::settings::{Durability, WhenFull};
use crate::sync::{Condvar, Mutex};

/// Bytes after which a group takes no further batch.
const GROUP_BYTES: usize = 8 << 20;
const _: () = assert!(GROUP_BYTES < limit::FRAME_BYTES_MAX);

/// Calls for a thread that can lead; without one it does nothing.
pub(crate) trait Caller: Send + Sync {
    /// Somebody is to lead. Says whether anybody will.
    fn call(&self) -> bool;
    /// A segment was sealed and waits for its index.
    fn index(&self);
}

/// The way of batches into the log.
pub(crate) struct Journal {
    queue: Mutex<Queue>,
    /// Batches were taken off the queue, or nobody leads any more.
    moved: Condvar,
    bytes_max: usize,
    committer: Mutex<Committer>,
    published: Arc<Published>,
    caller: Box<dyn Caller>,
    clock: Arc<dyn Clock>,
    process: OwnerProcess,
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<Entry>,
    bytes: usize,
    led: bool,
    closed: bool,
}

impl Journal {
    pub(crate) fn new(
        committer: Committer,
        published: Arc<Published>,
        bytes_max: usize,
        caller: Box<dyn Caller>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let committer = Mutex::new(committer);
        Self {
            queue: Mutex::default(),
            moved: Condvar::new(),
            bytes_max,
            committer,
            published,
            caller,
            clock,
            process: OwnerProcess::current(),
        }
    }

    /// Appends a batch and waits for its answer.
    pub(crate) fn append(
        &self,
        prepared: Prepared,
        durability: Durability,
        when_full: WhenFull,
    ) -> Result<Receipt> {
        let slot = Arc::new(Slot::default());
        if self.join(prepared, durability, when_full, &slot, || true)? {
            self.lead();
        }
        loop {
            match slot.wait(None) {
                Woken::Answered(answer) => return answer,
                Woken::Lead => self.lead(),
                Woken::TimedOut => unreachable!("there is no deadline"),
            }
        }
    }

    /// Queues a batch and returns at once.
    pub(crate) fn submit(
        self: &Arc<Self>,
        prepared: Prepared,
        durability: Durability,
        when_full: WhenFull,
    ) -> Result<Ticket> {
        let slot = Arc::new(Slot::default());
        // Without a thread the next call of any kind leads.
        self.join(prepared, durability, when_full, &slot, || self.caller.call())?;
        Ok(Ticket::new(slot, Arc::clone(self) as Arc<dyn Leads>))
    }

    /// A ticket for a batch that was answered before it was queued.
    pub(crate) fn answered(self: &Arc<Self>, receipt: Receipt) -> Ticket {
        let slot = Arc::new(Slot::default());
        slot.answer(Ok(receipt));
        Ticket::new(slot, Arc::clone(self) as Arc<dyn Leads>)
    }

    /// Queues a batch. Where nobody leads it asks whether somebody will from now on, and returns the answer.
    fn join(
        &self,
        prepared: Prepared,
        durability: Durability,
        when_full: WhenFull,
        slot: &Arc<Slot>,
        leader: impl FnOnce() -> bool,
    ) -> Result<bool> {
        // keeps Q6: user code that ran before this may have forked.
        self.process.check()?;
        let bytes = prepared.bytes.len();
        let mut queue = self.queue.lock();
        while !queue.closed && queue.bytes > 0 && queue.bytes + bytes > self.bytes_max {
            if when_full == WhenFull::Refuse {
                let message = "the queue is full; wait for earlier batches to be answered";
                return Err(Error::new(ErrorKind::Full, message));
            }
            if queue.led {
                self.moved.wait(&mut queue);
            } else {
                queue.led = true;
                drop(queue);
                self.lead();
                queue = self.queue.lock();
            }
        }
        if let Some(error) = self.published.ended() {
            return Err(error);
        }
        if queue.closed {
            return Err(closed());
        }
        queue.bytes += bytes;
        queue.entries.push_back(Entry { prepared, durability, slot: Duty::new(slot) });
        // Asked under the lock: whoever queues a batch next sees the answer.
        let led = !queue.led && leader();
        queue.led |= led;
        Ok(led)
    }

    /// Takes the batches of the next group off the queue.
    fn next_group(&self) -> Option<Vec<Entry>> {
        let mut queue = self.queue.lock();
        let mut group = Vec::new();
        let mut bytes = 0;
        while let Some(entry) = queue.entries.front() {
            let more = entry.prepared.bytes.len();
            if !group.is_empty() && bytes + more > GROUP_BYTES {
                break;
            }
            bytes += more;
            group.extend(queue.entries.pop_front());
        }
        queue.bytes -= bytes;
        queue.led = !group.is_empty();
        drop(queue);
        self.moved.notify_all();
        (!group.is_empty()).then_some(group)
    }

    /// Passes the lead on to the first who waits; says whether somebody took it, or nobody needs to.
    fn hand_over(&self) -> bool {
        let mut queue = self.queue.lock();
        if queue.entries.is_empty() {
            queue.led = false;
            self.moved.notify_all();
            return true;
        }
        queue.entries.iter().any(|entry| entry.slot.ask_to_lead()) || self.caller.call()
    }

    /// Ends in good order: refuses further batches, commits what is queued, and makes it durable (Q5).
    pub(crate) fn close(&self) -> Result<()> {
        self.process.check()?;
        let mut queue = self.queue.lock();
        queue.closed = true;
        loop {
            if queue.led {
                self.moved.wait(&mut queue);
            } else if queue.entries.is_empty() {
                break;
            } else {
                queue.led = true;
                drop(queue);
                self.lead();
                queue = self.queue.lock();
            }
        }
        drop(queue);
        // Who waits for room is refused.
        self.moved.notify_all();
        self.committer.lock().close()
    }

    /// Whether batches are queued or on their way.
    pub(crate) fn is_busy(&self) -> bool {
        let queue = self.queue.lock();
        queue.led || !queue.entries.is_empty()
    }

    /// Makes all that is written durable, beside further commits.
    pub(crate) fn flush(&self) -> Result<()> {
        self.process.check()?;
        let Some(pending) = self.committer.lock().pending() else { return Ok(()) };
        let guard = Guard { journal: self, leads: false };
        let result = pending.run();
        guard.lift();
        match result {
            Ok(()) => {
                self.committer.lock().note_durable(&*pending);
                Ok(())
            }
            Err(error) => {
                self.published.end(error.clone());
                Err(error)
            }
        }
    }
}

/// Stands for as long as a panic would leave the journal in between; then it ends the writer (Q4).
struct Guard<'a> {
    journal: &'a Journal,
    leads: bool,
}

impl Guard<'_> {
    fn lift(self) {
        std::mem::forget(self);
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.journal.published.end(panicked());
        if self.leads {
            let mut queue = self.journal.queue.lock();
            let left = std::mem::take(&mut queue.entries);
            (queue.bytes, queue.led) = (0, false);
            drop(queue);
            self.journal.moved.notify_all();
            drop(left);
        }
    }
}

impl Leads for Journal {
    fn deadline(&self, time: Duration) -> Deadline {
        Deadline::after(&self.clock, time)
    }

    fn check_process(&self) -> Result<()> {
        self.process.check()
    }

    fn lead_if_idle(&self) {
        // keeps Q6
        if !self.process.is_current() {
            return;
        }
        let mut queue = self.queue.lock();
        if queue.led || queue.entries.is_empty() {
            return;
        }
        queue.led = true;
        drop(queue);
        self.lead();
    }

    fn lead(&self) {
        loop {
            let Some(group) = self.next_group() else { return };
            let mut committer = self.committer.lock();
            let guard = Guard { journal: self, leads: true };
            committer.commit(group.into_iter());
            guard.lift();
            drop(committer);
            if self.published.set_sealed(false) {
                self.caller.index();
            }
            if self.hand_over() {
                return;
            }
        }
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("bytes_max", &self.bytes_max).finish_non_exhaustive()
    }
}
