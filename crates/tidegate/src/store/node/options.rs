//! How a node is opened, and what it says of itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tidegate_shared_log::SharedLog;

/// The shared log that a node stands on, and how long it waits for that.
///
/// ```
/// use std::sync::Arc;
/// use tidegate::StoreOptions;
/// use tidegate::report::cluster::{MemoryLog, NodeOptions};
///
/// let log = Arc::new(MemoryLog::new("orders"));
/// # let folder = tempfile::tempdir()?;
/// # let directory = folder.path().join("node-1");
/// let node = StoreOptions::new().open_node(directory, NodeOptions::new(log))?;
/// # node.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeOptions {
    /// The shared log.
    pub log: Arc<dyn SharedLog>,
    /// How long an append waits for the shared log at most, and the opening of a new node. Default: 10 seconds. After that an append
    /// is told [`Unavailable`](crate::ErrorKind::Unavailable) if nothing of it was handed over, otherwise
    /// [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown).
    pub patience: Duration,
}

impl NodeOptions {
    /// Returns the default options over a shared log.
    pub fn new(log: Arc<dyn SharedLog>) -> Self {
        Self { log, patience: Duration::from_secs(10) }
    }

    /// Sets how long an append waits for the shared log at most.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

/// Snapshot of a node: [`Store::node`](crate::Store::node) takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeStatus {
    /// The name of the shared log.
    pub log: String,
    /// What an acknowledgement of the shared log survives, as its adapter found it.
    pub durability: String,
    /// The slot up to which the shared log is applied here.
    pub applied: u64,
    /// The last slot that this node knows of; what lies between is to be applied.
    pub end: u64,
    /// The slot up to which this node needs nothing of the shared log again, even after a power cut.
    pub saved: u64,
    /// Proposals that were void since the opening, this node's or another's: copies, late ones, those made again.
    pub void: u64,
}

impl fmt::Display for NodeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { log, durability, applied, end, saved, void } = self;
        write!(f, "node of {log} ({durability}): applied slot {applied} of {end}, saved {saved}, {void} void")
    }
}
