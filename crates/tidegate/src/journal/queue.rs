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
//! Q7. Callers are answered, and their wakers run, when the committer and the lead were let go: what a waker does, be
//!     it to append to this store or to panic, is like what any other caller does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use tidegate_disk::Clock;
use tidegate_format::{Error, ErrorKind, Result, limit};

use super::committer::{Committer, Entry, closed};
use super::prepare::Prepared;
use super::room::{Fills, Room};
use super::ticket::{Answers, Duty, Leads, Slot, Ticket, Woken, deliver, panicked};
use crate::batch::Receipt;
use crate::edge::OwnerProcess;
use crate::published::{Deadline, Published, Tasks};
use crate::settings::{Durability, WhenFull};
use crate::sync::{Condvar, Mutex, wake};

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
    /// Tasks that wait for room.
    room: Mutex<Tasks>,
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
    /// How many groups were taken off.
    taken: u64,
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
            room: Mutex::default(),
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
        let nobody = slot.answer(Ok(receipt));
        debug_assert!(nobody.is_none(), "a new ticket has no waker");
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
        queue.entries.push_back(Entry { prepared, durability, slot: Some(Duty::new(slot)) });
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
        queue.taken += u64::from(!group.is_empty());
        queue.led = !group.is_empty();
        drop(queue);
        self.moved.notify_all();
        (!group.is_empty()).then_some(group)
    }

    /// Passes the lead on to the first who waits, or lets it go; says whether somebody took it, or nobody needs to.
    fn hand_over(&self) -> bool {
        let mut queue = self.queue.lock();
        queue.led =
            queue.entries.iter().any(Entry::ask_to_lead) || !queue.entries.is_empty() && self.caller.call();
        if !queue.led {
            self.moved.notify_all();
        }
        queue.led || queue.entries.is_empty()
    }

    /// Takes the lead where batches are queued and nobody has it; says whether it did.
    fn take_lead(&self) -> bool {
        // keeps Q6: a waker may have forked, and this may be the child.
        if !self.process.is_current() {
            return false;
        }
        let mut queue = self.queue.lock();
        let taken = !queue.led && !queue.entries.is_empty();
        queue.led |= taken;
        taken
    }

    /// Tells callers and readers what became of their batches and of the log. No lock and no role is held (keeps Q7).
    fn tell(&self, answers: Answers) {
        deliver(answers);
        self.published.announce();
        self.wake_for_room();
    }

    /// Returns a wait for room in the queue.
    pub(crate) fn room(self: &Arc<Self>) -> Room {
        let key = self.room.lock().key();
        Room::new(Arc::clone(self) as Arc<dyn Fills>, key, self.queue.lock().taken)
    }

    /// Wakes the tasks that wait for room. No lock and no role is held (keeps Q7).
    fn wake_for_room(&self) {
        let wakers = self.room.lock().take_all();
        wakers.into_iter().for_each(wake);
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
        let closed = self.committer.lock().close();
        self.published.announce();
        self.wake_for_room();
        closed
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
                self.published.announce();
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
        let Self { journal, leads } = self;
        journal.published.set_ended(panicked());
        let mut left = VecDeque::new();
        if *leads {
            let mut queue = journal.queue.lock();
            std::mem::swap(&mut left, &mut queue.entries);
            (queue.bytes, queue.led) = (0, false);
        }
        journal.moved.notify_all();
        // Only now, with the lead let go, wakers may run.
        drop(left);
        journal.published.announce();
        journal.wake_for_room();
    }
}

impl Fills for Journal {
    fn register(&self, key: u64, waker: &Waker) {
        // Copied, and the earlier one dropped, outside the lock: both are the caller's code (keeps Q7).
        let copy = waker.clone();
        let earlier = self.room.lock().insert(key, copy);
        drop(earlier);
    }

    fn unregister(&self, key: u64) {
        let waker = self.room.lock().remove(key);
        drop(waker);
    }

    fn has_room_since(&self, taken: u64) -> Result<bool> {
        self.process.check()?;
        if let Some(error) = self.published.ended() {
            return Err(error);
        }
        let queue = self.queue.lock();
        if queue.closed {
            return Err(closed());
        }
        Ok(queue.taken != taken || queue.entries.is_empty())
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
        if self.take_lead() {
            self.lead();
        }
    }

    fn lead(&self) {
        while let Some(mut group) = self.next_group() {
            let guard = Guard { journal: self, leads: true };
            let (answers, behind) = {
                let mut committer = self.committer.lock();
                (committer.commit(&mut group), committer.clock_behind())
            };
            guard.lift();
            if self.published.set_sealed(false) {
                self.caller.index();
            }
            // Let go for as long as wakers run; where nobody else took it, it is taken again.
            let is_led = self.hand_over();
            self.tell(answers);
            if let Some(behind) = behind {
                tracing::warn!(
                    ?behind,
                    "the clock is behind the log; events get the last recorded time until it is not"
                );
            }
            if is_led || !self.take_lead() {
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
