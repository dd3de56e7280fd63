//! What a subscription delivers, and when it ends.

pub(crate) mod crashes;
mod cursors;
mod ends_with_its_store;
mod joined_at_any_moment;
pub(crate) mod logged;
mod reactors;
mod state_dirs;
mod tasks_are_woken;
mod wakers_do_as_they_like;
mod whole_batches;
mod with_losses;
mod workers;

use std::time::Duration;

use tidegate::{Draft, Position, Query, QueryItem, RecordedEvent, Store, StoreOptions};

/// Longer than any wait that is to end by itself.
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(1);

/// Segments so small that a few dozen events seal one.
fn small() -> StoreOptions {
    StoreOptions::new().segment_bytes(4096)
}

fn store() -> Store {
    small().in_memory().unwrap()
}

fn draft(kind: &'static str) -> Draft {
    Draft::new(("s", "e"), kind)
}

fn kind(kind: &'static str) -> Query {
    QueryItem::new().kind(kind).into()
}

fn positions(events: impl IntoIterator<Item = RecordedEvent>) -> Vec<Position> {
    events.into_iter().map(|event| event.position()).collect()
}
