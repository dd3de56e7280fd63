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
//! # What is written
//!
//! A payload is `MessagePack` with named fields, by the type's own `serde` implementation. The fields of a
//! variant need none: the derive writes it for them, and `#[serde(..)]` on them says what it says elsewhere.
//! Reading follows the event: JSON, as the command line appends it, is read as JSON.
//!
//! A payload in other words is bytes with a content type:
//!
//! ```
//! # use tidegate::Event;
//! #[derive(Event)]
//! #[event(kind = "chart.drawn", content = "image/svg+xml")]
//! struct Chart(String); // or Vec<u8>: what gives bytes and is made from a `Vec<u8>`
//! ```
//!
//! # Versions
//!
//! A type stands for one version of its schema. Earlier ones keep their types, which need no kind of their
//! own, and become the next one by `From` or, where that can fail, `TryFrom`:
//!
//! ```
//! # use serde::{Deserialize, Serialize};
//! # use tidegate::Event;
//! #[derive(Deserialize)]
//! struct WeighedV1 {
//!     pounds: f64,
//! }
//!
//! #[derive(Serialize, Deserialize, Event)]
//! #[event(kind = "catch.weighed", version = 2, upcast(1 => WeighedV1))]
//! struct Weighed {
//!     grams: u64,
//! }
//!
//! impl From<WeighedV1> for Weighed {
//!     fn from(earlier: WeighedV1) -> Self {
//!         Self { grams: (earlier.pounds * 453.592) as u64 }
//!     }
//! }
//! ```
//!
//! Every version from the first one on has to be there: a gap does not compile. Where the first versions were
//! never written, `since = 3` says so. An event of a version after the type's own is an error of kind
//! [`Newer`](crate::ErrorKind::Newer), never a guess.
//!
//! # One kind, one type
//!
//! Every derive leaves a claim with the linker. Opening a store refuses two types that claim one kind, and
//! names both. Another crate may be the other one; a type in the middle of a function counts too. A trait
//! implemented by hand claims its kinds with [`claim!`].
mod nesting;
mod kind;
mod value;
mod claims;
mod payload;
#[doc(hidden)]
pub mod derived;

#[doc(inline)]
pub use crate::__claim as claim;
#[doc(hidden)]
pub use claims::Claim;
pub(crate) use claims::check as check_claims;
pub use kind::Kind;
pub use payload::CONTENT_TYPE;
#[cfg(feature = "derive")]
pub use tidegate_derive::Event;
#[doc(no_inline)]
pub use tidegate_segment::RecordedEvent;
pub use value::Event;
