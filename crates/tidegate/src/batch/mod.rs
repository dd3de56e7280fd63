//! Batches: what a caller wants in the log, and what must hold for it.
mod condition;
mod note;
mod whole;

pub use condition::{Condition, Conflict, ConflictKind};
pub use note::Bypass;
pub(crate) use note::{BYPASS, FOOTPRINT, gates_of};
pub(crate) use whole::content;
pub use whole::{Batch, key};
