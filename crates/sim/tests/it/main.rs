//! What the simulated world finds out about the store.

mod crash_keeps_acknowledged;
