//! Nodes: one history on several machines, over a log that others run. Needs the feature `cluster`.
//!
//! A node is a whole store in a directory of its own. An append becomes a *proposal* in the shared log; every node reads that log in
//! order and judges each proposal by the same commit section, against the same history, so all come to the same events at
//! the same positions, and to the same leaves. Conditions, gates and decisions hold across the cluster, and any node may write
//! at any time.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use tidegate::report::cluster::{MemoryLog, NodeOptions};
//! use tidegate::{Draft, Query, StoreOptions};
//!
//! # let folder = tempfile::tempdir()?;
//! let log = Arc::new(MemoryLog::new("orders"));
//! let open = |name: &str| StoreOptions::new().open_node(folder.path().join(name), NodeOptions::new(log.clone()));
//! let (one, other) = (open("node-1")?, open("node-2")?);
//! let placed = one.append(Draft::new(("shop", "order-7"), "order.placed"))?;
//! other.catch_up(Duration::from_secs(10))?;
//! assert_eq!(other.count(&Query::ALL)?, 1);
//! let seen = other.view()?.at(placed.first())?.expect("it is there");
//! assert_eq!(seen.leaf(), placed.events[0].leaf);
//! # one.close()?;
//! # other.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! * **An acknowledgement** means that the shared log has the proposal, as durable as that log is, and that this node has
//!   applied it; with [`Durability::Synced`](crate::Durability::Synced), which is the default, that this node has synced it too.
//! * **The same everywhere.** Nothing of a machine enters a verdict. What no history explains (a disk that fails, damage, an item that does not
//!   hold) ends the node, whose reads go on; it decides nothing.
//! * **A lost answer** is not a failure: the proposal is handed in again under the same sequence, and is applied once. If the
//!   shared log does not answer in time, the caller is told [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown), and an idempotency
//!   key makes the retry safe.
//! * **Reads** show what this node has applied, a consistent prefix. [`Store::catch_up`](crate::Store::catch_up) waits for everything
//!   that was acknowledged anywhere before it was called.
//!
//! What a node does not do yet: erase, destroy keys, retire.
mod bytes;
mod item;
mod batches;
mod replicated;
mod file;
mod progress;
mod options;
mod genesis;
mod sequencer;
mod follower;
mod handle;

pub(super) use handle::NodeHandle;
pub use options::{NodeOptions, NodeStatus};
pub use tidegate_shared_log::{AppendError, LogDescription, MemoryLog, SharedLog, Slot};
