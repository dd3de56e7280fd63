//! What a cursor promises.

mod are_bound_and_named;
mod change_from_outside;
mod crashes_lose_none;
mod damage_is_told;
mod failures_are_parked;
mod go_back;
mod redelivery;
mod streams_stay_in_order;

use std::time::Duration;

use tidegate::subscription::cursor::{Cursor, CursorOptions, Delivery};
use tidegate::testing::SimulatedClock;
use tidegate::{Draft, Position, Store};

use crate::faults::Stage;

/// A store with a clock that stands, and `streams` of one event each.
fn stage(streams: usize) -> (Stage, Store) {
    let stage = Stage::new();
    let store = stage.open();
    for stream in 0..streams {
        put(&store, &format!("e{stream}"));
    }
    (stage, store)
}

fn put(store: &Store, entity: &str) -> Position {
    store.append(Draft::new(("s", entity.to_owned()), "a.one")).unwrap().first()
}

/// The next delivery, which is there.
fn next(cursor: &Cursor) -> Delivery {
    cursor.next_now().unwrap().expect("something can be handed out")
}

fn at(delivery: &Delivery) -> u64 {
    delivery.event().position().0
}

/// Acknowledges what can be handed out, and says what that was.
fn drain(cursor: &Cursor) -> Vec<u64> {
    let mut found = Vec::new();
    while let Some(delivery) = cursor.next_now().unwrap() {
        found.push(at(&delivery));
        delivery.ack().unwrap();
    }
    found
}

fn parked(cursor: &Cursor) -> Vec<u64> {
    cursor.parked().iter().map(|parked| parked.position.0).collect()
}

/// Keeps each acknowledgement at once, and tries twice.
fn strict() -> CursorOptions {
    CursorOptions::new().commit_interval(Duration::ZERO).max_attempts(2)
}

fn pass(clock: &SimulatedClock, seconds: u64) {
    clock.advance(seconds * 1_000_000);
}
