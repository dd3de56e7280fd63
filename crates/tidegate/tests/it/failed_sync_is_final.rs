//! After a failed sync nothing is called durable any more, to any caller, however many times it asks.

use std::time::Duration;

use tidegate::testing::{Call, Env, Errno, FaultPlan, FaultyDisk, Model, SeededRandom, SimulatedClock};
use tidegate::{AppendOptions, Draft, ErrorKind, Position, StoreOptions};

fn draft() -> Draft {
    Draft::new(("s", "a"), "a.b")
}

/// The system tells of lost bytes once: the sync after the failed one says all is well. A wait for durability
/// once ran that second sync and believed it.
#[test]
fn a_sync_after_a_failed_one_is_not_believed() {
    let disk = FaultyDisk::new(1, Model::default());
    let world = Env::simulated(&disk, &SimulatedClock::new(1), &SeededRandom::new(1));
    let store = StoreOptions::new().thread(false).open_in(world).unwrap();
    store.append(draft()).unwrap();
    store.append_with(draft(), AppendOptions::new().buffered()).unwrap();
    disk.set_plan(FaultPlan::default().fail(Call::Sync, 1, Errno::IO));
    let first = store.wait_durable(Position(2), Duration::ZERO).unwrap_err();
    assert_eq!(first.kind(), ErrorKind::Ended, "{first}");
    for _ in 0..2 {
        assert_eq!(store.wait_durable(Position(2), Duration::ZERO).unwrap_err().kind(), ErrorKind::Ended);
        assert_eq!(store.step().unwrap_err().kind(), ErrorKind::Ended);
        assert_eq!(store.append(draft()).unwrap_err().kind(), ErrorKind::Ended);
    }
    assert_eq!(store.frontier().durable, Position(1));
    assert_eq!(store.wait_durable(Position(1), Duration::ZERO).unwrap(), Position(1));
    assert_eq!(disk.count(Call::Sync), 1, "it is not even tried");
    drop(store);
    let disk = disk.reopen();
    let world = Env::simulated(&disk, &SimulatedClock::new(1), &SeededRandom::new(1));
    let store = StoreOptions::new().open_in(world).unwrap();
    assert!(store.frontier().durable >= Position(1));
}
