//! The queue: batches wait here, and one of those who wait leads the next group.
//!
//! Invariants:
//!
//! Q1. While batches are queued a caller leads, was asked to lead, or (without a thread) will be asked by
//!     the next call; at most one leads.
//! Q2. Batches are committed in the order they were queued.
//! Q3. The queue and what is written and not answered yet never take more than the bound, but for one batch alone: a
//!     disk that does not answer a sync is not written on to without end.
//! Q4. A panic of the one who leads or syncs ends the writer, and every waiting caller is answered.
//! Q5. What was queued before the journal closes is committed first; what comes later is refused.
//! Q6. A process forked from the one that opened the store neither queues, leads, waits, syncs nor closes.
//! Q7. Callers are answered when the committer was let go, and their wakers run when the lead was, too: what a waker does,
//!     be it to append to this store or to panic, is like what any other caller does.
//! Q8. Locks are taken in this order, so that no two threads wait for each other: committer, the tasks of the shared state
//!     (which a waiting thread holds while it looks), settle queue, queue, completion.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use tidegate_disk::Clock;
use tidegate_format::{Error, ErrorKind, Result, limit};

use super::committer::{Committer, QueuedBatch, closed};
use super::completion::{Completion, Responder, Role, Wake, complete, panicked};
use super::counters::{Counters, Metrics};
use super::prepare::PreparedBatch;
use super::room::{Capacity, Room};
use super::settle_queue::{SettleQueue, Settlement};
use super::ticket::{Leader, Ticket};
use super::turns::Turn;
use crate::backend::OwnerProcess;
use crate::batch::Receipt;
use crate::published::{Deadline, SharedState, Tasks};
use crate::settings::{Durability, WhenFull};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Condvar, Mutex, processors, wake};

/// Bytes after which a group takes no further batch.
const GROUP_BYTES: usize = 8 << 20;
const _: () = assert!(GROUP_BYTES < limit::FRAME_BYTES_MAX);

/// Groups after which a caller that leads passes the lead on, even if the next one has to be woken.
const GROUPS_IN_ROW: u32 = if cfg!(shuttle) { 2 } else { 16 };

/// Calls for a thread that can lead; without one it does nothing.
pub(crate) trait Notifier: Send + Sync {
    /// A caller is to lead. Says whether any caller will.
    fn call(&self) -> bool;
    /// A caller is to sync what waits for it. Says whether any caller will.
    fn call_to_sync(&self) -> bool;
    /// A segment was sealed and waits for its index.
    fn index(&self);
}

/// How a batch is to be appended.
#[derive(Debug)]
pub(crate) struct QueueOptions {
    pub(crate) durability: Durability,
    pub(crate) when_full: WhenFull,
    /// The turn of the one who decided it.
    pub(crate) turn: Option<Arc<Turn>>,
    /// Whether it is decided again if what was read has moved.
    pub(crate) again: bool,
}

/// The way of batches into the log.
pub(crate) struct Journal {
    queue: Mutex<Queue>,
    /// Room became free, or no caller leads any more.
    moved: Condvar,
    /// Tasks that wait for room.
    room: Mutex<Tasks>,
    bytes_max: usize,
    pub(super) committer: Mutex<Committer>,
    pub(super) unsettled: Mutex<SettleQueue>,
    pub(super) published: Arc<SharedState>,
    pub(super) notifier: Box<dyn Notifier>,
    pub(super) counters: Counters,
    clock: Arc<dyn Clock>,
    pub(super) process: OwnerProcess,
    /// Whether callers' code that ran here has forked, and this is the child.
    forked: AtomicBool,
    /// Whether callers look out for their answers before they sleep.
    looks_out: bool,
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<QueuedBatch>,
    /// Bytes of what is queued, and of what is written and not answered.
    bytes: usize,
    /// How many times room became free.
    freed: u64,
    led: bool,
    closed: bool,
}

impl Journal {
    pub(crate) fn new(
        committer: Committer,
        published: Arc<SharedState>,
        bytes_max: usize,
        notifier: Box<dyn Notifier>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let committer = Mutex::new(committer);
        Self {
            queue: Mutex::default(),
            moved: Condvar::new(),
            room: Mutex::default(),
            bytes_max,
            committer,
            unsettled: Mutex::default(),
            published,
            notifier,
            counters: Counters::default(),
            clock,
            process: OwnerProcess::current(),
            forked: AtomicBool::new(false),
            looks_out: processors() > 1,
        }
    }

