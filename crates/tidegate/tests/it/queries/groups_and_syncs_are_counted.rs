//! What `Store::metrics` says: groups with what is in them, the queue, and syncs with their times.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidegate::testing::{Call, Errno, FaultPlan};
use tidegate::{AppendOptions, Batch, Condition, Store, Version};

use crate::faults::stage::one;
use crate::faults::{Hooked, Stage};

/// A store without a thread whose syncs take as many milliseconds as the number says.
fn slow(stage: &Stage) -> (Store, Arc<AtomicU64>) {
    let millis = Arc::new(AtomicU64::new(3));
    let (clock, takes) = (stage.clock.clone(), Arc::clone(&millis));
    let disk = Hooked::new(stage.disk.clone(), move |call| {
        if call == Call::Sync {
            clock.advance(takes.load(Ordering::Relaxed) * 1000);
        }
    });
    (stage.options.segment_bytes(40_000).open_in(stage.world_with(Arc::new(disk))).unwrap(), millis)
}

#[test]
fn with_their_sizes_and_times() {
    let stage = Stage::new();
    let (store, millis) = slow(&stage);
    let new = store.metrics();
    assert_eq!((new.groups, new.events, new.queued_batches, new.syncs), (0, 0, 0, 0));
    let batch = || Batch::from(vec![one("a"), one("b")]);
    let synced = AppendOptions::new().synced();
    for number in 0..5 {
        drop(store.submit_with(batch(), synced.clone()).unwrap());
        assert_eq!(store.metrics().queued_batches, number + 1);
    }
    // Refused at the commit: by then the stream has events.
    let refused = batch().only_if(Condition::Version(("scope", "a").into(), Version(0)));
    let mut refused = store.submit_with(refused, synced.clone()).unwrap();
    let queued = store.metrics();
    assert!(queued.queued_bytes > 0 && queued.groups == 0, "{queued}");
    store.upkeep().step().unwrap();
    assert!(refused.wait_for(Duration::ZERO).is_err());
    let first = store.metrics();
    assert_eq!((first.groups, first.batches, first.events, first.largest_group), (1, 6, 10, 6));
    assert_eq!((first.bytes, first.queued_batches, first.queued_bytes), (queued.queued_bytes, 0, 0));
    assert_eq!((first.syncs, first.sync_time), (1, Duration::from_millis(3)));

    millis.store(1, Ordering::Relaxed);
    store.append_with(one("c"), synced.clone()).unwrap();
    store.append_with(one("c"), AppendOptions::new().buffered()).unwrap();
    let second = store.metrics();
    assert_eq!((second.groups, second.batches, second.events, second.largest_group), (3, 8, 12, 6));
    assert_eq!((second.syncs, second.sync_time), (2, Duration::from_millis(4)));
    assert_eq!((second.longest_sync, second.last_sync), (Duration::from_millis(3), Duration::from_millis(1)));

    // What failed is not counted, a closed writer keeps its numbers, and the next one counts from 0.
    stage.disk.set_plan(FaultPlan::default().fail(Call::Sync, 1, Errno::IO));
    store.append_with(one("d"), synced).unwrap_err();
    assert_eq!(store.metrics().syncs, 2);
    assert!(store.close().is_err());
    assert_eq!(store.metrics().groups, 4);
    store.reopen().unwrap();
    assert_eq!(store.metrics().groups, 0);
}
