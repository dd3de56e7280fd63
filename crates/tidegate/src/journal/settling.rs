//! Settling: making durable what is written, and waiting until an answer can be given.
//!
//! A sync is run by one thread at a time, beside commits: by a caller that waits for it, else by the store's thread.

use std::sync::Arc;
use std::time::Duration;

use tidegate_format::{Position, Result};

use super::committer::ended;
use super::completion::{Completion, Responder};
use super::queue::{Journal, PanicGuard};
use super::settle_queue::{GroupResult, PendingAnswer};
use super::ticket::{Leader, Ticket};
use crate::batch::Receipt;
use crate::published::{Deadline, SharedState};
use crate::sync::wake;

impl Journal {
    /// Syncs what waits for it, unless another thread does.
    pub(crate) fn sync_if_wanted(&self, own: Option<&Completion>) {
        let take = || {
            // keeps Q6: a waker may have forked, and this may be the child.
            if self.is_forked() {
                return false;
            }
            let mut unsettled = self.unsettled.lock();
            unsettled.wants_sync() && unsettled.take_sync()
        };
        while take() {
            if self.sync(own) {
                return;
            }
        }
    }

    /// Syncs what waits for it, unless another thread does that or this one, which led, was asked to meanwhile.
    pub(super) fn sync_beside(&self, own: Option<&Completion>) {
        if own.is_some_and(Completion::take_sync) {
            self.sync_on(own);
        } else {
            self.sync_if_wanted(own);
        }
    }

    /// Syncs, having been asked to.
    pub(super) fn sync_on(&self, own: Option<&Completion>) {
        if !self.sync(own) {
            self.sync_if_wanted(own);
        }
    }

    /// Lets go of a sync that another thread is to run; says whether one does, or none needs to.
    pub(super) fn pass_sync_on(&self) -> bool {
        let (is_passed_on, is_wanted) = {
            let mut unsettled = self.unsettled.lock();
            (unsettled.pass_on(), unsettled.wants_sync())
        };
        if !is_passed_on {
            // Those who wait until no caller syncs look again.
            self.published.announce();
        }
        is_passed_on || !is_wanted || self.notifier.call_to_sync()
    }

    /// Makes what is written by now durable, as the one who syncs, and settles what waited for that. Says whether another
    /// thread goes on with what was written meanwhile: no sync covers what was written after it began.
    fn sync(&self, own: Option<&Completion>) -> bool {
        let guard = PanicGuard { journal: self, leads: false };
        // Taken under the committer's lock, and so at the end of a frame.
        let pending = self.committer.lock().pending();
        let began = self.deadline(Duration::ZERO);
        let result =
            pending.as_ref().filter(|_| self.published.ended().is_none()).map(|pending| pending.run());
        if let Some(Ok(())) = result {
            self.counters.count_sync(began.since());
        }
        let mut untold = None;
        let (settled, is_passed_on, is_wanted) = {
            let mut committer = self.committer.lock();
            match (pending, result) {
                (Some(pending), Some(Ok(()))) => untold = committer.note_durable(&*pending).err(),
                (_, Some(Err(error))) => self.published.set_ended(ended(&error)),
                _ => {}
            }
            let mut unsettled = self.unsettled.lock();
            let settled = unsettled.settle(&self.published);
            (settled, unsettled.pass_on(), unsettled.wants_sync())
        };
        guard.disarm();
        let is_passed_on = is_passed_on || is_wanted && self.notifier.call_to_sync();
        let wakers = self.publish(settled);
        if wakers.is_empty() && untold.is_none() {
            return is_passed_on;
        }
        let is_done = self.call_out(own, || {
            if let Some(error) = untold {
                // The events are durable; only readers in other processes learn of it later.
                tracing::warn!(%error, "the watermark was not written");
            }
            wakers.into_iter().for_each(wake);
        });
        is_passed_on && is_done
    }

    /// Makes what says how far the log was durable durable itself, so that a reader shows that after a crash too.
    pub(crate) fn confirm(&self) -> Result<()> {
        self.process.check()?;
        self.committer.lock().confirm()
    }