    /// Appends a batch and waits for its answer.
    pub(crate) fn append(&self, prepared: PreparedBatch, options: QueueOptions) -> Result<Receipt> {
        let completion = Arc::new(Completion::attended());
        let synced = options.durability == Durability::Synced;
        if self.join(prepared, options, &completion, || true)? {
            self.lead(Some(&completion));
        } else if self.is_answer_near(synced) {
            completion.look_out();
        }
        loop {
            match completion.wait(None) {
                Wake::Answered(answer) => return answer,
                Wake::Lead => self.lead(Some(&completion)),
                Wake::Sync => self.sync_on(Some(&completion)),
                Wake::TimedOut => unreachable!("there is no deadline"),
            }
        }
    }

    /// Returns whether a batch that another caller commits can be answered so soon that sleeping takes longer: it waits for
    /// no sync, its own or that of what comes before it, and the other caller has a processor of its own.
    fn is_answer_near(&self, synced: bool) -> bool {
        !synced && self.looks_out && self.published.written() == self.published.visible()
    }

    /// Queues a batch and returns at once.
    pub(crate) fn submit(self: &Arc<Self>, prepared: PreparedBatch, options: QueueOptions) -> Result<Ticket> {
        let completion = Arc::new(Completion::default());
        // Without a thread the next call of any kind leads.
        self.join(prepared, options, &completion, || self.notifier.call())?;
        Ok(Ticket::new(completion, Arc::clone(self) as Arc<dyn Leader>))
    }

    /// Queues a batch. If no caller leads it asks whether a caller will from now on, and returns the answer.
    fn join(
        &self,
        prepared: PreparedBatch,
        options: QueueOptions,
        completion: &Arc<Completion>,
        leader: impl FnOnce() -> bool,
    ) -> Result<bool> {
        // keeps Q6: user code that ran before this may have forked.
        self.process.check()?;
        let bytes = prepared.bytes.len();
        let mut queue = self.queue.lock();
        let mut synced = false;
        while !queue.closed && queue.bytes > 0 && queue.bytes + bytes > self.bytes_max {
            if options.when_full == WhenFull::Refuse {
                let message = "the queue is full; wait for earlier batches to be answered";
                return Err(Error::new(ErrorKind::Full, message));
            }
            if queue.led || synced && queue.entries.is_empty() {
                self.moved.wait(&mut queue);
                synced = false;
                continue;
            }
            queue.led = !queue.entries.is_empty();
            let leads = queue.led;
            drop(queue);
            if leads {
                self.lead(None);
            } else {
                // What is written waits for a sync, which another thread may be at.
                self.sync_if_wanted(None);
                synced = true;
            }
            queue = self.queue.lock();
        }
        if let Some(error) = self.published.ended() {
            return Err(error);
        }
        if queue.closed {
            return Err(closed());
        }
        queue.bytes += bytes;
        let QueueOptions { durability, turn, again, .. } = options;
        let completion = Some(Responder::new(completion));
        queue.entries.push_back(QueuedBatch { prepared, durability, completion, turn, again, moved: false });
        // Asked under the lock: the next one to queue a batch sees the answer.
        let led = !queue.led && leader();
        queue.led |= led;
        Ok(led)
    }

    /// Takes the batches of the next group off the queue, with the bytes that they take; lets the lead go if there
    /// are none.
    fn next_group(&self) -> Option<(Vec<QueuedBatch>, usize)> {
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
        if group.is_empty() {
            queue.led = false;
            drop(queue);
            self.moved.notify_all();
            return None;
        }
        Some((group, bytes))
    }

