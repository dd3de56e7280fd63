//! A store whose writer ended is opened again behind the handles that there are.

mod handles_go_on;
#[cfg(shuttle)]
mod interleavings;
mod lost_events;
mod prepared_before;

use std::time::Duration;

use tidegate::testing::{Call, Errno, FaultPlan};
use tidegate::{AppendOptions, Draft, ErrorKind, Position, Receipt, Store};

use crate::faults::Stage;

const LONG: Duration = Duration::from_secs(60);

fn order(name: &'static str) -> Draft {
    Draft::new(("shop", name), "order.placed")
}

fn buffered(store: &Store, name: &'static str) -> Receipt {
    store.append_with(order(name), AppendOptions::new().buffered()).unwrap()
}

/// Ends the writer by a sync that fails.
fn fail_a_sync(stage: &Stage, store: &Store) {
    let last = buffered(store, "never-synced").last();
    stage.disk.set_plan(FaultPlan::default().fail(Call::Sync, 1, Errno::IO));
    assert_eq!(store.wait_durable(last, LONG).unwrap_err().kind(), ErrorKind::Ended);
}

/// A store with two durable events, which `begin` makes something of, and two that are visible and not durable. What `see`
/// makes of that has seen them when the writer ends, and they are lost before the store is opened again: what a system does that gives up pages it could not
/// write. Two other events get their positions.
fn reopened_after_a_loss_of<B, T>(
    begin: impl FnOnce(&Store) -> B,
    see: impl FnOnce(&Store, B) -> T,
) -> (Stage, Store, T) {
    let mut stage = Stage::new();
    stage.options = stage.options.segment_bytes(1 << 20);
    let store = stage.open();
    store.append(order("kept-1")).unwrap();
    store.append(order("kept-2")).unwrap();
    let begun = begin(&store);
    let active = stage.active();
    let durable = stage.bytes(&active);
    buffered(&store, "lost-3");
    buffered(&store, "lost-4");
    let seen = see(&store, begun);
    fail_a_sync(&stage, &store);
    stage.disk.at_rest().write(&active, &durable).unwrap();
    store.reopen().unwrap();
    assert_eq!(store.view().unwrap().head(), Position(2));
    store.append(order("other-3")).unwrap();
    store.append(order("other-4")).unwrap();
    (stage, store, seen)
}

fn reopened_after_a_loss<T>(see: impl FnOnce(&Store) -> T) -> (Stage, Store, T) {
    reopened_after_a_loss_of(|_| (), |store, ()| see(store))
}
