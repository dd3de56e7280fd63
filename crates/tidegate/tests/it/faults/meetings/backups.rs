//! A backup, or a fork, while a writer opens the store, appends over rolls and closes it: each stopped at any of its calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidegate::report::backup::{RestoreUntil, back_up_in, examine_in, fork_in};
use tidegate::testing::{Disk, Env, MemoryDisk};
use tidegate::{AppendOptions, Result, StoreOptions};

use super::super::stage::{History, Stage, batch, history, one};
use super::meet;
use super::readers::torn;

fn world(disk: Arc<dyn Disk>) -> Env {
    Env { disk, ..Env::memory() }
}

/// Appends, and tells how far it was acknowledged as durable.
fn write(stage: &Stage, disk: Arc<dyn Disk>, durable: &AtomicU64) -> History {
    let store = stage.options.open_in(stage.world_with(disk)).unwrap();
    for number in 0..6 {
        store.append_with(one("buffered"), AppendOptions::new().buffered()).unwrap();
        let receipt = store.append_with(batch(number), AppendOptions::new().synced()).unwrap();
        durable.store(receipt.last().0, Ordering::SeqCst);
    }
    store.upkeep().step().unwrap();
    let all = history(&store).unwrap();
    store.close().unwrap();
    all
}

/// Backs up, and says how far the store was known to be durable before.
fn back_up(stage: &Stage, disk: Arc<dyn Disk>, to: &MemoryDisk, durable: &AtomicU64) -> Result<u64> {
    let before = durable.load(Ordering::SeqCst);
    back_up_in(&stage.world_with(disk), &world(Arc::new(to.clone())), |_| ()).map(|_| before)
}

/// K2: the backup holds at least what was durable when it was begun, nothing that was not written, and is whole.
fn check(all: &History, made: Result<u64>, to: &MemoryDisk, place: &str) -> u64 {
    let before = made.unwrap_or_else(|error| panic!("{place}: {error}"));
    let env = world(Arc::new(to.clone()));
    let examined = examine_in(&env, |_| ()).unwrap();
    assert!(examined.faults.is_empty(), "{place}: {:?}", examined.faults);
    let reader = StoreOptions::new().open_reader_in(env).unwrap();
    reader.verify(|_| ()).unwrap();
    let found = history(&reader).unwrap();
    assert!(all.starts_with(&found) && found.len() as u64 >= before, "{place}: {} events", found.len());
    found.len() as u64
}

#[test]
fn beside_a_writer_at_any_call() {
    let (sample, durable) = torn();
    let known = || Arc::new(AtomicU64::new(durable.len() as u64));
    let (mut lengths, mut stops) = (std::collections::BTreeSet::new(), 0);
    // The backup stands while the writer does everything.
    for at in 1.. {
        let (stage, to, known) = (sample.fork(), MemoryDisk::new(), known());
        let (writing, from, into, told) = (stage.clone(), stage.clone(), to.clone(), Arc::clone(&known));
        let writer = (usize::MAX, move |disk| write(&writing, disk, &told));
        let backup = (at, move |disk| back_up(&from, disk, &into, &known));
        let Some(met) = meet(&stage.disk, writer, backup) else { break };
        lengths.insert(check(&met.first, met.second, &to, &format!("the backup stopped at call {at}")));
        stops += 1;
    }
    // The writer stands while the backup is made.
    for at in 1.. {
        let (stage, to, known) = (sample.fork(), MemoryDisk::new(), known());
        let (writing, from, into, told) = (stage.clone(), stage.clone(), to.clone(), Arc::clone(&known));
        let backup = (usize::MAX, move |disk| back_up(&from, disk, &into, &known));
        let writer = (at, move |disk| write(&writing, disk, &told));
        let Some(met) = meet(&stage.disk, backup, writer) else { break };
        lengths.insert(check(&met.second, met.first, &to, &format!("the writer stopped at call {at}")));
        stops += 1;
    }
    assert!(stops > 150 && lengths.len() > 5, "{stops} stops, backups of {lengths:?} events");
}

#[test]
fn a_fork_beside_a_writer_at_any_call() {
    let (sample, durable) = torn();
    let mut stops = 0;
    for at in 1.. {
        let (stage, to) = (sample.fork(), MemoryDisk::new());
        let known = AtomicU64::new(0);
        let (writing, from, into) = (stage.clone(), stage.clone(), to.clone());
        let fork = (usize::MAX, move |disk| {
            fork_in(&from.world_with(disk), &world(Arc::new(into)), RestoreUntil::All, |_| ())
        });
        let writer = (at, move |disk| write(&writing, disk, &known));
        let Some(met) = meet(&stage.disk, fork, writer) else { break };
        let report = met.first.unwrap_or_else(|error| panic!("the writer stopped at call {at}: {error}"));
        let store = StoreOptions::new().thread(false).open_in(world(Arc::new(to))).unwrap();
        store.verify(|_| ()).unwrap();
        let found = history(&store).unwrap();
        assert!(met.second.starts_with(&found) && found.starts_with(&durable), "{at}");
        assert_eq!((store.id(), found.len() as u64), (report.store, report.plan.until.0));
        stops += 1;
    }
    assert!(stops > 50, "{stops} stops");
}