    /// Commits the next groups, as the one who leads. `own` is the completion that the caller waits for.
    pub(super) fn lead(&self, own: Option<&Completion>) {
        let mut left = GROUPS_IN_ROW;
        while let Some((mut group, bytes)) = self.next_group() {
            let guard = PanicGuard { journal: self, leads: true };
            let (settled, is_syncing, is_unsynced, behind) = {
                let mut committer = self.committer.lock();
                let written = committer.commit(&mut group, bytes);
                // Under the committer's lock, so that a sync that covers the frame finds it here.
                let mut unsettled = self.unsettled.lock();
                if written.synced.is_some() {
                    let events = written.last.0 - self.published.written().0;
                    self.counters.count_group(group.len(), events, bytes);
                }
                let settled = unsettled.take_in(written, &self.published);
                (settled, unsettled.is_syncing(), unsettled.wants_sync(), committer.clock_behind())
            };
            guard.disarm();
            self.published.announce_before_sync();
            group.iter().for_each(QueuedBatch::free_turn);
            if self.published.set_sealed(false) {
                self.notifier.index();
            }
            // While another thread syncs this one would only wait, so it writes on; to ask one that sleeps takes longer.
            let is_wanted = || own.is_none_or(Completion::is_called);
            if settled.is_empty() && behind.is_none() && is_syncing && !is_wanted() {
                continue;
            }
            left = left.saturating_sub(1);
            let is_free = (is_syncing || !is_unsynced) && !own.is_some_and(Completion::is_asked);
            // Let go for as long as wakers run and the disk syncs; if no other caller took it, it is taken again.
            let is_let_go = self.hand_over(left > 0 && is_free);
            let wakers = self.publish(settled);
            if !is_let_go {
                if wakers.is_empty() && behind.is_none() {
                    continue;
                }
                self.hand_over(false);
            }
            if !wakers.is_empty() || behind.is_some() {
                self.call_out(own, || {
                    wakers.into_iter().for_each(wake);
                    if let Some(behind) = behind {
                        tracing::warn!(
                            ?behind,
                            "the clock is behind the log; events get the last recorded time until it is not"
                        );
                    }
                });
            }
            self.sync_beside(own);
            if !self.take_lead() {
                return;
            }
            left = GROUPS_IN_ROW;
        }
        self.sync_beside(own);
    }

    /// Passes the lead on to the first who waits and is awake, else to the first who waits, or lets it go. If the caller
    /// `may_keep` it, it does so while all who wait sleep: to wake one takes longer than to commit its batch. Returns whether
    /// the caller no longer has it.
    fn hand_over(&self, may_keep: bool) -> bool {
        let mut queue = self.queue.lock();
        let entries = &queue.entries;
        let is_passed_on = entries.iter().filter(|entry| entry.is_awake()).any(QueuedBatch::ask_to_lead);
        if !is_passed_on && may_keep && !entries.is_empty() {
            return false;
        }
        queue.led = is_passed_on
            || entries.iter().any(QueuedBatch::ask_to_lead)
            || !entries.is_empty() && self.notifier.call();
        if !queue.led {
            self.moved.notify_all();
        }
        true
    }

    /// Takes the lead if batches are queued and no caller has it; says whether it did.
    fn take_lead(&self) -> bool {
        // keeps Q6: a waker may have forked, and this may be the child.
        if self.is_forked() {
            return false;
        }
        let mut queue = self.queue.lock();
        let taken = !queue.led && !queue.entries.is_empty();
        queue.led |= taken;
        taken
    }

    /// Gives back room in the queue.
    fn free(&self, bytes: usize) {
        if bytes > 0 {
            let mut queue = self.queue.lock();
            // A panic has set it to nothing.
            queue.bytes = queue.bytes.saturating_sub(bytes);
            queue.freed += 1;
            drop(queue);
            self.moved.notify_all();
        }
    }

    /// Tells callers and readers what became of their batches and of the log. No lock and no role is held (keeps Q7).
    pub(super) fn tell(&self, settled: Settlement) {
        let wakers = self.publish(settled);
        if !wakers.is_empty() {
            wakers.into_iter().for_each(wake);
            self.note_fork();
        }
    }

    /// Notes whether this is a child that callers' code has forked. To ask the system each time takes long, so it is asked
    /// by each call that comes in, and after such code.
    fn note_fork(&self) {
        // Relaxed, here and below: a child has only one thread, the one that forked.
        self.forked.fetch_or(!self.process.is_current(), Ordering::Relaxed);
    }

    /// Returns whether callers' code that ran in this call has forked, and this is the child.
    pub(super) fn is_forked(&self) -> bool {
        self.forked.load(Ordering::Relaxed)
    }

