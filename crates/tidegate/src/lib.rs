//! An embedded event store: append-only, causal, synchronous, crash-safe.
//!
//! Not a server, not a query language, not a message broker.
//!
//! Append, and read back:
//!
//! ```
//! use tidegate::{Draft, Query, Store};
//!
//! #[derive(serde::Serialize)]
//! struct Order {
//!     total: u32,
//! }
//!
//! let store = Store::in_memory()?; // or Store::open("shop")
//! let placed = store.append(
//!     Draft::new(("shop", "order-7"), "order.placed").json(&Order { total: 12 })?.tag("customer:c1"),
//! )?;
//! store.append(Draft::new(("shop", "order-7"), "order.paid").cause(placed.first()))?;
//! assert_eq!(store.count(&Query::stream(("shop", "order-7")))?, 2);
//! # Ok::<(), tidegate::Error>(())
//! ```
//!
//! Append if no event after a position matches a query, as the Dynamic Consistency Boundary specification has it:
//!
//! ```
//! use tidegate::{Batch, Condition, Draft, ErrorKind, Position, Query, Store};
//!
//! let store = Store::in_memory()?;
//! let seat = || Batch::from(Draft::new(("hall", "12a"), "seat.sold").tag("seat:12a"));
//! let unsold = || Condition::fail_if(Query::tag("seat:12a")).after(Position::START);
//! store.append(seat().only_if(unsold()))?;
//! assert_eq!(store.append(seat().only_if(unsold())).unwrap_err().kind(), ErrorKind::Conflict);
//! # Ok::<(), tidegate::Error>(())
//! ```
//!
//! Decide: what the closure reads holds when its events are committed, or it is asked again:
//!
//! ```
//! use tidegate::{Draft, Query, Result, Store};
//!
//! let store = Store::in_memory()?;
//! let outcome = store.decide(|view| -> Result<Vec<Draft>> {
//!     let sold = view.count(&Query::kind("seat.sold"))?;
//!     if sold >= 40 {
//!         return Ok(vec![]);
//!     }
//!     Ok(vec![Draft::new(("hall", format!("seat-{sold}")), "seat.sold")])
//! })?;
//! assert!(outcome.receipt().is_some());
//! # Ok::<(), tidegate::Error>(())
//! ```
//!
//! Follow with a cursor, which keeps its place and delivers at least once:
//!
//! ```
//! use tidegate::{Draft, Query, Store};
//!
//! let store = Store::in_memory()?;
//! store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
//! let mailer = store.cursor("mailer", Query::kind("order.*"))?;
//! while let Some(delivery) = mailer.next_now()? {
//!     println!("a letter about {}", delivery.event().entity());
//!     delivery.ack()?;
//! }
//! # Ok::<(), tidegate::Error>(())
//! ```
//!
//! Project events into a state, which is brought up to date when it is read; [`project`] derives the same:
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use tidegate::project::Projection;
//! use tidegate::{Draft, Query, RecordedEvent, Result, Store};
//!
//! #[derive(Clone, Default, Serialize, Deserialize)]
//! struct Totals {
//!     orders: u64,
//! }
//!
//! impl Projection for Totals {
//!     const NAME: &'static str = "totals";
//!     const VERSION: u16 = 1;
//!
//!     fn query() -> Query {
//!         Query::kind("order.placed")
//!     }
//!
//!     fn apply(&mut self, _: &RecordedEvent) -> Result<()> {
//!         self.orders += 1;
//!         Ok(())
//!     }
//! }
//!
//! let store = Store::in_memory()?;
//! store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
//! let totals = store.projector::<Totals>()?;
//! assert_eq!(totals.read()?.orders, 1);
//! # Ok::<(), tidegate::Error>(())
//! ```
//!
//! Reading order: [`Store`] (the facade) and [`StoreReader`] (what is asked of it), [`StoreOptions`] and [`AppendOptions`] (how), [`Draft`] and [`Batch`] (what
//! goes in), [`Receipt`] and [`Ticket`] (what comes back), [`View`], [`Query`], [`ReadOptions`] and [`Events`]
//! (reading), [`decide`] (denials, gates and what a decision read), [`subscription`] (reading on), its [`cursor`](subscription::cursor) (remembering where) and
//! [`reactor`](subscription::reactor) (answering events with events), [`typed`] (Rust types as events), [`project`]
//! (states folded from them), [`graph`] (what led to what), [`report`] (what is in order
//! and what is not), [`Upkeep`](report::Upkeep) (what keeps it so), [`backup`](report::backup) (copies of it, and stores made of them), [`Error`] (what can go wrong and what to do).
//!
//! The [`guide`] goes from a first store to operating, proving and moving one.
//!
//! Features: `derive` (on by default; the derived types need `serde` with its own `derive`), `message-pack` (part of it: payloads
//! of Rust types as `MessagePack`, and projections), `encryption` (payloads that are encrypted
//! for a subject: `tidegate::report::keyring`), `futures` (a subscription as
//! an asynchronous stream), `proofs` (signed checkpoints, and proofs of events that need no store to be checked), `testing` (simulated disks, clocks and randomness).
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(feature = "message-pack"),
    allow(dead_code, unused_imports, reason = "projections alone use some of it")
)]

mod sync;
pub mod settings;
mod published;
mod read;
pub mod graph;
pub mod batch;
mod backend;
mod journal;
pub mod typed;
pub mod decide;
mod store;
#[cfg(feature = "proofs")]
pub mod proofs;
pub mod subscription;
pub mod project;
pub mod report;
#[cfg(any(doc, doctest))]
#[path = "../guide/mod.rs"]
pub mod guide;

pub use batch::{Batch, Condition, Receipt};

pub use journal::{Ticket, Tickets};
pub use read::{Events, Query, QueryItem, ReadOptions, View};
pub use settings::{AppendOptions, Durability, StoreOptions};
#[cfg(feature = "testing")]
pub use store::testing;
pub use store::{Store, StoreReader};
pub use tidegate_format::{
    Cause, Draft, Error, ErrorKind, ErrorPlace, EventId, Micros, Position, Result, StoreId, StreamId, Version,
};
pub use typed::{Event, RecordedEvent};
