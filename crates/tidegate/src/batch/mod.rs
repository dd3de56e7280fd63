//! Batches: what a caller wants in the log, and what must hold for it.
mod condition;
mod note;
mod whole;

pub use condition::{Condition, Conflict, ConflictKind};
pub use note::Bypass;
pub(crate) use note::{GATES, read_gates};
pub(crate) use whole::content;
pub use whole::{Batch, key};
