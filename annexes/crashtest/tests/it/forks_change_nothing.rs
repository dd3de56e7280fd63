//! A process forked from a writer is refused by every call, and takes nothing of what the writer acknowledged
//! (F23).
//!
//! A child that waited for a ticket once led its copy of the queue, and wrote over synced batches of its parent.

use tidegate_crashtest::trial::fork::fork;

use super::{done, program};

#[test]
fn by_any_call() {
    let folder = tempfile::tempdir().unwrap();
    let forks = done(fork(&program(), folder.path()));
    assert!(forks > 60, "every call, with and without the store's thread: {forks}");
}
