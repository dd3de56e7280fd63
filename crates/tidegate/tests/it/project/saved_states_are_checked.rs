//! A saved state is believed only if everything speaks for it; the answers are the same without it.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use tidegate::Event;
use tidegate::project::{Projection, Projector, ProjectorOptions, Start};
use tidegate::testing::{Call, Env, Errno, FaultPlan, FaultyDisk, Model, SeededRandom, SimulatedClock};
use tidegate::{
    AppendOptions, ErrorKind, Position, Query, QueryItem, RecordedEvent, Result, Store, StoreOptions,
    StoreReader,
};

use super::{Sums, Taken, added, append, plain};
use crate::stored::access::{Access, Opened};

const FILE: &str = "projections/project.sums/all.1";

/// A simulated machine with a store on it.
struct Machine {
    disk: FaultyDisk,
    clock: SimulatedClock,
    random: SeededRandom,
}

impl Machine {
    fn new(seed: u64) -> Self {
        let disk = FaultyDisk::new(seed, Model::default());
        Self { disk, clock: SimulatedClock::new(1), random: SeededRandom::new(seed) }
    }

    fn open_for(&self, access: Access) -> Opened {
        let world = Env::simulated(&self.disk, &self.clock, &self.random);
        access.open(world, StoreOptions::new().thread(false)).unwrap()
    }

    fn open(&self) -> Store {
        self.open_for(Access::Create).writer().clone()
    }

    /// A machine whose store has five events and a saved state of them, closed in good order.
    fn saved(seed: u64) -> Self {
        let machine = Self::new(seed);
        let store = machine.open();
        append(&store, (1..=5).map(|number| added("a", number)));
        let sums = open(&store);
        sums.read().unwrap();
        sums.save().unwrap();
        store.close().unwrap();
        machine.restarted()
    }

    fn restarted(&self) -> Self {
        Self { disk: self.disk.reopen(), clock: self.clock.clone(), random: self.random.clone() }
    }
}

fn open(store: &StoreReader) -> Projector<Sums> {
    store.projector().unwrap()
}

