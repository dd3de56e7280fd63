//! Reads the files of a batpak 0.8.0 store, for an import into Tidegate.
//!
//! It opens no files: [`BatpakStore::open`] gets the names in the store's directory and a function that reads one, and
//! [`BatpakStore::read_segment`] gets the bytes of a segment. Checks are over what was written: checksums, batches, hashes
//! of payloads, and the chain of each entity. What does not hold is a [`Finding`]; only a store whose files cannot be told
//! apart from another version's, or whose hidden ranges are lost, is refused.
//!
//! ```
//! use tidegate_batpak::BatpakStore;
//!
//! // A directory with nothing of batpak's in it has no segments.
//! let names = ["README.md".to_owned()];
//! let store = BatpakStore::open(&names, |name| unreachable!("{name} is not batpak's"))?;
//! assert!(store.segments().is_empty() && store.findings().is_empty());
//! # Ok::<(), tidegate_format::Error>(())
//! ```
//!
//! Reading order: `message_pack` (values), `event` (one frame's event), `segment` (frames and footer), `finding`, `layout`
//! (which files count, and what is hidden), `store` (batches, sequences and chains over all segments).
mod message_pack;
mod event;
mod segment;
mod finding;
mod layout;
mod store;

pub use event::BatpakEvent;
pub use finding::{Finding, FindingKind};
pub use store::{BatpakBatch, BatpakStore};
