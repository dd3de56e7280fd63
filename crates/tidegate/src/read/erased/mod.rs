//! What events say is erased. [`Upkeep::erase`](crate::report::Upkeep::erase) erases.
//!
//! An event of kind [`ERASED`] names the positions whose payloads are gone, with a reason and by whom. It is an event like
//! any other: subscriptions, cursors, reactors and read models can select its kind, and so forget what they keep of those
//! events.
//!
//! ```
//! use tidegate::report::{ERASED, ErasedEvent};
//! use tidegate::report::Erase;
//! use tidegate::{Draft, ErrorKind, Query, Store};
//!
//! let store = Store::in_memory()?;
//! let letter = store.append(Draft::new(("shop", "customer-7"), "letter.sent").json_text(r#"{"to":"Ann"}"#))?;
//! store.upkeep().erase(&Query::stream(("shop", "customer-7")), Erase::new("a request of 3 May", "desk 2"))?;
//!
//! for event in store.read(&Query::kind(ERASED))? {
//!     let erased = ErasedEvent::of(&event?)?;
//!     assert_eq!(erased.positions.runs(), [(letter.first(), letter.first())]);
//! }
//! let event = store.view()?.at(letter.first())?.expect("the event is still there");
//! assert_eq!((event.kind(), event.is_erased()), ("letter.sent", true));
//! assert_eq!(event.payload().unwrap_err().kind(), ErrorKind::Erased);
//! # Ok::<(), tidegate::Error>(())
//! ```
mod positions;
mod event;
mod check;
mod masking;

pub(crate) use check::{ErasureCheck, ErasureFinding};
pub use event::{DESTROYED, ERASED, ErasedEvent, RETIRED};
pub(crate) use masking::{events_between, floor_between, mask, unmask};
pub use positions::ErasedPositions;
