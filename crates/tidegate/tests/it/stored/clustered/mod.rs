//! Nodes of a shared log: one history, on every one of them.
mod one_history;
mod outcomes;
mod simulated;

use std::sync::Arc;
use std::time::Duration;

use tidegate::report::cluster::{MemoryLog, NodeOptions, SharedLog};
use tidegate::testing::{Env, FaultyDisk, Model, SeededRandom, SimulatedClock};
use tidegate::{Draft, Position, Query, Store, StoreOptions};

const WAIT: Duration = Duration::from_secs(10);

/// What nodes run on here: a disk and a clock each.
pub(crate) struct Machine {
    pub(crate) disk: FaultyDisk,
    pub(crate) clock: SimulatedClock,
    pub(crate) options: StoreOptions,
    pub(crate) patience: Duration,
    number: u64,
    openings: u64,
}

impl Machine {
    pub(crate) fn new(number: u64, options: StoreOptions) -> Self {
        let disk = FaultyDisk::new(number, Model::default());
        let clock = SimulatedClock::new(1_700_000_000_000_000 + number * 1_000_000);
        Self { disk, clock, options: options.thread(false), patience: WAIT, number, openings: 0 }
    }

    pub(crate) fn open(&mut self, log: Arc<dyn SharedLog>) -> tidegate::Result<Store> {
        self.openings += 1;
        let random = SeededRandom::new(self.number * 1000 + self.openings);
        let env = Env::simulated(&self.disk, &self.clock, &random);
        self.options.open_node_in(env, NodeOptions::new(log).patience(self.patience))
    }

    /// The power goes: what was not synced is lost.
    pub(crate) fn lose_power(&mut self, store: Store) {
        self.disk.lose_unsynced();
        drop(store);
        self.disk = self.disk.reopen();
    }
}

pub(crate) fn memory() -> MemoryLog {
    MemoryLog::new("orders")
}

pub(crate) fn order(number: u64) -> Draft {
    Draft::new(("shop", format!("order-{}", number % 5)), "order.placed")
        .json_text(format!("{{\"n\":{number}}}"))
}

/// Every leaf of a history, with id, time and kind of its event.
pub(crate) fn history(store: &Store) -> Vec<String> {
    let events = store.read(&Query::ALL).unwrap();
    let line = |event: tidegate::RecordedEvent| {
        format!("{} {} {} {} {}", event.position(), event.leaf(), event.id(), event.time().0, event.kind())
    };
    events.map(|event| line(event.unwrap())).collect()
}

/// Has every node catch up, and checks that all have the same history; returns it.
pub(crate) fn agree(stores: &[&Store]) -> Vec<String> {
    let histories: Vec<_> = stores
        .iter()
        .map(|store| {
            store.catch_up(WAIT).unwrap();
            history(store)
        })
        .collect();
    for other in &histories[1..] {
        assert_eq!(&histories[0], other, "every node has the same history");
    }
    histories[0].clone()
}

pub(crate) fn last(history: &[String]) -> Position {
    Position(history.len() as u64)
}
