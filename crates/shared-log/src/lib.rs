//! What the nodes of a cluster ask of a log that others run: items in one order, durable, at least once.
//!
//! It is not a consensus protocol. A shared log puts items in an order that is the same for everyone, and nothing else is
//! asked of it: no compare-and-append, no leader, no lease. What the items mean is for the nodes, which all judge them alike.
//!
//! ```
//! use std::time::Duration;
//! use tidegate_shared_log::{MemoryLog, SharedLog, Slot};
//!
//! let (log, wait) = (MemoryLog::new("orders"), Duration::from_secs(1));
//! let slot = log.append(b"a proposal", wait)?;
//! assert_eq!((slot, log.end(wait)?), (Slot(1), Slot(1)));
//! assert_eq!(log.read(Slot(1), wait)?, [(Slot(1), b"a proposal".to_vec())]);
//! # Ok::<(), tidegate_shared_log::Error>(())
//! ```
//!
//! Reading order: [`SharedLog`] (the seam), [`MemoryLog`] (for tests and examples), [`FaultyLog`] (any log, with the faults of
//! networks and servers from a seed), [`conformance`] (what any adapter has to pass).
mod log;
mod memory;
mod faulty;
pub mod conformance;

pub use faulty::{Faults, FaultyLog};
pub use log::{AppendError, LogDescription, SharedLog, Slot};
pub use memory::MemoryLog;
pub use tidegate_format::{Error, ErrorKind, Result};
