//! What the writer publishes, and waiting for it.
mod deadline;
mod frontier;
mod log;
mod tasks;
mod state;

pub(crate) use deadline::Deadline;
pub use frontier::Frontier;
pub(crate) use log::{Damage, Log, STRETCH, Sieve};
pub(crate) use state::Published;
#[cfg(feature = "futures")]
pub(crate) use state::Registration;
pub(crate) use tasks::Tasks;
