//! Subscriptions as asynchronous streams, for programs that have a runtime.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tidegate_format::Result;
use tidegate_segment::RecordedEvent;

use super::{Look, Subscription};
use crate::published::Registration;

/// A [`Subscription`] for tasks: its `next` is a future. [`Subscription::into_stream`] makes one.
///
/// It is a type of its own, because a type that is an [`Iterator`] and a [`Stream`] has two methods `next`, and a
/// call of either does not compile. The writer of this process wakes the tasks; on a store that is open for reading
/// only, waiting is an error.
///
/// ```
/// use futures_util::StreamExt;
/// use tidegate::{Position, Query, Store};
///
/// async fn print_all(store: &Store) -> tidegate::Result<()> {
///     let mut events = store.subscribe(Query::ALL, Position::START).into_stream();
///     while let Some(event) = events.next().await {
///         println!("{}", event?.kind());
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct EventStream {
    subscription: Subscription,
    registration: Registration,
    /// The opening that it is registered in.
    generation: u64,
}

impl Subscription {
    /// Returns the same subscription as a [`Stream`], which goes on where this one is. Needs the feature `futures`.
    pub fn into_stream(self) -> EventStream {
        let (registration, generation) = (self.opening.registration(), self.opening.generation());
        EventStream { registration, generation, subscription: self }
    }
}

impl EventStream {
    /// Returns the subscription behind it: its query, and how far it got.
    pub fn subscription(&self) -> &Subscription {
        &self.subscription
    }
}

impl Stream for EventStream {
    type Item = Result<RecordedEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<RecordedEvent>>> {
        let Self { subscription, registration, generation } = &mut *self;
        loop {
            match subscription.look() {
                Ok(Look::Found(event)) => return Poll::Ready(Some(Ok(event))),
                Ok(Look::Ended) => return Poll::Ready(None),
                Err(error) => return Poll::Ready(Some(Err(error))),
                Ok(Look::Nothing) => {}
            }
            if *generation != subscription.opening.generation() {
                *registration = subscription.opening.registration();
                *generation = subscription.opening.generation();
            }
            // Registered before the second look, so that no growth is slept through.
            match subscription.opening.wake(subscription.position, registration, context.waker()) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(error) => {
                    subscription.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}
