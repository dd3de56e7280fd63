//! What is handed out, what waits for its turn, and what is done: the part of a cursor that knows no files.
//!
//! Invariants:
//!
//! L1. The position never passes an event that is neither done nor parked.
//! L2. Of one stream at most one event is out or rests; the others wait for it, in order.
//! L3. An event that was handed out anew is settled by its newest holder alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidegate_format::{Error, ErrorKind, Micros, Position, Result, StreamId};

use super::place::{Parked, Reached};
use super::settings::CursorOptions;

/// Bytes of a reason that are kept.
const REASON_BYTES_MAX: usize = 1024;

/// What a cursor has in hand.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) reached: Reached,
    /// Counts the changes of `reached` that are worth keeping.
    pub(super) changes: u64,
    /// How far the log was looked at.
    looked: Position,
    taken: BTreeMap<Position, Taken>,
    streams: BTreeMap<StreamId, Stream>,
    ready: BTreeSet<Position>,
    /// When something out is due, or something resting rested.
    timers: BTreeSet<(u64, Position)>,
    turns: u64,
    /// Failures that the program's log was not told of yet.
    untold: Vec<Untold>,
}

/// An event that was found in the log and is not done.
#[derive(Debug)]
struct Taken {
    stream: StreamId,
    failed: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Out { turn: u64, until: u64 },
    Resting { until: u64 },
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

/// Somebody's turn with an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) position: Position,
    pub(super) number: u64,
    /// Which try this is, from 1.
    pub(super) attempt: u32,
}

/// What came of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It will be handed out again.
    Retried,
    Parked,
    /// It should be parked, and there is no room: it will be handed out again.
    NoRoom,
}

/// A failure that the program's log is to be told of.
#[derive(Debug)]
pub(super) struct Untold {
    pub(super) position: Position,
    /// Which try failed, from 1.
    pub(super) attempt: u32,
    pub(super) reason: String,
    pub(super) came: Failure,
}

/// Now, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now {
    pub(super) steady: u64,
    pub(super) time: Micros,
}

impl Flow {
    pub(super) fn new(reached: Reached) -> Self {
        Self {
            looked: reached.position,
            reached,
            changes: 0,
            taken: BTreeMap::new(),
            streams: BTreeMap::new(),
            ready: BTreeSet::new(),
            timers: BTreeSet::new(),
            turns: 0,
            untold: Vec::new(),
        }
    }

    /// Whether another event may be taken in.
    pub(super) fn has_room(&self, settings: &CursorOptions) -> bool {
        self.taken.len() < settings.window.max(1)
    }

    /// Whether nobody has anything out.
    pub(super) fn is_idle(&self) -> bool {
        !self.taken.values().any(|taken| matches!(taken.state, State::Out { .. }))
    }

    /// Takes in an event that the log has, unless it is settled or known already.
    pub(super) fn take(&mut self, position: Position, stream: &StreamId) {
        if self.reached.is_settled(position) || self.taken.contains_key(&position) {
            return;
        }
        self.admit(position, stream);
    }

    fn admit(&mut self, position: Position, stream: &StreamId) {
        let line = self.streams.entry(stream.clone()).or_default();
        line.waiting.insert(position);
        self.taken.insert(position, Taken { stream: stream.clone(), failed: 0, state: State::Waiting });
        self.offer(stream);
    }

    /// Notes how far the log was looked at.
    pub(super) fn look_up_to(&mut self, position: Position) {
        self.looked = self.looked.max(position);
        self.advance();
    }

    /// Hands out the first event whose turn it is.
    pub(super) fn next(&mut self, now: Now, settings: &CursorOptions) -> Option<Turn> {
        self.pass_time(now, settings);
        let position = self.ready.pop_first()?;
        self.turns += 1;
        let (turn, until) = (self.turns, now.steady.saturating_add(micros(settings.redeliver_after)));
        let taken = self.taken.get_mut(&position).expect("what is ready was taken");
        taken.state = State::Out { turn, until };
        self.timers.insert((until, position));
        let attempt = taken.failed + 1;
        // keeps L2
        let line = self.streams.get_mut(&taken.stream).expect("what was taken has a stream");
        (line.busy, line.ready) = (Some(position), None);
        Some(Turn { position, number: turn, attempt })
    }

    /// When something will change by itself.
    pub(super) fn next_timer(&self) -> Option<u64> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The event is done.
    pub(super) fn ack(&mut self, turn: Turn) -> Result<()> {
        self.check(turn)?;
        self.reached.parked.remove(&turn.position);
        self.settle(turn.position);
        Ok(())
    }

    /// The event could not be dealt with.
    pub(super) fn fail(
        &mut self,
        turn: Turn,
        reason: &str,
        now: Now,
        settings: &CursorOptions,
    ) -> Result<Failure> {
        self.check(turn)?;
        Ok(self.failed(turn.position, reason, now, settings))
    }

