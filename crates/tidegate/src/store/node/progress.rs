//! How far a node is, as others than the one who applies see it. Nothing is decided by these numbers, so no order is kept
//! between them.

use std::sync::atomic::AtomicU64;

/// Numbers of a node.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) applied: AtomicU64,
    pub(super) end: AtomicU64,
    pub(super) saved: AtomicU64,
    pub(super) void: AtomicU64,
}