/// Why the state was rejected. The answer is right all the same.
#[track_caller]
fn rejected(store: &StoreReader) -> String {
    let sums = open(store);
    let reading = sums.read().unwrap();
    assert_eq!(*reading, plain::<Sums>(store, reading.head(), None).0);
    match sums.start() {
        Start::Rebuilt(error) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_next_one_begins_there() {
    let machine = Machine::saved(1);
    for access in [Access::Read, Access::Create] {
        let store = machine.open_for(access);
        let sums = open(&store);
        assert!(matches!(sums.start(), Start::Saved(Position(5))), "{:?}", sums.start());
        assert_eq!(*sums.read().unwrap(), plain::<Sums>(&store, Position(5), None).0);
    }
    machine.disk.at_rest().remove(FILE).unwrap();
    assert!(matches!(open(&machine.open()).start(), Start::New));
}

#[test]
fn any_changed_bit_is_noticed() {
    let machine = Machine::saved(1);
    let whole = machine.disk.at_rest().read(FILE).unwrap();
    let store = machine.open_for(Access::Read);
    for bit in 0..8 * whole.len() as u64 {
        machine.disk.at_rest().flip_bit(FILE, bit).unwrap();
        let why = rejected(&store);
        assert!(why.contains("damaged: the saved state is rejected") && why.contains(FILE), "{why}");
        machine.disk.at_rest().write(FILE, &whole).unwrap();
    }
    for length in 0..whole.len() {
        machine.disk.at_rest().write(FILE, &whole[..length]).unwrap();
        rejected(&store);
    }
    machine.disk.at_rest().write(FILE, &[&whole[..], b"\0"].concat()).unwrap();
    rejected(&store);
    machine.disk.at_rest().write(FILE, &whole).unwrap();
    assert!(matches!(open(&store).start(), Start::Saved(_)));
    let store = machine.open();
    machine.disk.set_plan(FaultPlan::default().fail(Call::Read, 1, Errno::IO));
    let unreadable = open(&store);
    assert!(matches!(unreadable.start(), Start::Rebuilt(_)), "{:?}", unreadable.start());
}

#[test]
fn another_store_or_query_is_noticed() {
    let (machine, other) = (Machine::saved(1), Machine::saved(2));
    let foreign = other.disk.at_rest().read(FILE).unwrap();
    machine.disk.at_rest().write(FILE, &foreign).unwrap();
    let store = machine.open();
    assert!(rejected(&store).contains("it is of another store"));

    // Another part of the same projection has another query.
    let part: Projector<Sums> = store.projector_with(ProjectorOptions::new().stream(("s", "a"))).unwrap();
    part.read().unwrap();
    part.save().unwrap();
    let names = machine.disk.at_rest().names_in("projections/project.sums");
    let name = names.iter().find(|name| *name != FILE).unwrap();
    machine.disk.at_rest().copy(name, FILE).unwrap();
    assert!(rejected(&store).contains("it is of another query"));
}

/// The log loses its end in a power cut, and the saved state came of what it lost.
#[test]
fn a_log_that_went_another_way_is_noticed() {
    let machine = Machine::saved(1);
    let store = machine.open();
    store.append_with(vec![added("b", 6), added("b", 7)], AppendOptions::new().buffered()).unwrap();
    let sums = open(&store);
    assert_eq!(sums.read().unwrap().position(), Position(7));
    sums.save().unwrap();
    machine.disk.lose_unsynced();
    drop(store);

    let machine = machine.restarted();
    let store = machine.open();
    assert_eq!(store.frontier().visible, Position(5), "the end is lost");
    assert!(rejected(&store).contains("it is ahead of the log"));
    let ahead = machine.disk.at_rest().read(FILE).unwrap();
    append(&store, [added("c", 8), added("c", 9)]);
    machine.disk.at_rest().write(FILE, &ahead).unwrap();
    assert!(rejected(&store).contains("the log went another way"));
    append(&store, [Taken { number: 1 }.draft(("s", "c")).unwrap()]);
    assert!(rejected(&store).contains("the log went another way"));
}

#[test]
fn a_reader_writes_nothing() {
    let machine = Machine::saved(1);
    let store = machine.open_for(Access::Read);
    let eager = ProjectorOptions::new().save_after(Some(1));
    let sums: Projector<Sums> = store.projector_with(eager).unwrap();
    sums.read().unwrap();
    assert_eq!(sums.save().unwrap_err().kind(), ErrorKind::Invalid);
    sums.reset().unwrap();
    assert_eq!(sums.read().unwrap().position(), Position(5));
    assert!(Call::ALL.iter().filter(|call| call.changes()).all(|call| machine.disk.count(*call) == 0));
}

/// At every call of a save the process dies, or the power fails, or the call fails.
#[test]
fn a_save_that_ends_anywhere_leaves_a_state_or_none() {
    let (mut crashes, mut calls) = (0, 0);
    for power in [false, true] {
        for at in 1..40 {
            let machine = Machine::saved(at);
            let store = machine.open();
            append(&store, (0..4).map(|number| added("b", number)));
            let sums = open(&store);
            sums.read().unwrap();
            machine.disk.set_plan(FaultPlan::default().crash_at(at));
            let saved = sums.save();
            if power {
                machine.disk.power_cut(at);
            } else {
                machine.disk.kill();
            }
            crashes += u64::from(saved.is_err());
            drop((store, sums));
            let machine = machine.restarted();
            let store = machine.open();
            let sums = open(&store);
            match sums.start() {
                Start::Saved(Position(5)) => assert!(saved.is_err()),
                Start::Saved(Position(9)) => {}
                other => panic!("at {at}, power {power}: {other:?}"),
            }
            assert_eq!(*sums.read().unwrap(), plain::<Sums>(&store, Position(9), None).0);
            sums.save().unwrap();
            assert!(matches!(open(&store).start(), Start::Saved(Position(9))));
        }
    }
    for call in Call::ALL.into_iter().filter(|call| call.changes()) {
        let machine = Machine::saved(1);
        let store = machine.open();
        let sums = open(&store);
        machine.disk.set_plan(FaultPlan::default().fail_from(call, 1, Errno::IO));
        calls += u64::from(sums.save().is_err());
        machine.disk.set_plan(FaultPlan::default());
        assert!(matches!(open(&store).start(), Start::Saved(Position(5))), "{call:?}");
        append(&store, [added("a", 1)]);
        assert_eq!(sums.read().unwrap().position(), Position(6));
        sums.save().unwrap();
    }
    assert!(crashes > 10 && calls >= 5, "{crashes} {calls}");
}

/// Counts in how many ways it was called, apart from its state.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Touched(u64);

static TOUCHED: AtomicU64 = AtomicU64::new(0);

impl Projection for Touched {
    const NAME: &'static str = "project.touched";
    const VERSION: u16 = 1;

    fn query() -> Query {
        QueryItem::new().kind("project.*").into()
    }

    fn apply(&mut self, _: &RecordedEvent) -> Result<()> {
        TOUCHED.fetch_add(1, Ordering::Relaxed);
        self.0 += 1;
        Ok(())
    }
}

#[test]
fn a_second_read_costs_what_is_new() {
    let store = super::store();
    append(&store, (0..100).map(|number| added("a", number)));
    let project = ProjectorOptions::new().save_after(Some(50));
    let touched: Projector<Touched> = store.projector_with(project.clone()).unwrap();
    let read = |touched: &Projector<Touched>| {
        TOUCHED.store(0, Ordering::Relaxed);
        let count = touched.read().unwrap().0;
        (TOUCHED.load(Ordering::Relaxed), count)
    };
    assert_eq!(read(&touched), (100, 100));
    assert_eq!(read(&touched), (0, 100));
    append(&store, (0..10).map(|number| added("a", number)));
    assert_eq!(read(&touched), (10, 110));
    let again: Projector<Touched> = store.projector_with(project).unwrap();
    assert_eq!(read(&again), (10, 110), "it was saved by itself");
}
