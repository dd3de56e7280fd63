//! State machines: which kinds of events may follow which in a stream, declared once.
//!
//! [`machine!`](crate::machine!) declares one over event types. If the state is known as a type, an event that may
//! not follow does not compile; everywhere else the machine is a gate, and such an append is denied.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use tidegate::decide::GateSet;
//! use tidegate::decide::machine::{InState, Start};
//! use tidegate::{Event, RecordedEvent, Store};
//!
//! #[derive(Serialize, Deserialize, Event)]
//! #[event(kind = "parcel.sent")]
//! struct Sent { to: String }
//!
//! #[derive(Event)]
//! #[event(kind = "parcel.lost")]
//! struct Lost;
//!
//! #[derive(Event)]
//! #[event(kind = "parcel.delivered")]
//! struct Delivered;
//!
//! tidegate::machine! {
//!     /// A parcel on its way.
//!     pub fn parcel() {
//!         states UnderWay, Done, Gone;
//!         Start + Sent => UnderWay;
//!         UnderWay + Delivered => Done;
//!         UnderWay + Lost => Gone;
//!     }
//! }
//!
//! let store = Store::in_memory()?;
//! let machine = parcel()?;
//! store.guard(machine.query(), GateSet::new().and(machine.clone()))?;
//!
//! // As types: what does not follow does not compile.
//! let sent = InState::<Start>::new(("post", "p1")).then(&Sent { to: "Ada".to_owned() })?;
//! store.append(sent.batch())?;
//! let under_way = InState::<UnderWay>::find(&machine, &store.view()?, ("post", "p1"))?.expect("it was sent");
//! store.append(under_way.then(&Delivered)?.batch())?;
//!
//! // As a gate: a draft from anywhere is denied.
//! let denied = store.append(Lost.draft(("post", "p1"))?).unwrap_err();
//! assert!(denied.to_string().contains("parcel.lost"), "{denied}");
//! # Ok::<(), tidegate::Error>(())
//! ```
//!
//! A parcel that is done does not compile to be lost:
//!
//! ```compile_fail,E0277
//! # use tidegate::{Event, RecordedEvent, decide::machine::{InState, Start}};
//! # #[derive(Event)]
//! # #[event(kind = "parcel.sent")]
//! # struct Sent;
//! # #[derive(Event)]
//! # #[event(kind = "parcel.lost")]
//! # struct Lost;
//! # tidegate::machine! { fn parcel() { states UnderWay, Gone; Start + Sent => UnderWay; UnderWay + Lost => Gone; } }
//! let lost = InState::<Start>::new(("post", "p1")).then(&Lost);
//! ```
mod state;

use std::collections::HashMap;

use tidegate_format::refusal::{Denial, Verdict};
use tidegate_format::{Error, Result, StreamId, Text};
use tidegate_segment::RecordedEvent;

pub use state::{Follows, InState, Start, State};

use super::gate::{Gate, Proposal};
use super::view::DecisionView;
use crate::read::{Entity, Query, QueryItem, ReadOptions, View};

/// The code of a denial by a [`Machine`].
pub const NOT_NOW: &str = "NOT_NOW";

/// A state machine over the events of a stream. The state of a stream is the one that its last event of the machine's
/// kinds leads to, so it is found by reading that one event.
///
/// As a gate it denies an event whose kind may not follow the state, with the code [`NOT_NOW`]. Other kinds pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    name: Text,
    /// The state that each kind leads to, and from which it may.
    kinds: Vec<(Text, Text, Vec<Text>)>,
}

/// One step: from a state, by a kind of event, to a state.
pub type Step = (Text, Text, Text);

impl Machine {
    /// Creates a machine of these steps, each from a state by a kind to a state. [`Start`] is the state of a stream without
    /// any of these events, by the name [`State::NAME`].
    ///
    /// # Errors
    ///
    /// [`Invalid`](crate::ErrorKind::Invalid) if a kind leads to two states, since the last event alone must tell
    /// the state of a stream.
    pub fn new(name: impl Into<Text>, steps: impl IntoIterator<Item = Step>) -> Result<Self> {
        let mut kinds: Vec<(Text, Text, Vec<Text>)> = Vec::new();
        for (from, kind, to) in steps {
            match kinds.iter_mut().find(|(known, ..)| *known == kind) {
                None => kinds.push((kind, to, vec![from])),
                Some((_, known, _)) if *known != to => {
                    let message =
                        format!("the kind {kind:?} leads to {known:?} and to {to:?}; one kind, one state");
                    return Err(Error::invalid(message));
                }
                Some((.., froms)) => froms.push(from),
            }
        }
        if kinds.is_empty() {
            return Err(Error::invalid("a machine without steps allows nothing"));
        }
        Ok(Self { name: name.into(), kinds })
    }

