//! What the writer publishes, and waiting for it.
mod deadline;
mod frontier;
mod state;

pub(crate) use deadline::Deadline;
pub use frontier::Frontier;
pub(crate) use state::{Log, Published};
