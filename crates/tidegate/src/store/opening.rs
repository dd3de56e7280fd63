//! Openings: the log of a handle, from one opening of its files until that writer ends.
//!
//! [`Store::reopen`](crate::Store::reopen) puts another opening behind the same handle. What reads on (subscriptions,
//! cursors, projectors) stands in one opening and moves to the next.
//!
//! Invariants:
//!
//! G1. An opening ends once, and never begins again: its end answers and wakes everything that waits in it, and from then
//!     on nothing is written or synced by it.
//! G2. What was prepared in an opening is committed in it or refused, never committed in a later one.
//! G3. Of what earlier openings showed, everything up to `kept` is in this one too. Beyond that a position may have been
//!     given again, to another event: a reader that holds one in memory goes back behind it or is refused.

use std::sync::Arc;
use std::time::Duration;

use tidegate_disk::Clock;
use tidegate_format::{Error, ErrorKind, ErrorPlace, Position, Result};
use tidegate_segment::RecordedEvent;

use crate::backend::{Follower, OpenReport, OwnerProcess, StateFiles};
use crate::journal::{Journal, Leader};
#[cfg(feature = "futures")]
use crate::published::Registration;
use crate::published::{Deadline, Frontier, SharedState};
#[cfg(feature = "proofs")]
use crate::read::LogTree;
use crate::read::View;

/// How long a reader process waits before it looks again for what another process wrote.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// One opening of a store's files, and the log as it grows in it.
#[derive(Debug)]
pub(crate) struct Opening {
    /// Counts the openings of a handle, from 1.
    generation: u64,
    kept: KeptPositions,
    /// The newest opening that lost anything that was visible in the one before; 0 if none did.
    lossy: u64,
    published: Arc<SharedState>,
    pub(super) report: OpenReport,
    origin: Origin,
    clock: Arc<dyn Clock>,
}

/// Where the events come from.
#[derive(Debug)]
pub(super) enum Origin {
    /// A writer in this process. A handle for reading only learns from files what another process wrote, in a fork as
    /// well.
    Writer {
        journal: Arc<Journal>,
        state_files: Arc<StateFiles>,
        process: OwnerProcess,
        /// What is kept of the tree over the log as this opening shows it.
        #[cfg(feature = "proofs")]
        tree: Arc<LogTree>,
    },
    /// The files, which another process may write to.
    Follower(Arc<Follower>),
}

/// How much each reopening kept of what was shown before: its generation and a position, both in ascending order. One that
/// kept no less than a later one is left out, since the later one decides.
#[derive(Clone, Debug, Default)]
struct KeptPositions(Vec<(u64, Position)>);

impl KeptPositions {
    /// Returns up to where the log of an opening is the same in the newest one.
    fn since(&self, generation: u64) -> Position {
        let next = self.0.iter().find(|(reopened, _)| *reopened > generation);
        next.map_or(Position::MAX, |(_, kept)| *kept)
    }

    fn push(&mut self, generation: u64, kept: Position) {
        while self.0.pop_if(|(_, earlier)| *earlier >= kept).is_some() {}
        self.0.push((generation, kept));
    }
}

impl Opening {
    /// Returns the first opening of a handle.
    pub(super) fn first(
        published: Arc<SharedState>,
        report: OpenReport,
        origin: Origin,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let (generation, kept, lossy) = (1, KeptPositions::default(), 0);
        Self { generation, kept, lossy, published, report, origin, clock: Arc::clone(clock) }
    }

    /// Returns the opening behind this one, which has everything that this one showed up to `kept`.
    pub(super) fn followed_by(
        &self,
        kept: Position,
        published: Arc<SharedState>,
        report: OpenReport,
        origin: Origin,
    ) -> Self {
        let generation = self.generation + 1;
        let lossy = if kept < self.published.visible() { generation } else { self.lossy };
        let mut next = Self::first(published, report, origin, &self.clock);
        (next.generation, next.lossy, next.kept) = (generation, lossy, self.kept.clone());
        next.kept.push(generation, kept);
        next
    }

    /// Returns its number among the openings of the handle, from 1.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns whether an opening, this one or an earlier one, showed the same up to a position.
    pub(crate) fn keeps(&self, generation: u64, position: Position) -> bool {
        position <= self.kept.since(generation)
    }