    /// Returns the query of the events of its kinds.
    pub fn query(&self) -> Query {
        self.item().into()
    }

    /// Returns the state of a stream.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn state(&self, view: &View, stream: &StreamId) -> Result<&str> {
        let last = view
            .read_with(&self.query_in(stream), ReadOptions::new().backwards(true).limit(1))
            .next()
            .transpose()?;
        Ok(self.led_to(last.as_ref().map(RecordedEvent::kind)))
    }

    fn item(&self) -> QueryItem {
        self.kinds.iter().fold(QueryItem::new(), |item, (kind, ..)| item.kind(kind.clone()))
    }

    fn query_in(&self, stream: &StreamId) -> Query {
        let mut item = self.item();
        (item.scope, item.lane) = (Some(stream.scope.clone()), Some(stream.lane));
        item.entity = Some(Entity::Exactly(stream.entity.clone()));
        item.into()
    }

    fn led_to(&self, kind: Option<&str>) -> &str {
        let found = self.kinds.iter().find(|(known, ..)| Some(&**known) == kind);
        found.map_or(Start::NAME, |(_, to, _)| to)
    }

    fn deny(&self, stream: &StreamId, kind: &str, state: &str) -> Denial {
        let may = self.kinds.iter().filter(|(.., froms)| froms.iter().any(|from| from == state));
        let may: Vec<&str> = may.map(|(kind, ..)| &**kind).collect();
        let message = format!("{stream} is in the state {state:?}, which {kind} does not follow");
        Denial::new(NOT_NOW, message)
            .field("state", state)
            .field("kind", kind)
            .field("may_follow", may.join(", "))
    }
}

impl<C: ?Sized> Gate<C> for Machine {
    fn name(&self) -> &str {
        &self.name
    }

    fn judge(&self, proposal: &Proposal<'_, C>, view: &DecisionView) -> Result<Verdict> {
        // The drafts of one stream follow each other too.
        let mut states: HashMap<&StreamId, &str> = HashMap::new();
        for draft in proposal.drafts {
            let Some((kind, to, froms)) = self.kinds.iter().find(|(kind, ..)| *kind == draft.kind) else {
                continue;
            };
            let stream = &draft.stream;
            let state = match states.get(stream) {
                Some(state) => *state,
                None => {
                    let last = view
                        .read_with(&self.query_in(stream), ReadOptions::new().backwards(true).limit(1))
                        .next()
                        .transpose()?;
                    self.led_to(last.as_ref().map(RecordedEvent::kind))
                }
            };
            if !froms.iter().any(|from| from == state) {
                return Ok(Verdict::Deny(self.deny(stream, kind, state)));
            }
            states.insert(stream, to);
        }
        Ok(Verdict::Allow)
    }
}

/// Declares a state machine over event types: the states as types, which event may follow which, and a function that
/// makes the [`Machine`]. See [`decide::machine`](crate::decide::machine).
#[macro_export]
macro_rules! machine {
    (
        $(#[$meta:meta])*
        $vis:vis fn $name:ident() {
            states $($state:ident),+ $(,)?;
            $($from:ident + $event:ty => $to:ident;)+
        }
    ) => {
        $(
            #[doc = ::core::concat!("The state `", ::core::stringify!($state), "`.")]
            #[derive(Clone, Copy, Debug)]
            $vis struct $state;

            impl $crate::decide::machine::State for $state {
                const NAME: &'static str = ::core::stringify!($state);
            }
        )+
        $(
            impl $crate::decide::machine::Follows<$from> for $event {
                type To = $to;
            }
        )+
        $(#[$meta])*
        $vis fn $name() -> $crate::Result<$crate::decide::machine::Machine> {
            let mut steps = ::std::vec::Vec::new();
            $(
                for kind in <$event as $crate::typed::Event>::kinds().iter() {
                    steps.push((
                        <$from as $crate::decide::machine::State>::NAME.into(),
                        kind.name.into(),
                        <$to as $crate::decide::machine::State>::NAME.into(),
                    ));
                }
            )+
            $crate::decide::machine::Machine::new(::core::stringify!($name), steps)
        }
    };
}
