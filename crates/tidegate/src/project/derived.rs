//! What the code of `#[derive(Projection)]` calls. No promise is made about it.

use std::borrow::Cow;
use std::error::Error as StdError;

pub use tidegate_format::Result;
use tidegate_format::{Error, ErrorPlace};
pub use tidegate_segment::RecordedEvent;

pub use crate::read::Query;
use crate::read::QueryItem;
use crate::typed::{Kind, Values};

type Refusal = Box<dyn StdError + Send + Sync>;

/// Returns all events of these kinds.
pub fn query(kinds: &[Cow<'static, [Kind]>]) -> Query {
    kinds
        .iter()
        .flat_map(|kinds| kinds.iter())
        .fold(QueryItem::new(), |item, kind| item.kind(kind.name))
        .into()
}

/// The answers that a handler may give.
pub trait Answer {
    fn outcome(self) -> std::result::Result<(), Refusal>;
}

impl Answer for () {
    fn outcome(self) -> std::result::Result<(), Refusal> {
        Ok(())
    }
}

impl<E: Into<Refusal>> Answer for std::result::Result<(), E> {
    fn outcome(self) -> std::result::Result<(), Refusal> {
        self.map_err(Into::into)
    }
}

/// A method that takes in a value. `How` tells those that take the event from those that do not.
#[diagnostic::on_unimplemented(
    message = "this is not a handler of `{T}` for `{S}`",
    label = "a handler is fn(&mut self, {T}) or fn(&mut self, {T}, &RecordedEvent), and gives nothing or a Result<(), _>"
)]
pub trait Handler<S, T, How> {
    fn call(self, state: &mut S, value: T, event: &RecordedEvent) -> std::result::Result<(), Refusal>;
}

impl<S, T, A: Answer, F: FnOnce(&mut S, T) -> A> Handler<S, T, (T, A)> for F {
    fn call(self, state: &mut S, value: T, _event: &RecordedEvent) -> std::result::Result<(), Refusal> {
        self(state, value).outcome()
    }
}

impl<S, T, A: Answer, F: FnOnce(&mut S, T, &RecordedEvent) -> A> Handler<S, T, (T, &RecordedEvent, A)> for F {
    fn call(self, state: &mut S, value: T, event: &RecordedEvent) -> std::result::Result<(), Refusal> {
        self(state, value, event).outcome()
    }
}

/// Calls a handler with each value of an event.
pub fn handle<S, T, How>(
    handler: impl Handler<S, T, How> + Copy,
    state: &mut S,
    values: Values<T>,
    event: &RecordedEvent,
) -> Result<()> {
    for value in values {
        handler.call(state, value, event).map_err(|cause| {
            let message = format!("the handler of {} refuses it", std::any::type_name::<T>());
            Error::invalid(message).at(ErrorPlace::Event(event.position())).because(cause)
        })?;
    }
    Ok(())
}
