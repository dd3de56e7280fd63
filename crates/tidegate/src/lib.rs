//! An embedded event store: append-only, causal, synchronous, crash-safe.
//!
//! Not a server, not a query language, not a message broker.
//!
//! ```
//! use tidegate::{Draft, Query, Store};
//!
//! let store = Store::in_memory()?;
//! let placed = store.append(
//!     Draft::new(("shop", "order-7"), "order.placed").json(r#"{"total":12}"#).tag("customer:c1"),
//! )?;
//! store.append(Draft::new(("shop", "order-7"), "order.paid").cause(placed.first()))?;
//! let kinds: Vec<_> = store
//!     .read(&Query::stream(("shop", "order-7")))?
//!     .map(|event| Ok(event?.kind().to_owned()))
//!     .collect::<tidegate::Result<_>>()?;
//! assert_eq!(kinds, ["order.placed", "order.paid"]);
//! # Ok::<(), tidegate::Error>(())
//! ```
//!
//! Reading order: [`Store`] (the facade), [`StoreOptions`] and [`AppendOptions`] (how), [`Draft`] and [`Batch`] (what
//! goes in), [`Receipt`] and [`Ticket`] (what comes back), [`View`], [`Query`], [`ReadOptions`] and [`Events`]
//! (reading), [`subscription`] (reading on), its [`cursor`](subscription::cursor) (remembering where) and
//! [`reactor`](subscription::reactor) (answering events with events), [`typed`] (Rust types as events), [`project`]
//! (states folded from them), [`graph`] (what led to what), [`report`] (what is in order
//! and what is not), [`Error`] (what can go wrong and what to do).
mod sync;
pub mod settings;
mod published;
mod read;
pub mod graph;
pub mod batch;
mod backend;
mod journal;
mod threads;
pub mod typed;
pub mod decide;
mod store;
pub mod subscription;
pub mod project;
pub mod report;

pub use batch::{Batch, Condition, Receipt};

pub use journal::{Ticket, Tickets};
pub use read::{Events, Query, QueryItem, ReadOptions, View};
pub use settings::{AppendOptions, Durability, StoreOptions};
pub use store::{Store, StoreReader};
pub use tidegate_disk as disk;
pub use tidegate_format as format;
pub use tidegate_format::{
    Cause, Draft, Error, ErrorKind, EventId, Place, Position, Result, StoreId, StreamId, Version,
};
pub use typed::{Event, RecordedEvent};
