//! Folds: a state with the position it stands at.
//!
//! Invariants:
//!
//! R1. The state is the plain fold of the events of the query up to the position, without those parked, which
//!     left no trace in it.
//! R2. No event of the query up to the position is in neither the state nor the list of parked ones.

use std::sync::Arc;

use tidegate_format::{Error, ErrorPlace, Position, Result};
use tidegate_segment::RecordedEvent;

use super::options::Poison;
use super::projection::Projection;
use super::reading::PoisonEvent;
use super::snapshot::Snapshot;
use crate::read::{Query, ReadOptions, View};

/// Characters of the reason why an event was parked.
const REASON_MAX: usize = 500;

/// Options of a fold.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) query: Query,
    pub(super) poison: Poison,
}

/// A state and its position.
#[derive(Debug)]
pub(super) struct Fold<P> {
    pub(super) state: Arc<P>,
    /// Everything up to here was looked at.
    pub(super) position: Position,
    /// The opening of the store that the position is of.
    pub(super) generation: u64,
    /// The parked events, by position.
    pub(super) parked: Vec<PoisonEvent>,
    /// The last event that says what is erased which was known before the first event was taken in, or since.
    pub(super) erased: Position,
    /// How many events were left out because they are erased.
    pub(super) left_out: u64,
    /// Events taken in since the state was last saved.
    pub(super) unsaved: u64,
    /// An earlier state to begin from when an event leaves one half done.
    base: Option<(Arc<P>, Position)>,
    /// Whether the state is in the middle of an event: an error or a panic left it half done.
    begun: bool,
    /// The error of the event that it stopped before, until it goes on.
    stopped: Option<Error>,
}

impl<P: Projection> Fold<P> {
    pub(super) fn new(generation: u64, erased: Position) -> Self {
        let (state, position) = (P::default(), Position::START);
        Self::at(Snapshot { state, position, parked: Vec::new(), erased, left_out: 0 }, generation)
    }

    /// Returns a fold that continues from a saved state.
    pub(super) fn at(saved: Snapshot<P>, generation: u64) -> Self {
        let Snapshot { state, position, parked, erased, left_out } = saved;
        let state = Arc::new(state);
        let (base, begun, stopped) = (None, false, None);
        Self { state, position, generation, parked, erased, left_out, unsaved: 0, base, begun, stopped }
    }

    /// Returns an independent fold that continues from here.
    pub(super) fn fork(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            position: self.position,
            generation: self.generation,
            parked: self.parked.clone(),
            erased: self.erased,
            left_out: self.left_out,
            unsaved: 0,
            base: self.base.clone(),
            begun: self.begun,
            stopped: None,
        }
    }

    /// Returns the error that it stopped for.
    pub(super) fn stopped(&self) -> Option<Error> {
        self.stopped.clone()
    }

    /// Takes in at most `limit` events of a view after its position; returns whether that was all.
    pub(super) fn catch_up(&mut self, rules: &Rules, view: &View, limit: usize) -> Result<bool> {
        self.ready(rules, view)?;
        let mut left = limit;
        for event in view.read_with(&rules.query, ReadOptions::new().after(self.position)) {
            if left == 0 {
                return Ok(false);
            }
            self.take(rules, view, &event?)?;
            left -= 1;
        }
        self.reach(view.head());
        Ok(true)
    }

    /// Makes sure that the state is whole, also after a panic in the middle of an event.
    pub(super) fn ready(&mut self, rules: &Rules, view: &View) -> Result<()> {
        if self.begun { self.restore(rules, view) } else { Ok(()) }
    }

    /// Takes in the next event of the query. A fold that has looked at it already is left alone.
    pub(super) fn take(&mut self, rules: &Rules, view: &View, event: &RecordedEvent) -> Result<()> {
        let position = event.position();
        if position <= self.position {
            return Ok(());
        }
        self.begun = true;
        match take_in(Arc::make_mut(&mut self.state), event) {
            Ok(()) => {
                self.begun = false;
                self.unsaved += 1;
                self.left_out += u64::from(event.is_erased());
            }
            Err(cause) => {
                self.restore(rules, view)?;
                self.put_aside(rules, event, cause)?;
            }
        }
        self.position = position;
        self.stopped = None;
        Ok(())
    }

    /// Notes that the query has no more events up to a position.
    pub(super) fn reach(&mut self, head: Position) {
        if head > self.position {
            self.position = head;
        }
        self.stopped = None;
    }

    /// Parks an event, or stops before it.
    fn put_aside(&mut self, rules: &Rules, event: &RecordedEvent, cause: Error) -> Result<()> {
        let full = match rules.poison {
            Poison::Park(most) if self.parked.len() < most => {
                tracing::warn!(projection = P::NAME, position = event.position().0, %cause, "parked an event");
                let reason: String = cause.to_string().chars().take(REASON_MAX).collect();
                self.parked.push(PoisonEvent { position: event.position(), reason });
                self.unsaved += 1;
                return Ok(());
            }
            Poison::Park(most) => format!(", and {most} are parked already"),
            Poison::Stop => "; mend what takes it in, or park it with `Poison::Park`".to_owned(),
        };
        let message = format!(
            "the projection {} v{} stops before an event of kind {}{full}",
            P::NAME,
            P::VERSION,
            event.kind()
        );
        let error = Error::new(cause.kind(), message).at(ErrorPlace::Event(event.position())).because(cause);
        self.stopped = Some(error.clone());
        Err(error)
    }

    /// Brings back the state at the position after an event was begun and not ended, and keeps it to begin from
    /// the next time: however many events fail, each other one is taken in twice at most for that.
    fn restore(&mut self, rules: &Rules, view: &View) -> Result<()> {
        let (mut state, from) =
            self.base.clone().unwrap_or_else(|| (Arc::new(P::default()), Position::START));
        let read = ReadOptions::new().after(from).before(self.position.next());
        if from < self.position {
            let whole = Arc::make_mut(&mut state);
            for event in view.read_with(&rules.query, read) {
                let event = event?;
                if self.parked.binary_search_by_key(&event.position(), |parked| parked.position).is_ok() {
                    continue;
                }
                take_in(whole, &event).map_err(|cause| {
                    let message = format!(
                        "the projection {} refuses an event that it took in before; it must come of state and \
                         event alone",
                        P::NAME
                    );
                    Error::invalid(message).at(ErrorPlace::Event(event.position())).because(cause)
                })?;
            }
        }
        self.base = Some((Arc::clone(&state), self.position));
        self.state = state;
        self.begun = false;
        Ok(())
    }
}

/// Takes an event into a state, or what is left of it if its payload was erased.
fn take_in<P: Projection>(state: &mut P, event: &RecordedEvent) -> Result<()> {
    if event.is_erased() { state.erased(event) } else { state.apply(event) }
}
