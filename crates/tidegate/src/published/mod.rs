//! What the writer publishes, and waiting for it.
mod deadline;
mod frontier;
mod keys;
mod log;
mod tasks;
mod state;

pub(crate) use deadline::Deadline;
pub use frontier::Frontier;
pub(crate) use keys::{DraftCipher, Keys};
#[cfg(feature = "encryption")]
pub use keys::{KeyState, Keyring, SubjectKey};
pub(crate) use log::{Damage, Log, SEGMENT_GROUP, SegmentFilter};
#[cfg(feature = "futures")]
pub(crate) use state::Registration;
pub(crate) use state::SharedState;
pub(crate) use tasks::Tasks;