    /// Begins another segment behind what is written by now, which is durable then.
    pub(crate) fn begin_segment(&self) -> Result<()> {
        self.process.check()?;
        let guard = PanicGuard { journal: self, leads: false };
        let begun = self.committer.lock().begin_segment();
        guard.disarm();
        if begun.is_err() {
            // If the writer has ended, those who wait learn of it.
            self.published.announce();
        }
        // Answers what waited for the sync.
        begun.and_then(|()| self.flush())
    }

    /// Commits what other nodes have put into the shared log: everything that is acknowledged there by now, or without a time to
    /// wait what is at hand.
    #[cfg(feature = "cluster")]
    pub(crate) fn catch_up(&self, wait: Option<Duration>) -> Result<()> {
        self.process.check()?;
        let guard = PanicGuard { journal: self, leads: false };
        let (settled, caught_up) = {
            let mut committer = self.committer.lock();
            let (written, caught_up) = committer.catch_up(wait);
            let settled = self.unsettled.lock().take_in(written, &self.published);
            (settled, caught_up)
        };
        guard.disarm();
        self.published.announce_before_sync();
        if self.published.set_sealed(false) {
            self.notifier.index();
        }
        self.tell(settled);
        caught_up
    }

    /// Makes all that is written by now durable, beside further commits.
    pub(crate) fn flush(&self) -> Result<()> {
        self.settle_until(self.published.written(), true, None).map(drop)
    }

    /// Whether what an answer rests on is visible, and durable if that was asked for.
    pub(crate) fn is_settled(&self, rests_on: Position, synced: bool) -> bool {
        // What a sync has made durable becomes visible a moment later.
        rests_on <= self.published.visible() && (!synced || rests_on <= self.published.durable())
    }

    /// Waits until a position that is written is visible, or durable, and syncs if no other thread does. Says whether
    /// that came before the deadline; a sync that this call runs itself takes as long as the disk does.
    pub(crate) fn settle_until(
        &self,
        position: Position,
        synced: bool,
        deadline: Option<&Deadline>,
    ) -> Result<bool> {
        self.process.check()?;
        let is_settled = || self.is_settled(position, synced);
        loop {
            if is_settled() {
                return Ok(true);
            }
            if let Some(error) = self.published.ended() {
                return Err(error);
            }
            let syncs = {
                let mut unsettled = self.unsettled.lock();
                // Looked at again under the lock, if a frame is written and seen in one.
                !is_settled() && unsettled.take_sync()
            };
            if syncs {
                self.sync_on(None);
                continue;
            }
            let is_over = |published: &SharedState| {
                is_settled() || published.ended().is_some() || !self.unsettled.lock().is_syncing()
            };
            if !self.published.wait(deadline, is_over) {
                return Ok(false);
            }
        }
    }

    /// Waits until no thread commits or syncs, in a journal that was closed after the writer had ended. None begins to any
    /// more: a queue that is closed stays empty, and nothing is synced once the writer has ended.
    pub(crate) fn wait_idle(&self) {
        self.published.wait(None, |_| !self.unsettled.lock().is_syncing());
    }

    /// A ticket for an answer that is there before anything is queued, given once what it rests on is settled.
    pub(crate) fn answer(
        self: &Arc<Self>,
        answer: Result<Receipt>,
        rests_on: Position,
        synced: bool,
    ) -> Ticket {
        let completion = Arc::new(Completion::default());
        let held = vec![PendingAnswer { responder: Responder::new(&completion), answer, rests_on, synced }];
        let (settled, is_left) = {
            let written = GroupResult { last: self.published.written(), synced: None, held, bytes: 0 };
            let mut unsettled = self.unsettled.lock();
            let settled = unsettled.take_in(written, &self.published);
            (settled, unsettled.wants_sync() && !unsettled.is_syncing())
        };
        self.tell(settled);
        if is_left {
            // Without a thread the next call of any kind syncs.
            self.notifier.call_to_sync();
        }
        Ticket::new(completion, Arc::clone(self) as Arc<dyn Leader>)
    }
}
