//! Subscriptions as asynchronous streams, for programs that have a runtime.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tidegate_format::Result;
use tidegate_segment::Event;

use super::{Look, Subscription};

/// The tasks are woken by the writer of this process; on a store opened for reading only it is an error.
impl Stream for Subscription {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Event>>> {
        loop {
            match self.look() {
                Ok(Look::Found(event)) => return Poll::Ready(Some(Ok(event))),
                Ok(Look::Ended) => return Poll::Ready(None),
                Err(error) => return Poll::Ready(Some(Err(error))),
                Ok(Look::Nothing) => {}
            }
            // Registered before the second look, so that no growth is slept through.
            match self.source.wake(self.position, context.waker()) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(error) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}