    /// Returns whether anything was lost since an opening, this one or an earlier one, that was visible before.
    pub(crate) fn has_lost_since(&self, generation: u64) -> bool {
        self.lossy > generation
    }

    /// Refuses a reader that has seen events which were lost since (keeps G3). `who` names it.
    pub(crate) fn check_kept(&self, generation: u64, position: Position, who: &str) -> Result<()> {
        let kept = self.kept.since(generation);
        if position <= kept {
            return Ok(());
        }
        let message = format!(
            "{who} had seen events that were not durable and were lost when the store was reopened: everything after \
             position {kept}, where other events may stand now"
        );
        Err(Error::new(ErrorKind::Diverged, message).at(ErrorPlace::Event(position)))
    }

    /// Returns the hashes that are kept of the tree over the log.
    #[cfg(feature = "proofs")]
    pub(crate) fn tree(&self) -> &LogTree {
        match &self.origin {
            Origin::Writer { tree, .. } => tree,
            Origin::Follower(follower) => follower.tree(),
        }
    }

    pub(crate) fn published(&self) -> &Arc<SharedState> {
        &self.published
    }

    /// The time that is this long from now.
    pub(crate) fn deadline(&self, time: Duration) -> Deadline {
        Deadline::after(&self.clock, time)
    }

    pub(crate) fn frontier(&self) -> Frontier {
        self.published.frontier()
    }

    /// Refuses a process forked from the one that writes: nothing is ever published there.
    pub(crate) fn check_process(&self) -> Result<()> {
        match &self.origin {
            Origin::Writer { process, .. } => process.check(),
            Origin::Follower(_) => Ok(()),
        }
    }

    /// Takes in what the writer of another process has made durable since.
    fn refresh(&self) -> Result<()> {
        match &self.origin {
            Origin::Writer { process, .. } => process.check(),
            Origin::Follower(follower) => follower.refresh(),
        }
    }

    /// Returns the log as it is now.
    pub(crate) fn view(&self) -> Result<View> {
        self.refresh()?;
        Ok(View::of(&self.published))
    }

    /// The log as it is now, and how the writer has ended, if it has: nothing follows what the view shows then.
    pub(crate) fn now(&self) -> Result<(View, Option<Result<()>>)> {
        self.refresh()?;
        // Asked first: what became visible before the end is in the view.
        let ended = self.published.ending();
        Ok((View::of(&self.published), ended))
    }

    /// Waits until an event after this position is visible, the writer has ended or damage is met; says whether that
    /// came before the deadline.
    pub(crate) fn wait(&self, after: Position, deadline: Option<&Deadline>) -> Result<bool> {
        self.wait_or(after, deadline, || false)
    }

    /// Waits like [`wait`](Self::wait), or until something else is so, which the code that changes it has to
    /// [`nudge`](Self::nudge) for.
    pub(crate) fn wait_or(
        &self,
        after: Position,
        deadline: Option<&Deadline>,
        or: impl Fn() -> bool,
    ) -> Result<bool> {
        self.check_process()?;
        let seen = |published: &SharedState| {
            or() || published.visible() > after || published.ended().is_some() || published.is_damaged()
        };
        let Origin::Follower(follower) = &self.origin else {
            return Ok(self.published.wait(deadline, seen));
        };
        // Nothing tells a process of another one's writes, so it has to look.
        loop {
            follower.refresh()?;
            let left = deadline.map_or(LOOK_EVERY, |deadline| deadline.left().min(LOOK_EVERY));
            if self.published.wait(Some(&self.deadline(left)), seen) {
                return Ok(true);
            }
            if deadline.is_some_and(Deadline::is_over) {
                return Ok(false);
            }
        }
    }

    /// Has every waiting caller look again.
    pub(crate) fn nudge(&self) {
        self.published.announce();
    }

    /// Waits until a position is visible; see [`StoreReader::wait_visible`](super::StoreReader::wait_visible).
    pub(crate) fn wait_visible(&self, position: Position, timeout: Duration) -> Result<Position> {
        if position > Position::START && !self.wait(position.before(), Some(&self.deadline(timeout)))? {
            let message = format!("position {position} did not become visible in time");
            return Err(Error::new(ErrorKind::TimedOut, message));
        }
        reached(&self.published, position, self.published.visible())
    }

