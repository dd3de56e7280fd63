//! Threads decide, the process or the power ends, and the next life goes on.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tidegate::testing::{Call, Disk, Env, FaultPlan, FaultyDisk, Model, SeededRandom, SimulatedClock};
use tidegate::{AppendOptions, Store, StoreOptions};

use super::Dice;
use super::checker::check;
use super::workload::{Notes, Task, Way};
use crate::faults::Hooked;

const THREADS: u64 = 6;
const LIVES: u64 = 8;
const TASKS: u64 = 60;

/// The disk, whose syncs let the other threads run: they write on meanwhile, and several frames are unsynced at once.
fn slow(disk: &FaultyDisk) -> Arc<dyn Disk> {
    Arc::new(Hooked::new(disk.clone(), |call| {
        if call == Call::Sync {
            (0..THREADS).for_each(|_| std::thread::yield_now());
        }
    }))
}

/// One store over several lives.
fn live(seed: u64) -> Notes {
    let mut dice = Dice(seed);
    let mut disk = FaultyDisk::new(seed, Model::default());
    let (clock, random) = (SimulatedClock::new(1), SeededRandom::new(seed));
    let options = StoreOptions::new().segment_bytes(8 << 10);
    let notes = Notes::default();
    for life in 0..LIVES {
        let world = Env { disk: slow(&disk), ..Env::simulated(&disk, &clock, &random) };
        let store = options.open_in(world).unwrap();
        assert_eq!(check(&store, &notes), Vec::<String>::new(), "seed {seed}, life {life}");
        if dice.roll(4) > 0 {
            disk.set_plan(FaultPlan::default().crash_at(20 + dice.roll(400)));
        }
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (store, notes, dice) = (&store, &notes, Dice(dice.roll(1 << 60) + thread));
                scope.spawn(move || work(store, notes, dice));
            }
        });
        let cut = dice.roll(2) == 0;
        let durable = store.frontier().durable;
        match (disk.ended(), cut) {
            (_, true) => disk.power_cut(dice.roll(1 << 40)),
            (false, false) if dice.roll(2) == 0 => {
                let closed = store.close();
                assert!(closed.is_ok() || disk.ended(), "seed {seed}, life {life}: {closed:?}");
            }
            (false, false) => disk.kill(),
            (true, false) => {}
        }
        if cut {
            // What was acknowledged before its sync may be lost.
            notes.receipts.lock().unwrap().retain(|(receipt, synced)| *synced || receipt.last() <= durable);
            notes.rested.lock().unwrap().retain(|(position, _, synced)| *synced || *position <= durable);
        }
        drop(store);
        disk = disk.reopen();
        clock.advance(1000);
    }
    let store = options.open_in(Env::simulated(&disk, &clock, &random)).unwrap();
    assert_eq!(check(&store, &notes), Vec::<String>::new(), "seed {seed}, at the end");
    notes
}

/// Decides until the tasks are done or the store has ended.
fn work(store: &Store, notes: &Notes, mut dice: Dice) {
    for _ in 0..TASKS {
        let task = Task::roll(&mut dice);
        let way = [Way::Decide, Way::Decide, Way::Condition, Way::Submit][dice.roll(4) as usize];
        let append = if dice.roll(4) == 0 { AppendOptions::new().buffered() } else { AppendOptions::new() };
        if !notes.run(store, task, way, &append) {
            return;
        }
    }
}

#[test]
fn decisions_hold_at_their_own_position() {
    let (mut committed, mut denied, mut conflicts) = (0, 0, 0);
    for seed in 0..12 {
        let notes = live(seed);
        committed += notes.receipts.lock().unwrap().len();
        denied += notes.denied.load(Ordering::Relaxed);
        conflicts += notes.conflicts.load(Ordering::Relaxed);
    }
    // A run in which nothing clashed would show nothing.
    println!("committed {committed}, denied {denied}, conflicts {conflicts}");
    assert!(committed > 1000 && denied > 100 && conflicts > 50, "{committed} {denied} {conflicts}");
}
