//! Typed events: Rust types bound to kinds of events and the versions of their schemas.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use tidegate::{Event, Store};
//!
//! // A struct is one kind.
//! #[derive(Serialize, Deserialize, Event)]
//! #[event(kind = "boat.launched")]
//! struct Launched {
//!     crew: u32,
//! }
//!
//! // An enum is a kind a variant; a variant that holds an event type stands for that one's kinds.
//! #[derive(Event)]
//! enum Boat {
//!     Launched(Launched),
//!     #[event(kind = "boat.moored")]
//!     Moored { berth: String },
//!     #[event(kind = "boat.sunk")]
//!     Sunk,
//! }
//!
//! let store = Store::in_memory()?;
//! store.append(Launched { crew: 3 }.draft(("harbour", "gull"))?)?;
//! let moored = Boat::Moored { berth: "B4".to_owned() };
//! store.append(moored.draft(("harbour", "gull"))?.tag("berth:B4"))?;
//!
//! let mut crew = 0;
//! for event in store.read(&Boat::item().scope("harbour").into())? {
//!     match Boat::of(&event?)? {
//!         Boat::Launched(launched) => crew = launched.crew,
//!         Boat::Moored { berth } => println!("{crew} went ashore at {berth}"),
//!         Boat::Sunk => crew = 0,
//!     }
//! }
//! # Ok::<(), tidegate::Error>(())
//! ```
//!
//! [`Event`] is two things under one name, as in other crates that derive: the trait and the derive macro. An event that
//! is read from the log is a [`RecordedEvent`].
//!
//! # Payloads
//!
//! A payload is `MessagePack` with named fields, by the type's own `serde` implementation. An event with JSON, as the
//! command line appends it, is read as JSON. A payload of bytes has a content type: `content = "image/svg+xml"`.
//!
//! # Versions
//!
//! A type has one version of its schema. Earlier versions keep their types, and become the next one by `From` or
//! `TryFrom`: `upcast(1 => V1)`. If an earlier event stands for several of today, `split(1 => V1)` yields all of them, which
//! [`Event::all_of`] and projections read; position and version stay those of the recorded event. An event of a version
//! after the type's own is an error of kind [`Newer`](crate::ErrorKind::Newer), never a guess.
//!
//! [`golden`] keeps payloads of every version beside the source, and a test that reads them for ever: it fails if a type's
//! shape changed without a new version.
//!
//! # One kind, one type
//!
//! Every derive leaves a claim with the linker. Opening a store refuses two types that claim one kind, and
//! names both. The other type may stand in another crate or inside a function. A trait
//! implemented by hand claims its kinds with [`claim!`].
//!
//! The derive's page, [`Event`](derive@Event), describes each attribute with an example.
#[cfg(feature = "message-pack")]
mod nesting;
mod kind;
mod values;
mod value;
#[cfg(feature = "derive")]
mod claims;
#[cfg(feature = "message-pack")]
mod payload;
pub mod golden;
#[cfg(feature = "message-pack")]
#[doc(hidden)]
pub mod derived;

#[cfg(feature = "derive")]
#[doc(inline)]
pub use crate::__claim as claim;
#[cfg(feature = "derive")]
#[doc(hidden)]
pub use claims::Claim;
#[cfg(feature = "derive")]
pub(crate) use claims::check as check_claims;
pub use kind::{CONTENT_TYPE, Kind};
#[cfg(feature = "message-pack")]
pub use payload::DraftPayload;
/// Runs the examples of the derives' pages, since their crate stands below this one.
#[cfg(all(doctest, feature = "derive"))]
#[doc = include_str!("../../../derive/EVENT.md")]
#[doc = include_str!("../../../derive/PROJECTION.md")]
pub struct DerivePages;
#[cfg(feature = "derive")]
pub use tidegate_derive::Event;
/// ```
/// use tidegate::{Cause, Draft, EventId, Position, Store, StreamId, Version};
///
/// let store = Store::in_memory()?;
/// let (first, second) = (EventId::from_key("shop", "1"), EventId::from_key("shop", "2"));
/// store.append(Draft::new(("shop", "order-7"), "order.placed").id(first))?;
/// let paid = Draft::new(("shop", "order-7"), "order.paid").id(second).cause(first).tag("customer:c1");
/// store.append(paid.meta("trace", "4711").json_text(r#"{"cents":1200}"#))?;
///
/// let event = store.view()?.at(Position(2))?.expect("it was appended");
/// assert_eq!((event.position(), event.version(), event.id()), (Position(2), Version(2), second));
/// assert_eq!((event.scope(), event.entity(), event.lane()), ("shop", "order-7", 0));
/// assert_eq!(event.stream(), StreamId::new("shop", "order-7"));
/// assert_eq!((event.kind(), event.schema()), ("order.paid", 1));
/// assert_eq!(event.tags().collect::<Vec<_>>(), ["customer:c1"]);
/// assert_eq!(event.causes().collect::<Vec<_>>(), [Cause::At(Position(1))]);
/// assert_eq!(event.correlation(), first, "inherited from its cause");
/// assert_eq!(event.meta("trace"), Some(&b"4711"[..]));
/// assert_eq!(event.meta_text("trace"), Some("4711"));
/// assert_eq!(event.metadata().count(), 1);
/// assert_eq!(event.payload()?, br#"{"cents":1200}"#);
/// assert_eq!(event.payload_bytes(), 14);
/// assert_eq!(event.payload_type(), tidegate::typed::PayloadType::Json);
/// assert!(event.time().0 > 0);
/// assert_eq!(event.leaf(), event.record().leaf());
/// # Ok::<(), tidegate::Error>(())
/// ```
#[doc(inline)]
pub use tidegate_format::PayloadType;
pub use tidegate_segment::RecordedEvent;
pub use value::Event;
pub use values::Values;