    /// Waits until a position is durable; see [`StoreReader::wait_durable`](super::StoreReader::wait_durable).
    pub(crate) fn wait_durable(&self, position: Position, timeout: Duration) -> Result<Position> {
        let Origin::Writer { journal, process, .. } = &self.origin else {
            return self.wait_visible(position, timeout);
        };
        process.check()?;
        let written =
            |published: &SharedState| published.written() >= position || published.ended().is_some();
        if !journal.is_settled(position, true) {
            let deadline = self.deadline(timeout);
            let late = |what: &str| {
                Error::new(ErrorKind::TimedOut, format!("position {position} was not {what} in time"))
            };
            journal.work();
            if !self.published.wait_before_sync(Some(&deadline), written) {
                return Err(late("written"));
            }
            if !journal.settle_until(position, true, Some(&deadline))? {
                return Err(late("synced"));
            }
        }
        reached(&self.published, position, self.published.durable())
    }

    /// Makes everything up to a position durable that is written, or says why that cannot be. A log of another process
    /// shows nothing that is not.
    pub(crate) fn make_durable(&self, position: Position) -> Result<()> {
        let Origin::Writer { journal, .. } = &self.origin else { return Ok(()) };
        if self.published.durable() < position {
            journal.flush()?;
        }
        match self.published.ended() {
            Some(error) if self.published.durable() < position => Err(error),
            _ => Ok(()),
        }
    }

    /// Returns the event at a position that a reader does not show because nothing says that it is durable, or `None`.
    pub(crate) fn unconfirmed(&self, position: Position) -> Result<Option<RecordedEvent>> {
        match &self.origin {
            Origin::Follower(follower) => follower.unconfirmed(position),
            Origin::Writer { .. } => Ok(None),
        }
    }

    /// Returns the files that cursors keep their places in, in the process that writes.
    pub(crate) fn state_files(&self) -> Result<&Arc<StateFiles>> {
        match &self.origin {
            Origin::Writer { state_files, process, .. } => process.check().map(|()| state_files),
            Origin::Follower(_) => {
                Err(Error::invalid("the store is open for reading only; open it for writing to do this"))
            }
        }
    }

    /// Whether this process writes to the store.
    pub(crate) fn has_writer(&self) -> bool {
        matches!(&self.origin, Origin::Writer { process, .. } if process.is_current())
    }

    #[cfg(feature = "futures")]
    /// Returns what a task registers with to be woken.
    pub(crate) fn registration(&self) -> Registration {
        Registration::new(&self.published)
    }

    #[cfg(feature = "futures")]
    /// Has a task woken when an event after this position is visible or the writer has ended; says whether
    /// that is so already.
    pub(crate) fn wake(
        &self,
        after: Position,
        registration: &Registration,
        waker: &std::task::Waker,
    ) -> Result<bool> {
        if matches!(self.origin, Origin::Follower(_)) {
            let message = "a store opened for reading only cannot wake a task; wait for it on a thread";
            return Err(Error::invalid(message));
        }
        self.check_process()?;
        registration.register(waker);
        Ok(self.published.visible() > after || self.published.ended().is_some())
    }
}

/// Returns how far the log got, or what ended it before it got to `position`: the writer's end, or damage.
pub(super) fn reached(published: &SharedState, position: Position, last: Position) -> Result<Position> {
    match published.ended().or_else(|| published.damage()) {
        Some(error) if last < position => Err(error),
        _ => Ok(last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// keeps G3: of any two openings the one that kept least between them decides.
    #[test]
    fn what_was_lost_once_stays_lost() {
        let reopened = [10, 5, 8, 8, 20, 7];
        let mut kept = KeptPositions::default();
        for (at, position) in reopened.into_iter().enumerate() {
            kept.push(at as u64 + 2, Position(position));
        }
        for generation in 1..=reopened.len() + 1 {
            let least = reopened[generation - 1..].iter().min();
            let expected = least.map_or(Position::MAX, |least| Position(*least));
            assert_eq!(kept.since(generation as u64), expected, "from opening {generation}");
        }
    }
}
