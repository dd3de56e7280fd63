//! Taking events from the log, and delivering the next one.

use std::sync::Arc;
use std::time::Duration;

use tidegate_disk::Clock;
use tidegate_format::{Error, ErrorKind, Position, Result};

use super::delivery::Delivery;
use super::state::CursorRole;
use super::{Cursor, Inner, Shared};
use crate::published::Deadline;
use crate::read::View;
use crate::store::Opening;
use crate::subscription::{Look, Subscription};
use crate::sync::atomic::Ordering;

/// Result of looking for a delivery without waiting.
pub(in crate::subscription) enum Found {
    Delivery(Delivery),
    /// Nothing now. It changes with an event after this position of this opening, with its end, at this time, or when
    /// `wakes` moves on.
    Nothing {
        opening: Arc<Opening>,
        after: Position,
        timer: Option<u64>,
        wakes: u64,
    },
    Ended,
}

/// Why taking in events stopped.
enum Fill {
    /// Everything up to a position was taken in.
    Head(Position),
    /// There is no room for more.
    Full,
    Ended,
}

impl Cursor {
    /// Returns the next event, waiting for it up to `time`; `None` once the store was closed and everything was
    /// delivered, or after [`stop`](Self::stop). An event of a stream comes only when no earlier one of that stream is
    /// unacknowledged.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tidegate::{Draft, ErrorKind, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let mailer = store.cursor("mailer", Query::ALL)?;
    /// let late = mailer.next_within(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(late.kind(), ErrorKind::TimedOut);
    /// store.append(Draft::new(("shop", "order-1"), "order.placed"))?;
    /// mailer.next_within(Duration::from_secs(1))?.expect("the store is open").ack()?;
    /// store.close()?;
    /// assert!(mailer.next_within(Duration::from_secs(1))?.is_none());
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TimedOut`](ErrorKind::TimedOut) after `time`; it can be called again. Those of reading, and those of
    /// [`commit`](Self::commit): before it waits it commits what was acknowledged.
    pub fn next_within(&self, time: Duration) -> Result<Option<Delivery>> {
        self.check_role()?;
        let deadline = self.0.store.deadline(time);
        self.next_by(Some(&deadline))
    }

    /// Returns the next event that can be delivered now, or `None`.
    ///
    /// ```
    /// use tidegate::{Draft, Query, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let mailer = store.cursor("mailer", Query::ALL)?;
    /// assert!(mailer.next_now()?.is_none());
    /// store.append(Draft::new(("shop", "order-1"), "order.placed"))?;
    /// assert!(mailer.next_now()?.is_some());
    /// # Ok::<(), tidegate::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn next_now(&self) -> Result<Option<Delivery>> {
        self.check_role()?;
        match self.look()? {
            Found::Delivery(delivery) => Ok(Some(delivery)),
            Found::Nothing { .. } | Found::Ended => Ok(None),
        }
    }

    /// Refuses the cursor of a reactor: an event taken from it would be acknowledged without a reaction.
    pub(in crate::subscription) fn check_role(&self) -> Result<()> {
        match self.0.role {
            CursorRole::Cursor => Ok(()),
            CursorRole::Reactor => {
                Err(Error::invalid("the cursor belongs to a reactor; only the reactor takes events from it"))
            }
        }
    }

    /// Returns the next event, waiting for it until the deadline, or without end.
    pub(in crate::subscription) fn next_by(&self, deadline: Option<&Deadline>) -> Result<Option<Delivery>> {
        self.next_or(deadline, &|| false)
    }

    /// Returns the next event, waiting for it without end; `None` also if `is_stopped` says so. Its caller wakes this
    /// thread with [`wake_workers`](Self::wake_workers) once that changes.
    pub(in crate::subscription) fn next_unless(
        &self,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Option<Delivery>> {
        self.next_or(None, is_stopped)
    }

    fn next_or(
        &self,
        deadline: Option<&Deadline>,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Option<Delivery>> {
        while !is_stopped() {
            let (opening, after, timer, wakes) = match self.look()? {
                Found::Delivery(delivery) => return Ok(Some(delivery)),
                Found::Ended => return Ok(None),
                Found::Nothing { opening, after, timer, wakes } => (opening, after, timer, wakes),
            };
            let shared = &*self.0;
            if shared.inner.lock().queue.is_idle() {
                shared.commit()?;
            }
            let timer = timer.map(|at| at.saturating_sub(shared.clock.steady_micros()));
            let timer = timer.map(|left| shared.store.deadline(Duration::from_micros(left)));
            let sooner = match (deadline, &timer) {
                (Some(deadline), Some(timer)) if timer.is_before(deadline) => Some(timer),
                (deadline, timer) => deadline.or(timer.as_ref()),
            };
            // `is_stopped` is asked once more: it may have changed, and the count with it, before the count was loaded.
            let woken = || shared.wakes.load(Ordering::SeqCst) != wakes || is_stopped();
            let came = opening.wait_or(after, sooner, woken)?;
            if !came && deadline.is_some_and(Deadline::is_over) {
                let message = format!("the cursor {} had no event to deliver in time", shared.name);
                return Err(Error::new(ErrorKind::TimedOut, message));
            }
        }
        Ok(None)
    }

    /// Waits until the deadline, or until `is_stopped` says so. It is asked again after
    /// [`wake_workers`](Self::wake_workers) and once the store is closed.
    pub(in crate::subscription) fn pause(&self, deadline: &Deadline, is_stopped: &dyn Fn() -> bool) {
        let store = &self.0.store;
        while !deadline.is_over() && !is_stopped() {
            // Later wakes come by the newest opening.
            let opening = store.opening();
            opening.published().wait(Some(deadline), |_| is_stopped() || !store.is_in(&opening));
        }
    }

    /// Makes workers that wait look at whether they are stopped.
    pub(in crate::subscription) fn wake_workers(&self) {
        self.0.wake_waiting();
    }

    /// Returns the clock of the store's environment.
    pub(in crate::subscription) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.0.clock)
    }

    /// Returns whether the store was closed and its files can no longer be written, those of this cursor among them.
    pub(in crate::subscription) fn is_closed(&self) -> bool {
        self.0.file.ends_with_store() && matches!(self.0.store.opening().published().ending(), Some(Ok(())))
    }

    /// Returns whether no more events may be parked.
    pub(in crate::subscription) fn is_parking_full(&self) -> bool {
        self.0.inner.lock().queue.state.parked.len() >= self.0.options.max_parked
    }

    /// Looks for a delivery without waiting.
    pub(in crate::subscription) fn look(&self) -> Result<Found> {
        let mut inner = self.0.lock()?;
        let found = self.look_in(&mut inner);
        let unlogged = inner.queue.take_unlogged();
        drop(inner);
        self.0.warn(unlogged);
        found
    }

    fn look_in(&self, inner: &mut Inner) -> Result<Found> {
        let shared = &*self.0;
        let opening = Arc::clone(inner.subscription.opening());
        opening.check_process()?;
        // Loaded before the look: a wake that comes during it is then not slept through.
        let wakes = shared.wakes.load(Ordering::SeqCst);
        if shared.stopped.load(Ordering::SeqCst) {
            return Ok(Found::Ended);
        }
        let filled = inner.fill(shared);
        let now = shared.now();
        if let Some(token) = inner.queue.next(now, &shared.options) {
            let found = View::of(opening.published()).at(token.position).transpose();
            let missing = || Err(Error::new(ErrorKind::Missing, "the event is not in the log any more"));
            return match found.unwrap_or_else(missing) {
                Ok(event) => {
                    Ok(Found::Delivery(Delivery::new(self.clone(), opening.generation(), event, token)))
                }
                Err(error) => {
                    inner.queue.give_back(token);
                    Err(error)
                }
            };
        }
        let timer = inner.queue.next_timer();
        let (after, ended) = match filled? {
            Fill::Head(after) => (after, false),
            Fill::Ended => (Position::MAX, true),
            Fill::Full => (Position::MAX, opening.now()?.1.transpose()?.is_some()),
        };
        Ok(if ended { Found::Ended } else { Found::Nothing { opening, after, timer, wakes } })
    }
}

