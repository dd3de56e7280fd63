//! Taps: the newest events, for readers that would rather miss some than fall behind.

use std::time::Duration;

use tidegate_format::Result;
use tidegate_segment::RecordedEvent;

use super::{Look, Subscription};
use crate::read::ReadOptions;

/// The newest events of a query. If it falls behind by more events than its capacity, it leaves out the oldest of them and
/// counts them. It holds a position and no events.
///
/// ```
/// use tidegate::{Draft, Position, Query, Store};
///
/// let store = Store::in_memory()?;
/// for order in ["order-1", "order-2", "order-3"] {
///     store.append(Draft::new(("shop", order), "order.placed"))?;
/// }
/// let mut newest = store.subscribe(Query::ALL, Position::START).lossy(1);
/// assert_eq!(newest.next().expect("the store is open")?.entity(), "order-3");
/// assert_eq!(newest.dropped(), 2);
/// # Ok::<(), tidegate::Error>(())
/// ```
///
/// As an iterator it blocks until there is a further event, and ends like a [`Subscription`].
#[derive(Debug)]
pub struct Tap {
    subscription: Subscription,
    capacity: u64,
    dropped: u64,
}

impl Tap {
    pub(super) fn new(subscription: Subscription, capacity: usize) -> Self {
        Self { subscription, capacity: capacity.max(1) as u64, dropped: 0 }
    }

    /// Returns how many events it left out so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Returns the next event, waiting for it up to `time`; `None` once the store was closed and everything was delivered.
    ///
    /// # Errors
    ///
    /// Those of [`Subscription::next_within`].
    pub fn next_within(&mut self, time: Duration) -> Result<Option<RecordedEvent>> {
        self.skip()?;
        self.subscription.next_within(time)
    }

    /// Passes over the events that exceed the capacity.
    fn skip(&mut self) -> Result<()> {
        let from = &mut self.subscription;
        from.move_on()?;
        // What is visible now may be more than what the subscription has looked at.
        let view = from.opening.view()?;
        let there = ReadOptions::new().after(from.reached()).before(view.head().next());
        let waiting = view.count_with(&from.query, there)?;
        let Some(excess) = waiting.checked_sub(self.capacity).filter(|excess| *excess > 0) else {
            return Ok(());
        };
        let newest = there.backwards(true).limit(self.capacity as usize);
        let Some(oldest) = view.read_with(&from.query, newest).last().transpose()? else { return Ok(()) };
        (from.events, from.found) = (None, None);
        from.position = oldest.position().before();
        self.dropped += excess;
        Ok(())
    }
}

impl Iterator for Tap {
    type Item = Result<RecordedEvent>;

    fn next(&mut self) -> Option<Result<RecordedEvent>> {
        match self.skip().and_then(|()| self.subscription.look()) {
            Ok(Look::Found(event)) => Some(Ok(event)),
            Ok(Look::Ended) => None,
            Ok(Look::Nothing) => self.subscription.next(),
            Err(error) => {
                self.subscription.ended = true;
                Some(Err(error))
            }
        }
    }
}