    /// The event comes back as if it had not been handed out.
    pub(super) fn give_back(&mut self, turn: Turn) {
        if self.check(turn).is_ok() {
            self.release(turn.position);
        }
    }

    /// Takes the failures that were not told yet. They are told once no lock is held, since telling runs code of the
    /// program's.
    pub(super) fn take_untold(&mut self) -> Vec<Untold> {
        std::mem::take(&mut self.untold)
    }

    /// Hands out a parked event once more.
    pub(super) fn retry(&mut self, position: Position, stream: &StreamId) -> Result<()> {
        let parked = self.reached.parked.get_mut(&position).ok_or_else(|| not_parked(position))?;
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
        self.reached.parked.remove(&position).ok_or_else(|| not_parked(position))?;
        self.settle(position);
        Ok(())
    }

    /// Goes on as another one, which has its place in the log. What is out now is of no turn of that one (L3).
    pub(super) fn go_on_as(&mut self, other: Self) {
        let (turns, changes) = (self.turns, self.changes + 1);
        let untold = self.take_untold();
        *self = Self { changes, turns, untold, ..other };
    }

    /// Refuses a position that is not parked.
    pub(super) fn check_parked(&self, position: Position) -> Result<()> {
        if self.reached.parked.contains_key(&position) { Ok(()) } else { Err(not_parked(position)) }
    }

    /// keeps L3
    fn check(&self, turn: Turn) -> Result<()> {
        let state = self.taken.get(&turn.position).map(|taken| taken.state);
        match state {
            Some(State::Out { turn: number, .. }) if number == turn.number => Ok(()),
            _ => {
                let message = "it was taken back, since its time was over or the cursor was sent elsewhere; it is \
                               handed out again, or was parked or given up";
                Err(Error::new(ErrorKind::Refused, message).at(tidegate_format::Place::Event(turn.position)))
            }
        }
    }

    fn failed(&mut self, position: Position, reason: &str, now: Now, settings: &CursorOptions) -> Failure {
        let reason = shortened(reason);
        let (attempt, came) = self.rest_or_park(position, reason, now, settings);
        self.untold.push(Untold { position, attempt, reason: reason.to_owned(), came });
        came
    }

    fn rest_or_park(
        &mut self,
        position: Position,
        reason: &str,
        now: Now,
        settings: &CursorOptions,
    ) -> (u32, Failure) {
        let taken = self.taken.get_mut(&position).expect("only what was taken fails");
        taken.failed = taken.failed.saturating_add(1);
        let attempts = taken.failed;
        let has_room =
            self.reached.parked.len() < settings.parked_max || self.reached.parked.contains_key(&position);
        if attempts >= settings.attempts.max(1) && has_room {
            let reason = reason.to_owned();
            let parked = Parked { position, attempts, reason, time: now.time, retried: false };
            self.reached.parked.insert(position, parked);
            self.settle(position);
            return (attempts, Failure::Parked);
        }
        self.stop_timer(position);
        let until = now.steady.saturating_add(micros(settings.retry_after));
        let taken = self.taken.get_mut(&position).expect("only what was taken fails");
        taken.state = State::Resting { until };
        self.timers.insert((until, position));
        let came = if attempts >= settings.attempts.max(1) { Failure::NoRoom } else { Failure::Retried };
        (attempts, came)
    }

    /// Does what is due: takes back what was out too long, and wakes what rested.
    fn pass_time(&mut self, now: Now, settings: &CursorOptions) {
        while let Some(&(at, position)) = self.timers.first()
            && at <= now.steady
        {
            self.timers.pop_first();
            match self.taken.get(&position).map(|taken| taken.state) {
                Some(State::Out { .. }) => {
                    let reason = format!("it was not acknowledged within {:?}", settings.redeliver_after);
                    if self.failed(position, &reason, now, settings) != Failure::Parked {
                        // It has waited long enough.
                        self.release(position);
                    }
                }
                _ => self.release(position),
            }
        }
    }

    /// Has an event wait for its turn.
    fn release(&mut self, position: Position) {
        self.stop_timer(position);
        let Some(taken) = self.taken.get_mut(&position) else { return };
        taken.state = State::Waiting;
        let stream = taken.stream.clone();
        self.vacate(&stream, position);
        self.offer(&stream);
    }

    /// The event is done or parked, and the next one of its stream may go out.
    fn settle(&mut self, position: Position) {
        self.changes += 1;
        if position > self.reached.position {
            self.reached.settled.insert(position);
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
        if let Some(State::Out { until, .. } | State::Resting { until }) =
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

    /// Makes the first event of a stream ready, if none of it is out.
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
        let reached = &mut self.reached;
        let open = self.taken.range(reached.position.next()..).next();
        // A parked event that is tried again may be taken before what lies in front of it was looked at.
        let position = open.map_or(self.looked, |(position, _)| position.before().min(self.looked));
        if position > reached.position {
            reached.position = position;
            reached.settled = reached.settled.split_off(&position.next());
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