    /// The same, but for the tasks that are to be woken: it returns their wakers.
    #[must_use]
    pub(super) fn publish(&self, settled: Settlement) -> Vec<Waker> {
        self.free(settled.bytes);
        let mut wakers = complete(settled.answers);
        wakers.extend(self.published.announce_to_threads());
        wakers.extend(self.room.lock().take_all());
        wakers
    }

    /// Runs code of callers', on a thread that others count on at `own`: to lead or to sync, which that code may wait for.
    /// So what it was asked for goes to others first, and no caller asks it meanwhile (keeps Q7). Returns false if that
    /// was to sync, and no other thread does.
    pub(super) fn call_out(&self, own: Option<&Completion>, code: impl FnOnce()) -> bool {
        let (_away, asked) = own.map(Completion::leave).unzip();
        let is_done = match asked.flatten() {
            Some(Role::Sync) => self.pass_sync_on(),
            Some(Role::Lead) => {
                self.hand_over(false);
                true
            }
            None => true,
        };
        code();
        self.note_fork();
        is_done
    }

    /// Returns a wait for room in the queue.
    pub(crate) fn room(self: &Arc<Self>) -> Room {
        let key = self.room.lock().key();
        Room::new(Arc::clone(self) as Arc<dyn Capacity>, key, self.queue.lock().freed)
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
                self.lead(None);
                queue = self.queue.lock();
            }
        }
        drop(queue);
        // Those who wait for room are refused.
        self.moved.notify_all();
        self.flush()?;
        let closed = self.committer.lock().close();
        self.published.announce();
        self.wake_for_room();
        closed
    }

    /// Returns whether it is closed, or a thread is closing it: batches are refused.
    pub(crate) fn is_closed(&self) -> bool {
        self.queue.lock().closed
    }

    /// Returns what was counted since the journal was opened.
    pub(crate) fn metrics(&self) -> Metrics {
        let queue = self.queue.lock();
        let (batches, bytes) = (queue.entries.len(), queue.bytes);
        drop(queue);
        self.counters.snapshot(batches, bytes)
    }

    /// Whether batches are queued or on their way.
    pub(crate) fn is_busy(&self) -> bool {
        let queue = self.queue.lock();
        queue.led || queue.bytes > 0
    }
}

/// Stands for as long as a panic would leave the journal in between; then it ends the writer (Q4).
pub(super) struct PanicGuard<'a> {
    pub(super) journal: &'a Journal,
    pub(super) leads: bool,
}

impl PanicGuard<'_> {
    pub(super) fn disarm(self) {
        std::mem::forget(self);
    }
}

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        let Self { journal, leads } = self;
        journal.published.set_ended(panicked());
        let mut left = VecDeque::new();
        if *leads {
            let mut queue = journal.queue.lock();
            std::mem::swap(&mut left, &mut queue.entries);
            (queue.bytes, queue.led) = (0, false);
        }
        let mut settled = {
            let mut unsettled = journal.unsettled.lock();
            unsettled.give_up();
            unsettled.settle(&journal.published)
        };
        // What is queued still was not written; the group that was on its way answers as it is dropped.
        let refused = left.iter_mut().filter_map(|entry| entry.completion.take());
        settled.answers.extend(refused.map(|responder| (responder, Err(panicked()))));
        journal.moved.notify_all();
        // Only now, with lead and sync let go, wakers may run.
        drop(left);
        journal.tell(settled);
    }
}

impl Capacity for Journal {
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

    fn has_room_since(&self, freed: u64) -> Result<bool> {
        self.process.check()?;
        if let Some(error) = self.published.ended() {
            return Err(error);
        }
        let queue = self.queue.lock();
        if queue.closed {
            return Err(closed());
        }
        Ok(queue.freed != freed || queue.bytes == 0)
    }
}

impl Leader for Journal {
    fn deadline(&self, time: Duration) -> Deadline {
        Deadline::after(&self.clock, time)
    }

    fn check_process(&self) -> Result<()> {
        self.process.check()
    }

    fn work(&self) {
        self.note_fork();
        if self.take_lead() {
            self.lead(None);
        }
        self.sync_if_wanted(None);
    }

    fn lead(&self, own: &Completion) {
        Self::lead(self, Some(own));
    }

    fn lead_asked(&self) {
        Self::lead(self, None);
    }

    fn sync_on(&self) {
        Self::sync_on(self, None);
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("bytes_max", &self.bytes_max).finish_non_exhaustive()
    }
}
