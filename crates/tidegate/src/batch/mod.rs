//! Batches: what a caller wants in the log, what must hold for it, and what the caller keeps.
mod receipt;
mod condition;
mod footprint;
mod note;
mod import;
mod draft_keys;
mod whole;
mod valid;

pub use condition::Condition;
pub(crate) use draft_keys::DraftKeys;
pub use footprint::Footprint;
pub use import::{Import, ImportedPayload};
pub use note::Bypass;
pub(crate) use note::{BYPASS, FOOTPRINT, gates_of};
pub use receipt::{Receipt, ReceiptEvent, ReceiptStatus};
pub use tidegate_format::record::ErasedPayload;
pub use tidegate_format::refusal::{Conflict, ConflictKind};
pub use tidegate_format::{Blind, Hash};
pub(crate) use valid::{Key, KeyLookup, ValidBatch};
pub(crate) use whole::content;
pub use whole::{Batch, key_of_parts};
