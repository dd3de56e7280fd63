//! Deliveries: events given to a worker, and how it answers.

use std::fmt;

use tidegate_format::Result;
use tidegate_segment::RecordedEvent;

use super::Cursor;
use super::queue::DeliveryToken;

/// A delivered event. Dropping it without [`ack`](Self::ack) or [`fail`](Self::fail) redelivers it at once; dropping it
/// during a panic counts as a failure.
#[must_use = "an event that is not acknowledged is delivered again"]
pub struct Delivery {
    cursor: Cursor,
    /// That of the opening which the event was read in.
    generation: u64,
    event: RecordedEvent,
    token: DeliveryToken,
    /// Whether it was acknowledged or failed.
    over: bool,
}

impl Delivery {
    pub(super) fn new(cursor: Cursor, generation: u64, event: RecordedEvent, token: DeliveryToken) -> Self {
        Self { cursor, generation, event, token, over: false }
    }

    /// Returns the generation of the opening that its event was read in.
    pub(in crate::subscription) fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns the event.
    ///
    /// ```
    /// use tidegate::{Draft, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-1"), "order.placed"))?;
    /// let delivery = store.cursor("mailer", Query::ALL)?.next_now()?.expect("an order");
    /// assert_eq!((delivery.event().entity(), delivery.attempt()), ("order-1", 1));
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    pub fn event(&self) -> &RecordedEvent {
        &self.event
    }

    /// Returns the number of this attempt, from 1. After a restart of the process it counts anew.
    pub fn attempt(&self) -> u32 {
        self.token.attempt
    }

    /// Acknowledges the event: it is done and not delivered again.
    ///
    /// ```
    /// use tidegate::{Draft, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-1"), "order.placed"))?;
    /// let mailer = store.cursor("mailer", Query::ALL)?;
    /// mailer.next_now()?.expect("an order").ack()?;
    /// assert!(mailer.next_now()?.is_none());
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Refused`](crate::ErrorKind::Refused) if it came too late: the event was delivered again or parked.
    /// Those of [`Cursor::commit`]: the event counts as done in this process, and is committed with the next one.
    pub fn ack(mut self) -> Result<()> {
        self.over = true;
        let token = self.token;
        self.cursor.finish(|queue, _| queue.ack(token).map(|()| None)).map(drop)
    }

    /// Reports that the event could not be dealt with: it is tried again later, or parked with this reason if this was
    /// the last of its [attempts](super::CursorOptions::max_attempts). Returns whether it was parked. Either is a warning
    /// in the program's log, with cursor, position, attempt and reason.
    ///
    /// ```
    /// use tidegate::subscription::cursor::CursorOptions;
    /// use tidegate::{Draft, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.append(Draft::new(("shop", "order-1"), "order.placed"))?;
    /// let twice = CursorOptions::new().max_attempts(2).retry_after(std::time::Duration::ZERO);
    /// let mailer = store.cursor_with("mailer", Query::ALL, twice)?;
    /// let is_parked = mailer.next_now()?.expect("an order").fail("the mail server is away")?;
    /// assert!(!is_parked, "it is tried once more");
    /// assert!(mailer.next_now()?.expect("the order again").fail("still away")?);
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`ack`](Self::ack); [`Full`](crate::ErrorKind::Full) if it should be parked and there is no room for
    /// it; it is tried again then.
    pub fn fail(mut self, reason: impl fmt::Display) -> Result<bool> {
        self.over = true;
        self.fail_for(&reason.to_string())
    }

    fn fail_for(&self, reason: &str) -> Result<bool> {
        let (token, options) = (self.token, &self.cursor.0.options);
        self.cursor.finish(|queue, now| queue.fail(token, reason, now, options).map(Some))
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        if std::thread::panicking() {
            if let Err(error) = self.fail_for("its worker panicked") {
                let (cursor, position) = (self.cursor.name(), self.token.position);
                tracing::warn!(%error, cursor, %position, "the failure of a panicked worker was not recorded");
            }
        } else {
            self.cursor.0.inner.lock().queue.give_back(self.token);
            self.cursor.0.wake_waiting();
        }
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("event", &self.event)
            .field("attempt", &self.token.attempt)
            .finish_non_exhaustive()
    }
}
