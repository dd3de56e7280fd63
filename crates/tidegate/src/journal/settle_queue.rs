//! What is written and not settled: frames that no caller sees yet, and answers that wait for them or for a sync.
//!
//! Invariants:
//!
//! U1. `visible` never passes the first frame with a batch that asked to be synced and is not durable; a frame behind
//!     it waits too, also if its caller did not ask for a sync.
//! U2. An answer is given once what it rests on is visible, and durable if its caller asked for that; once the writer
//!     has ended, everything that still waits is told so.
//! U3. One thread syncs at most. While something waits here, a thread syncs, or was asked to, or (without a thread of the
//!     store's own) the next call does.

use std::collections::VecDeque;

use tidegate_format::{Error, Position, Result};

use super::completion::{Answers, Responder, outcome_unknown};
use crate::batch::Receipt;
use crate::published::SharedState;

/// What one batch is told, and when.
#[derive(Debug)]
pub(crate) struct PendingAnswer {
    pub(crate) responder: Responder,
    pub(crate) answer: Result<Receipt>,
    /// The last position that it rests on.
    pub(crate) rests_on: Position,
    /// Whether that has to be durable.
    pub(crate) synced: bool,
}

/// What a group came to.
#[derive(Debug)]
pub(crate) struct GroupResult {
    /// The last position that is written now.
    pub(crate) last: Position,
    /// Whether a batch that was written asked to be synced; `None` if nothing was written.
    pub(crate) synced: Option<bool>,
    pub(crate) held: Vec<PendingAnswer>,
    /// Bytes that its batches took in the queue.
    pub(crate) bytes: usize,
}

/// What may be told now, and the bytes of the queue that are free again.
#[derive(Debug, Default)]
pub(crate) struct Settlement {
    pub(crate) answers: Answers,
    pub(crate) bytes: usize,
}

impl Settlement {
    /// Whether nothing is to be told and no room is free again.
    pub(crate) fn is_empty(&self) -> bool {
        self.answers.is_empty() && self.bytes == 0
    }
}

/// Frames and answers that wait, in the order of the log.
#[derive(Debug, Default)]
pub(crate) struct SettleQueue {
    frames: VecDeque<Frame>,
    /// Answers that rest on what is visible and not durable.
    unsynced: Vec<PendingAnswer>,
    /// Whether a thread syncs or was asked to.
    syncing: bool,
}

#[derive(Debug)]
struct Frame {
    last: Position,
    synced: bool,
    bytes: usize,
    held: Vec<PendingAnswer>,
}

impl SettleQueue {
    /// Takes in what a group came to, and settles what can be. Groups come in the order of the log.
    pub(crate) fn take_in(&mut self, written: GroupResult, published: &SharedState) -> Settlement {
        let mut settled = Settlement::default();
        match written.synced {
            Some(synced) => {
                let GroupResult { last, bytes, .. } = written;
                self.frames.push_back(Frame { last, synced, bytes, held: Vec::new() });
                // Decisions see it from now on: it is indexed, and nothing but the end of the writer takes it back.
                published.set_written(last);
            }
            None => settled.bytes += written.bytes,
        }
        let (visible, durable) = (published.visible(), published.durable());
        for held in written.held {
            // The first frame begins behind what is visible.
            let at = self.frames.partition_point(|frame| frame.last < held.rests_on);
            match self.frames.get_mut(at).filter(|_| held.rests_on > visible) {
                Some(frame) => frame.held.push(held),
                None if held.synced && held.rests_on > durable => self.unsynced.push(held),
                None => settled.answers.push((held.responder, held.answer)),
            }
        }
        self.settle_into(published, &mut settled);
        settled
    }

    /// Settles what can be, after more has become durable or the writer has ended.
    pub(crate) fn settle(&mut self, published: &SharedState) -> Settlement {
        let mut settled = Settlement::default();
        self.settle_into(published, &mut settled);
        settled
    }

    fn settle_into(&mut self, published: &SharedState, settled: &mut Settlement) {
        let ended = published.ended();
        let durable = published.durable();
        // keeps U1
        let is_shown = |frame: &Frame| frame.last <= durable || !frame.synced && ended.is_none();
        while self.frames.front().is_some_and(is_shown) {
            let Some(frame) = self.frames.pop_front() else { break };
            published.set_visible(frame.last);
            settled.bytes += frame.bytes;
            self.unsynced.extend(frame.held);
        }
        let is_held = |held: &mut PendingAnswer| held.synced && held.rests_on > durable;
        let answers = self.unsynced.extract_if(.., |held| !is_held(held));
        settled.answers.extend(answers.map(|held| (held.responder, held.answer)));
        if let Some(error) = ended {
            self.abandon(&error, settled);
        }
    }

    /// Tells everything that still waits how the writer ended (keeps U2). A receipt that cannot be given is of a batch that
    /// may be in the log; behind a refusal that cannot be given nothing was written.
    fn abandon(&mut self, error: &Error, settled: &mut Settlement) {
        let frames = self.frames.drain(..);
        let bytes = &mut settled.bytes;
        let held = frames.flat_map(|frame| {
            *bytes += frame.bytes;
            frame.held
        });
        let left = held.chain(self.unsynced.drain(..));
        settled.answers.extend(left.map(|held| {
            let error = if held.answer.is_ok() { outcome_unknown(error) } else { error.clone() };
            (held.responder, Err(error))
        }));
    }

    /// Whether anything waits for a sync.
    pub(crate) fn wants_sync(&self) -> bool {
        !self.frames.is_empty() || !self.unsynced.is_empty()
    }

    /// Whether a thread syncs or was asked to.
    pub(crate) fn is_syncing(&self) -> bool {
        self.syncing
    }

    /// Makes the caller the one who syncs, unless there is one; says whether it is.
    pub(crate) fn take_sync(&mut self) -> bool {
        !std::mem::replace(&mut self.syncing, true)
    }

    /// Ends the syncing of the one who did, or passes it on to one who waits; says whether it was passed on.
    pub(crate) fn pass_on(&mut self) -> bool {
        let all = self.frames.iter().flat_map(|frame| &frame.held).chain(&self.unsynced);
        self.syncing = all.map(|held| &held.responder).any(Responder::ask_to_sync);
        self.syncing
    }

    /// Ends the syncing of the caller that does it, after a panic.
    pub(crate) fn give_up(&mut self) {
        self.syncing = false;
    }
}
