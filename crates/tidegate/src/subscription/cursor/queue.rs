//! The delivery queue: which events are in flight, which wait for their stream, and which are done. It knows no files
//! and no clock.
//!
//! Invariants:
//!
//! L1. The position never passes an event that is neither done nor parked.
//! L2. Of one stream at most one event is in flight or in backoff; the others wait for it, in order.
//! L3. An event that was delivered anew is acknowledged or failed by the newest delivery alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidegate_format::{Error, ErrorKind, Micros, Position, Result, StreamId};

use super::options::CursorOptions;
use super::state::{CursorState, ParkedEvent};

/// Bytes of a reason that are kept.
const REASON_BYTES_MAX: usize = 1024;

/// Events that a cursor has taken from the log and is not done with, and its state.
#[derive(Debug)]
pub(super) struct DeliveryQueue {
    pub(super) state: CursorState,
    /// Counts the changes of `state` that are to be committed.
    pub(super) changes: u64,
    /// How far the log was looked at.
    looked: Position,
    taken: BTreeMap<Position, InFlight>,
    streams: BTreeMap<StreamId, Stream>,
    ready: BTreeSet<Position>,
    /// Ack timeouts of events in flight, and ends of backoffs.
    timers: BTreeSet<(u64, Position)>,
    turns: u64,
    /// Failures that are not logged yet.
    unlogged: Vec<FailureNote>,
}

/// An event that was found in the log and is not done.
#[derive(Debug)]
struct InFlight {
    stream: StreamId,
    failed: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Out { turn: u64, until: u64 },
    Backoff { until: u64 },
}

/// The events of one stream that are not done.
#[derive(Debug, Default)]
struct Stream {
    waiting: BTreeSet<Position>,
    /// The one that is out or rests.
    busy: Option<Position>,
    /// The one that may go out.
    ready: Option<Position>,
}

/// Identifies one delivery of an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct DeliveryToken {
    pub(super) position: Position,
    pub(super) number: u64,
    /// Which try this is, from 1.
    pub(super) attempt: u32,
}

/// Outcome of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureOutcome {
    /// It is delivered again.
    Retried,
    Parked,
    /// It should be parked and there is no room, so it is delivered again.
    NoRoom,
}

/// A failure to be logged.
#[derive(Debug)]
pub(super) struct FailureNote {
    pub(super) position: Position,
    /// Which try failed, from 1.
    pub(super) attempt: u32,
    pub(super) reason: String,
    pub(super) came: FailureOutcome,
}

/// Now, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) steady: u64,
    pub(super) time: Micros,
}

impl DeliveryQueue {
    pub(super) fn new(state: CursorState) -> Self {
        Self {
            looked: state.position,
            state,
            changes: 0,
            taken: BTreeMap::new(),
            streams: BTreeMap::new(),
            ready: BTreeSet::new(),
            timers: BTreeSet::new(),
            turns: 0,
            unlogged: Vec::new(),
        }
    }

    /// Returns whether another event may be taken in.
    pub(super) fn has_room(&self, options: &CursorOptions) -> bool {
        self.taken.len() < options.max_in_flight.max(1)
    }

    /// Returns whether no event is in flight.
    pub(super) fn is_idle(&self) -> bool {
        !self.taken.values().any(|taken| matches!(taken.state, State::Out { .. }))
    }

    /// Takes in an event that the log has, unless it is acked or known already.
    pub(super) fn take(&mut self, position: Position, stream: &StreamId) {
        if self.state.is_acked(position) || self.taken.contains_key(&position) {
            return;
        }
        self.admit(position, stream);
    }

    fn admit(&mut self, position: Position, stream: &StreamId) {
        let line = self.streams.entry(stream.clone()).or_default();
        line.waiting.insert(position);
        self.taken.insert(position, InFlight { stream: stream.clone(), failed: 0, state: State::Waiting });
        self.offer(stream);
    }

    /// Notes how far the log was looked at.
    pub(super) fn look_up_to(&mut self, position: Position) {
        self.looked = self.looked.max(position);
        self.advance();
    }

