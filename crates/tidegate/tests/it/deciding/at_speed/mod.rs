//! Decisions at the speed of writing: about what is not synced yet, and many about the same thing.

mod hot_boundaries;
mod unsynced;

use super::{append, draft, store, tag};
