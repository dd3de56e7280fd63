//! Those who listen: subscriptions joined at any position, and taps that may fall behind.

use std::time::Duration;

use tidegate::subscription::{Subscription, Tap};
use tidegate::{ErrorKind, Position, RecordedEvent};

use super::Life;
use crate::defect::Defect;
use crate::failure::{Failure, ensure, failed, same};
use crate::model::{Model, Payload, compare_as};
use crate::query::ModelQuery;

/// Maximum number of subscriptions and of taps at a time.
const MOST: usize = 2;

/// A subscription, and the last event it delivered.
#[derive(Debug)]
pub(super) struct Listener {
    wanted: ModelQuery,
    last: u64,
    /// Whether that was an event, and not where it began.
    has_heard: bool,
    subscription: Subscription,
}

/// A tap, with the last event it delivered and how many it left out.
#[derive(Debug)]
pub(super) struct TapListener {
    wanted: ModelQuery,
    last: u64,
    capacity: usize,
    dropped: u64,
    tap: Tap,
}

impl Listener {
    /// What is still to come of what is there.
    fn left(&self, model: &Model) -> Vec<u64> {
        model.selected(&self.wanted).filter(|at| *at > self.last).collect()
    }

    /// Returns the next event that is there.
    pub(super) fn next(&mut self) -> tidegate::Result<Option<RecordedEvent>> {
        self.subscription.next_now()
    }

    /// Takes an event, which must be the next one.
    pub(super) fn hear(&mut self, model: &Model, found: Option<&RecordedEvent>) -> Result<(), Failure> {
        let expected = model.selected(&self.wanted).find(|at| *at > self.last);
        let position = found.map(|event| event.position().0);
        same(
            format_args!("the next event of {} after {}", self.wanted.query(), self.last),
            &expected,
            &position,
        )?;
        self.last = position.unwrap_or(self.last);
        self.has_heard |= position.is_some();
        found.map_or(Ok(()), |event| compare_as(model.at(event.position().0), event, Payload::MayBeLeft))
    }

    /// Goes on in the next opening of the store, or says that it has seen events that were lost; returns which. What was
    /// `durable` is kept, and everything after `kept` was lost.
    pub(super) fn goes_on(&mut self, model: &Model, durable: u64, kept: u64) -> Result<bool, Failure> {
        let seen = self.last;
        match self.subscription.next_now() {
            Err(error) if error.kind() == ErrorKind::Diverged => {
                let reached = self.subscription.reached().0;
                ensure(reached > durable, || format!("at {reached} it saw nothing that was lost: {error}"))?;
                let after = self.subscription.next_now().map_err(failed("listening"))?;
                ensure(after.is_none(), || format!("it goes on after lost events: {after:?}"))?;
                Ok(false)
            }
            Err(error) => Err(Failure::of("listening in the next opening", &error)),
            Ok(event) => {
                ensure(seen <= kept || !self.has_heard, || format!("it heard {seen}, and {kept} are kept"))?;
                self.hear(model, event.as_ref()).map(|()| true)
            }
        }
    }

    fn hear_batch(&mut self, model: &Model) -> Result<(), Failure> {
        let left = self.left(model);
        let batch = match self.subscription.next_batch(Duration::ZERO) {
            Ok(batch) => batch,
            Err(error) if error.kind() == ErrorKind::TimedOut => Vec::new(),
            Err(error) => return Err(Failure::of("waiting for a batch", &error)),
        };
        let ends = |first: &u64| (*first..=model.count()).find(|at| model.at(*at).ends);
        let end = left.first().and_then(ends).unwrap_or(0);
        let expected: Vec<u64> = left.into_iter().filter(|at| *at <= end).collect();
        let found: Vec<u64> = batch.iter().map(|event| event.position().0).collect();
        same("the next batch of a subscription", &expected, &found)?;
        self.last = found.last().copied().unwrap_or(self.last);
        self.has_heard |= !found.is_empty();
        Ok(())
    }
}

impl Life<'_> {
    /// Joins, or hears some of what is there.
    pub(super) fn listen(&mut self) -> Result<(), Failure> {
        let (dice, count) = (&mut self.others, self.model.count());
        if self.listeners.len() < MOST && (self.listeners.is_empty() || dice.chance(1, 4)) {
            let wanted = ModelQuery::some(dice, count);
            let last = dice.below(count + 2);
            let subscription = self.store.subscribe(wanted.query(), Position(last));
            self.listeners.push(Listener { wanted, last, has_heard: false, subscription });
        }
        let at = dice.below(self.listeners.len() as u64) as usize;
        let listener = &mut self.listeners[at];
        if dice.chance(1, 4) {
            return listener.hear_batch(self.model);
        }
        for _ in 0..=dice.below(4) {
            let mut event = listener.subscription.next_now().map_err(failed("listening"))?;
            if self.script.defect == Defect::EventsSkipped && dice.chance(1, 8) {
                event = listener.subscription.next_now().map_err(failed("listening"))?;
            }
            self.machine.trace.note(&event.as_ref().map(|event| event.position().0));
            listener.hear(self.model, event.as_ref())?;
        }
        if dice.chance(1, 6) {
            self.listeners.swap_remove(at);
        }
        Ok(())
    }

    /// Every subscription of a closed store delivers what is left, and ends.
    pub(super) fn end_listening(&mut self) -> Result<(), Failure> {
        for mut listener in self.listeners.drain(..) {
            loop {
                let event = listener.subscription.next_within(Duration::ZERO).map_err(failed("the end"))?;
                listener.hear(self.model, event.as_ref())?;
                if event.is_none() {
                    break;
                }
            }
        }
        self.taps.clear();
        Ok(())
    }

    /// A tap leaves out the oldest of what is too much, and counts it.
    pub(super) fn tap(&mut self) -> Result<(), Failure> {
        let (dice, count) = (&mut self.others, self.model.count());
        if self.taps.len() < MOST && (self.taps.is_empty() || dice.chance(1, 4)) {
            let (wanted, last) = (ModelQuery::some(dice, count), dice.below(count + 1));
            let capacity = 1 + dice.below(4) as usize;
            let tap = self.store.subscribe(wanted.query(), Position(last)).lossy(capacity);
            self.taps.push(TapListener { wanted, last, capacity, dropped: 0, tap });
        }
        let at = dice.below(self.taps.len() as u64) as usize;
        let one = &mut self.taps[at];
        let left: Vec<u64> = self.model.selected(&one.wanted).filter(|at| *at > one.last).collect();
        let excess = left.len().saturating_sub(one.capacity);
        let found = match one.tap.next_within(Duration::ZERO) {
            Ok(event) => event.map(|event| event.position().0),
            Err(error) if error.kind() == ErrorKind::TimedOut => None,
            Err(error) => return Err(Failure::of("tapping", &error)),
        };
        same("the next event of a tap", &left.get(excess).copied(), &found)?;
        one.dropped += excess as u64;
        one.last = found.unwrap_or(one.last);
        self.machine.trace.note(&(found, one.dropped));
        ensure(one.tap.dropped() == one.dropped, || {
            format!("a tap left out {} events and says {}", one.dropped, one.tap.dropped())
        })
    }
}