impl Inner {
    /// Takes in events of the log while there is room for them.
    fn fill(&mut self, shared: &Shared) -> Result<Fill> {
        while self.queue.has_room(&shared.options) {
            match self.subscription.look_here() {
                Ok(Look::Found(event)) => self.queue.take(event.position(), &event.stream()),
                Ok(Look::Nothing) => {
                    let head = self.subscription.reached();
                    self.queue.look_up_to(head);
                    return Ok(Fill::Head(head));
                }
                Ok(Look::Ended) => {
                    self.queue.look_up_to(self.subscription.reached());
                    return Ok(Fill::Ended);
                }
                Err(error) => {
                    // A subscription ends with its error; a new one returns the error as long as it lasts and
                    // passes over nothing.
                    let reached = self.subscription.reached();
                    let opening = Arc::clone(self.subscription.opening());
                    self.subscription =
                        Subscription::new(&shared.store, opening, shared.query.clone(), reached);
                    return Err(error);
                }
            }
        }
        self.queue.look_up_to(self.subscription.reached());
        Ok(Fill::Full)
    }
}

/// Blocks until an event can be delivered, and ends like [`next_within`](Self::next_within). Each worker iterates over a
/// clone of its own.
impl Iterator for Cursor {
    type Item = Result<Delivery>;

    fn next(&mut self) -> Option<Result<Delivery>> {
        self.check_role().and_then(|()| self.next_by(None)).transpose()
    }
}
