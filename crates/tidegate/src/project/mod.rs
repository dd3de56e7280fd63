//! Projections: states folded from events, kept up to date beside a store.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use tidegate::project::{Staleness, ProjectorOptions, Projection, Projector};
//! use tidegate::{Event, RecordedEvent, Store};
//!
//! #[derive(Serialize, Deserialize, Event)]
//! #[event(kind = "tank.filled")]
//! struct Filled {
//!     litres: u32,
//! }
//!
//! #[derive(Serialize, Deserialize, Event)]
//! #[event(kind = "tank.drained")]
//! struct Drained {
//!     litres: u32,
//! }
//!
//! #[derive(Clone, Debug, Default, Serialize, Deserialize, Projection)]
//! #[projection(name = "tank.level", version = 1, on(Filled => filled, Drained => drained))]
//! struct Level {
//!     litres: u32,
//! }
//!
//! impl Level {
//!     // A handler takes the value, and the event too if it asks for it.
//!     fn filled(&mut self, Filled { litres }: Filled, _event: &RecordedEvent) {
//!         self.litres += litres;
//!     }
//!
//!     // It may refuse: the event is then poison.
//!     fn drained(&mut self, Drained { litres }: Drained) -> Result<(), String> {
//!         self.litres = self.litres.checked_sub(litres).ok_or("drained of more than it held")?;
//!         Ok(())
//!     }
//! }
//!
//! let store = Store::in_memory()?;
//! let level = store.projector_with::<Level>(ProjectorOptions::new().stream(("boat", "tank-1")))?;
//! let filled = store.append(Filled { litres: 40 }.draft(("boat", "tank-1"))?)?;
//! assert_eq!(level.read()?.litres, 40);
//!
//! // The second read costs what is new, and what was read before stays as it was.
//! store.append(Drained { litres: 15 }.draft(("boat", "tank-1"))?)?;
//! assert_eq!(level.read_with(Staleness::positions(1))?.litres, 40);
//! assert_eq!(level.read()?.litres, 25);
//! assert_eq!(level.at(filled.last())?.litres, 40);
//!
//! // What cannot be taken in stops it, with the place and the reason.
//! store.append(Drained { litres: 99 }.draft(("boat", "tank-1"))?)?;
//! let stopped = level.read().unwrap_err().to_string();
//! assert!(stopped.contains("position 3") && stopped.contains("more than it held"));
//! assert_eq!(level.read_with(Staleness::ANY)?.litres, 25);
//! # Ok::<(), tidegate::Error>(())
//! ```
//!
//! Reading order: [`Projection`] (how a state comes of events), [`Projector`] (the state beside a store),
//! [`ProjectorOptions`] and [`Poison`] (how it is kept), [`Staleness`] and [`Reading`] (what is asked and answered),
//! [`catch_up_all`] (several in one pass), [`ReadModel`] and [`Updater`] (a state in the caller's own database).
//!
//! Projections need the feature `message-pack`, which the default feature `derive` brings; read models do not.
//!
//! # Saved states
//!
//! A state is saved under `projections/NAME/`, outside the log and never on the append path, by the thread that reads the
//! projection. It can be deleted at any time. One that is damaged, or that does not fit the log, is rejected and the state
//! folded anew; [`Projector::start`] says so. A process that opens the store for reading only saves to a
//! [directory of its own](crate::subscription::StateDir).
//!
//! # A new version
//!
//! If the fold changes, its version does. The new one is built beside the old, which answers until then:
//!
//! ```
//! # use serde::{Deserialize, Serialize};
//! # use tidegate::project::{Staleness, ProjectorOptions, Projection, Projector};
//! # use tidegate::{Draft, Event, RecordedEvent, QueryItem, Query, Result, Store};
//! # #[derive(Clone, Default, Serialize, Deserialize)]
//! # struct CountV1(u64);
//! # #[derive(Clone, Default, Serialize, Deserialize)]
//! # struct Count { events: u64, days: u64 }
//! # impl Projection for CountV1 {
//! #     const NAME: &'static str = "count";
//! #     const VERSION: u16 = 1;
//! #     fn query() -> Query { Query::ALL }
//! #     fn apply(&mut self, _: &RecordedEvent) -> Result<()> { self.0 += 1; Ok(()) }
//! # }
//! # impl Projection for Count {
//! #     const NAME: &'static str = "count";
//! #     const VERSION: u16 = 2;
//! #     fn query() -> Query { Query::ALL }
//! #     fn apply(&mut self, _: &RecordedEvent) -> Result<()> { self.events += 1; Ok(()) }
//! # }
//! # impl From<CountV1> for Count {
//! #     fn from(old: CountV1) -> Self { Self { events: old.0, days: 0 } }
//! # }
//! # let store = Store::in_memory()?;
//! # store.append(Draft::new(("a", "b"), "c"))?;
//! # store.append(Draft::new(("a", "b"), "c"))?;
//! let old = store.projector::<CountV1>()?;
//! let count = store.projector::<Count>()?.with_previous(old)?;
//! assert_eq!(count.read()?.version(), 1);
//! while !count.catch_up(1)? {
//!     assert_eq!(count.read()?.events, 2);
//! }
//! assert_eq!(count.read()?.version(), 2);
//! # Ok::<(), tidegate::Error>(())
//! ```
#[cfg(feature = "message-pack")]
mod projection;
#[cfg(feature = "message-pack")]
mod options;
#[cfg(feature = "message-pack")]
mod reading;
#[cfg(feature = "message-pack")]
mod snapshot;
#[cfg(feature = "message-pack")]
mod fold;
#[cfg(feature = "message-pack")]
mod projector;
#[cfg(feature = "message-pack")]
mod save;
#[cfg(all(feature = "message-pack", feature = "proofs"))]
mod evidence;
#[cfg(feature = "message-pack")]
mod pass;
mod bookmark;
mod read_model;
#[cfg(feature = "message-pack")]
#[doc(hidden)]
pub mod derived;

pub use bookmark::Bookmark;
#[cfg(feature = "message-pack")]
pub use options::{Poison, ProjectorOptions};
#[cfg(feature = "message-pack")]
pub use pass::{AnyProjector, catch_up_all};
#[cfg(feature = "message-pack")]
pub use projection::Projection;
#[cfg(feature = "message-pack")]
pub use projector::{Projector, Start};
pub use read_model::{ReadModel, Updater};
#[cfg(feature = "message-pack")]
pub use reading::{PoisonEvent, Reading, Staleness};
#[cfg(feature = "derive")]
pub use tidegate_derive::Projection;
