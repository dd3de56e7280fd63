//! States as types.

use std::fmt;
use std::marker::PhantomData;

use tidegate_format::{Draft, Result, StreamId, Version};

use super::Machine;
use crate::batch::{Batch, Condition};
use crate::read::View;
use crate::typed::Event;

/// A state of a machine, as a type. [`machine!`](crate::machine!) writes them.
pub trait State: 'static {
    /// What it is called in denials.
    const NAME: &'static str;
}

/// The state of a stream before any event of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Start;

impl State for Start {
    const NAME: &'static str = "Start";
}

/// An event type that may follow a state.
#[diagnostic::on_unimplemented(
    message = "`{Self}` may not follow the state `{S}`",
    label = "the machine has no such step",
    note = "steps are declared in `machine!`: {S} + {Self} => NextState;"
)]
pub trait Follows<S: State>: Event {
    /// The state that it leads to.
    type To: State;
}

/// A stream whose state is known as a type, with the drafts that lead there from its state in the log.
pub struct InState<S: State> {
    stream: StreamId,
    version: Version,
    drafts: Vec<Draft>,
    state: PhantomData<fn() -> S>,
}

impl InState<Start> {
    /// Creates a stream that has no event yet.
    pub fn new(stream: impl Into<StreamId>) -> Self {
        Self { stream: stream.into(), version: Version::EMPTY, drafts: Vec::new(), state: PhantomData }
    }
}

impl<S: State> InState<S> {
    /// Returns the stream, or `None` if it is in another state.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn find(machine: &Machine, view: &View, stream: impl Into<StreamId>) -> Result<Option<Self>> {
        let stream = stream.into();
        if machine.state(view, &stream)? != S::NAME {
            return Ok(None);
        }
        let version = view.version(&stream)?;
        Ok(Some(Self { stream, version, drafts: Vec::new(), state: PhantomData }))
    }

    /// Adds an event that may follow this state, and returns the stream in its new state.
    ///
    /// # Errors
    ///
    /// Those of making a draft of the event.
    pub fn then<E: Follows<S>>(mut self, event: &E) -> Result<InState<E::To>> {
        self.drafts.push(event.draft(self.stream.clone())?);
        let Self { stream, version, drafts, .. } = self;
        Ok(InState { stream, version, drafts, state: PhantomData })
    }

    /// Returns the drafts as a batch, which is refused unless the stream still has the version that was found.
    pub fn batch(&self) -> Batch {
        Batch::from(self.drafts.clone()).only_if(Condition::Version(self.stream.clone(), self.version))
    }
}

impl<S: State> fmt::Debug for InState<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{} in {} after {} more", self.stream, self.version, S::NAME, self.drafts.len())
    }
}
