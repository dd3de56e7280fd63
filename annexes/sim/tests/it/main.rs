//! What the simulated world finds out about the store, and that it would find out.

mod broken_disk;
mod broken_stores_are_caught;
mod crash_keeps_acknowledged;
mod running_syncs;
