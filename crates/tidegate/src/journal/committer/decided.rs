//! Groups that are decided elsewhere, in a log that several nodes share, and committed here.

use std::fmt;
use std::time::Duration;

use tidegate_format::{Error, Micros, Result};

use super::{Committer, Group, QueuedBatch, ended};
use crate::journal::settle_queue::GroupResult;
use crate::read::View;

/// Where groups are decided, if not here: in a log that several nodes share. It stands before the commit section, which
/// decides alike on every node.
pub(crate) trait Sequencer: Send + fmt::Debug {
    /// Has a group decided, and commits what stands before it in the shared log, and the group.
    fn commit(&mut self, committer: &mut Committer, entries: &mut [QueuedBatch], bytes: usize)
    -> GroupResult;

    /// Commits what others have put into the shared log: all that is acknowledged there by now, or without a time to wait
    /// what is at hand. The error says why not all of it.
    fn catch_up(&mut self, committer: &mut Committer, wait: Option<Duration>) -> (GroupResult, Result<()>);

    /// Notes how far it got. Everything that was committed is durable.
    fn close(&mut self, committer: &Committer) -> Result<()>;
}

/// When and where a group is decided, if not here and now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecidedAt {
    /// What the clock of its proposer said.
    pub(crate) now: Micros,
    /// Its slot in the shared log.
    pub(crate) slot: u64,
}

/// What a sequencer does to the log here.
impl Committer {
    /// Has groups decided elsewhere from here on.
    pub(crate) fn decide_by(&mut self, sequencer: Box<dyn Sequencer>) {
        self.sequencer = Some(sequencer);
    }

    /// Commits a group that was decided in a shared log.
    pub(crate) fn commit_decided(
        &mut self,
        entries: &mut [QueuedBatch],
        decided: DecidedAt,
        bytes: usize,
    ) -> GroupResult {
        let (now, last) = (decided.now, self.time.last());
        let slot = Some(decided.slot);
        let group = Group { now, last, time: last.max(now), slot, ..Group::default() };
        self.commit_group(group, entries, bytes)
    }

    /// Commits what others have put into the shared log; see [`Sequencer::catch_up`].
    pub(crate) fn catch_up(&mut self, wait: Option<Duration>) -> (GroupResult, Result<()>) {
        let Some(mut sequencer) = self.sequencer.take() else { return (self.nothing(), Ok(())) };
        let result = sequencer.catch_up(self, wait);
        self.sequencer = Some(sequencer);
        result
    }

    /// Returns the result of a group that wrote nothing.
    pub(crate) fn nothing(&self) -> GroupResult {
        GroupResult { last: self.next.before(), synced: None, held: Vec::new(), bytes: 0 }
    }

    /// Returns what is written, and when its last event was recorded.
    pub(crate) fn written(&self) -> (View, Micros) {
        (View::up_to(&self.published, self.next.before()), self.time.last())
    }

    /// Returns the error that ended the writer.
    pub(crate) fn ended(&self) -> Option<Error> {
        self.published.ended()
    }

    /// Ends the writer: what this node would decide is not what every other one does.
    pub(crate) fn end(&self, error: &Error) {
        self.published.set_ended(ended(error));
    }

    /// Makes everything durable that is written.
    pub(crate) fn make_durable(&mut self) -> Result<()> {
        let Some(pending) = self.pending() else { return Ok(()) };
        pending.run().inspect_err(|error| self.end(error))?;
        self.note_durable(&*pending)
    }
}