    /// Delivers the first event that is ready.
    pub(super) fn next(&mut self, now: Now, options: &CursorOptions) -> Option<DeliveryToken> {
        self.pass_time(now, options);
        let position = self.ready.pop_first()?;
        self.turns += 1;
        let (turn, until) = (self.turns, now.steady.saturating_add(micros(options.ack_timeout)));
        let taken = self.taken.get_mut(&position).expect("what is ready was taken");
        taken.state = State::Out { turn, until };
        self.timers.insert((until, position));
        let attempt = taken.failed + 1;
        // keeps L2
        let line = self.streams.get_mut(&taken.stream).expect("what was taken has a stream");
        (line.busy, line.ready) = (Some(position), None);
        Some(DeliveryToken { position, number: turn, attempt })
    }

    /// Returns when the next timer fires.
    pub(super) fn next_timer(&self) -> Option<u64> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Acknowledges an event.
    pub(super) fn ack(&mut self, token: DeliveryToken) -> Result<()> {
        self.check(token)?;
        self.state.parked.remove(&token.position);
        self.acknowledge(token.position);
        Ok(())
    }

    /// Fails an event.
    pub(super) fn fail(
        &mut self,
        token: DeliveryToken,
        reason: &str,
        now: Now,
        options: &CursorOptions,
    ) -> Result<FailureOutcome> {
        self.check(token)?;
        Ok(self.failed(token.position, reason, now, options))
    }

    /// Takes an event back as if it had not been delivered.
    pub(super) fn give_back(&mut self, token: DeliveryToken) {
        if self.check(token).is_ok() {
            self.release(token.position);
        }
    }

    /// Takes the failures to be logged. That is done without a lock, since a subscriber of the program's log is the
    /// caller's code.
    pub(super) fn take_unlogged(&mut self) -> Vec<FailureNote> {
        std::mem::take(&mut self.unlogged)
    }

    /// Delivers a parked event once more.
    pub(super) fn retry(&mut self, position: Position, stream: &StreamId) -> Result<()> {
        let parked = self.state.parked.get_mut(&position).ok_or_else(|| not_parked(position))?;
        if !parked.retried {
            parked.retried = true;
            self.changes += 1;
        }
        if !self.taken.contains_key(&position) {
            self.admit(position, stream);
        }
        Ok(())
    }

    /// Gives up a parked event.
    pub(super) fn discard(&mut self, position: Position) -> Result<()> {
        self.state.parked.remove(&position).ok_or_else(|| not_parked(position))?;
        self.acknowledge(position);
        Ok(())
    }

    /// Becomes another queue. Deliveries of this one are refused by that one, since `turns` goes on counting (L3).
    pub(super) fn go_on_as(&mut self, other: Self) {
        let (turns, changes) = (self.turns, self.changes + 1);
        let unlogged = self.take_unlogged();
        *self = Self { changes, turns, unlogged, ..other };
    }

    /// Refuses a position that is not parked.
    pub(super) fn check_parked(&self, position: Position) -> Result<()> {
        if self.state.parked.contains_key(&position) { Ok(()) } else { Err(not_parked(position)) }
    }

    /// keeps L3
    fn check(&self, token: DeliveryToken) -> Result<()> {
        let state = self.taken.get(&token.position).map(|taken| taken.state);
        match state {
            Some(State::Out { turn: number, .. }) if number == token.number => Ok(()),
            _ => {
                let message = "the delivery is no longer valid: its ack timeout is over or the cursor was moved; \
                               the event is delivered again, or was parked or given up";
                Err(Error::new(ErrorKind::Refused, message)
                    .at(tidegate_format::ErrorPlace::Event(token.position)))
            }
        }
    }

    fn failed(
        &mut self,
        position: Position,
        reason: &str,
        now: Now,
        options: &CursorOptions,
    ) -> FailureOutcome {
        let reason = shortened(reason);
        let (attempt, came) = self.back_off_or_park(position, reason, now, options);
        self.unlogged.push(FailureNote { position, attempt, reason: reason.to_owned(), came });
        came
    }

