//! Deliveries: events that were handed out, and what becomes of them.

use std::fmt;

use tidegate_format::Result;
use tidegate_segment::RecordedEvent;

use super::Cursor;
use super::flow::Turn;

/// An event that is somebody's to deal with. Dropped without a word it is handed out again at once; dropped by a
/// panic it has failed.
#[must_use = "an event that is not acknowledged is delivered again"]
pub struct Delivery {
    cursor: Cursor,
    event: RecordedEvent,
    turn: Turn,
    /// Whether it was said what became of it.
    over: bool,
}

impl Delivery {
    pub(super) fn new(cursor: Cursor, event: RecordedEvent, turn: Turn) -> Self {
        Self { cursor, event, turn, over: false }
    }

    /// The event.
    pub fn event(&self) -> &RecordedEvent {
        &self.event
    }

    /// Which try this is, from 1. After a restart of the process it counts anew.
    pub fn attempt(&self) -> u32 {
        self.turn.attempt
    }

    /// The event is done and not delivered again.
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) where it came too late and the event was handed out again or parked.
    /// Those of [`Cursor::keep`]: the event counts as done in this process, and is kept with the next one.
    pub fn ack(mut self) -> Result<()> {
        self.over = true;
        let turn = self.turn;
        self.cursor.end_turn(|flow, _| flow.ack(turn).map(|()| None)).map(drop)
    }

    /// The event could not be dealt with: it is tried again later, or parked with this reason if this was the last of
    /// its [`attempts`](super::CursorOptions::attempts). Returns whether it was parked. Either is a warning in the
    /// program's log, with cursor, position, attempt and reason.
    ///
    /// # Errors
    ///
    /// Those of [`ack`](Self::ack); [`Full`](crate::ErrorKind::Full) where it should be parked and there is no room for
    /// it, so that it is tried again.
    pub fn fail(mut self, reason: impl fmt::Display) -> Result<bool> {
        self.over = true;
        self.fail_for(&reason.to_string())
    }

    fn fail_for(&self, reason: &str) -> Result<bool> {
        let (turn, settings) = (self.turn, &self.cursor.0.settings);
        self.cursor.end_turn(|flow, now| flow.fail(turn, reason, now, settings).map(Some))
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        if std::thread::panicking() {
            if let Err(error) = self.fail_for("its worker panicked") {
                let (cursor, position) = (self.cursor.name(), self.turn.position);
                tracing::warn!(%error, cursor, %position, "the failure of a worker was not kept");
            }
        } else {
            self.cursor.0.hand.lock().flow.give_back(self.turn);
            self.cursor.0.stir();
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("event", &self.event)
            .field("attempt", &self.turn.attempt)
            .finish_non_exhaustive()
    }
}