    fn back_off_or_park(
        &mut self,
        position: Position,
        reason: &str,
        now: Now,
        options: &CursorOptions,
    ) -> (u32, FailureOutcome) {
        let taken = self.taken.get_mut(&position).expect("only what was taken fails");
        taken.failed = taken.failed.saturating_add(1);
        let attempts = taken.failed;
        let has_room =
            self.state.parked.len() < options.max_parked || self.state.parked.contains_key(&position);
        if attempts >= options.max_attempts.max(1) && has_room {
            let reason = reason.to_owned();
            let parked = ParkedEvent { position, attempts, reason, time: now.time, retried: false };
            self.state.parked.insert(position, parked);
            self.acknowledge(position);
            return (attempts, FailureOutcome::Parked);
        }
        self.stop_timer(position);
        let until = now.steady.saturating_add(micros(options.retry_after));
        let taken = self.taken.get_mut(&position).expect("only what was taken fails");
        taken.state = State::Backoff { until };
        self.timers.insert((until, position));
        let came = if attempts >= options.max_attempts.max(1) {
            FailureOutcome::NoRoom
        } else {
            FailureOutcome::Retried
        };
        (attempts, came)
    }

    /// Fires timers: an ack timeout is a failure, the end of a backoff makes an event ready.
    fn pass_time(&mut self, now: Now, options: &CursorOptions) {
        while let Some(&(at, position)) = self.timers.first()
            && at <= now.steady
        {
            self.timers.pop_first();
            match self.taken.get(&position).map(|taken| taken.state) {
                Some(State::Out { .. }) => {
                    let reason = format!("it was not acknowledged within {:?}", options.ack_timeout);
                    if self.failed(position, &reason, now, options) != FailureOutcome::Parked {
                        // It has waited long enough.
                        self.release(position);
                    }
                }
                _ => self.release(position),
            }
        }
    }

    /// Makes an event wait for its turn.
    fn release(&mut self, position: Position) {
        self.stop_timer(position);
        let Some(taken) = self.taken.get_mut(&position) else { return };
        taken.state = State::Waiting;
        let stream = taken.stream.clone();
        self.vacate(&stream, position);
        self.offer(&stream);
    }

    /// Takes out an event that is done or parked, and lets the next one of its stream be delivered.
    fn acknowledge(&mut self, position: Position) {
        self.changes += 1;
        if position > self.state.position {
            self.state.acked.insert(position);
        }
        self.stop_timer(position);
        if let Some(taken) = self.taken.remove(&position) {
            self.ready.remove(&position);
            self.vacate(&taken.stream, position);
            let line = self.streams.get_mut(&taken.stream).expect("what was taken has a stream");
            line.waiting.remove(&position);
            if line.ready == Some(position) {
                line.ready = None;
            }
            if line.waiting.is_empty() {
                self.streams.remove(&taken.stream);
            } else {
                self.offer(&taken.stream);
            }
        }
        self.advance();
    }

    fn stop_timer(&mut self, position: Position) {
        if let Some(State::Out { until, .. } | State::Backoff { until }) =
            self.taken.get(&position).map(|taken| taken.state)
        {
            self.timers.remove(&(until, position));
        }
    }

    fn vacate(&mut self, stream: &StreamId, position: Position) {
        if let Some(line) = self.streams.get_mut(stream)
            && line.busy == Some(position)
        {
            line.busy = None;
        }
    }

    /// Makes the first event of a stream ready, if none of it is in flight.
    fn offer(&mut self, stream: &StreamId) {
        let Some(line) = self.streams.get_mut(stream).filter(|line| line.busy.is_none()) else { return };
        let first = line.waiting.first().copied();
        if let Some(ready) = std::mem::replace(&mut line.ready, first) {
            self.ready.remove(&ready);
        }
        self.ready.extend(first);
    }

    /// keeps L1
    fn advance(&mut self) {
        let state = &mut self.state;
        let open = self.taken.range(state.position.next()..).next();
        // A parked event that is tried again may be taken before what lies in front of it was looked at.
        let position = open.map_or(self.looked, |(position, _)| position.before().min(self.looked));
        if position > state.position {
            state.position = position;
            state.acked = state.acked.split_off(&position.next());
        }
    }
}

fn not_parked(position: Position) -> Error {
    Error::new(ErrorKind::Missing, format!("position {position} is not parked"))
}

fn shortened(reason: &str) -> &str {
    let mut end = reason.len().min(REASON_BYTES_MAX);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
