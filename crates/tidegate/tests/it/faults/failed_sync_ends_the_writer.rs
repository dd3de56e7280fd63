//! A sync that failed once is final: the writer ends, says so, and nothing later is acknowledged (F8 to F11).

use std::sync::{Arc, Mutex};

use tidegate::testing::{Call, Errno, FaultPlan, Model};
use tidegate::{AppendOptions, ErrorKind, Position, Store};

use super::hooked::Hooked;
use super::stage::{LONG, Stage, fill, history, one};
use crate::stored::access::Access;

fn ended(store: &Store) {
    for append in [AppendOptions::new().synced(), AppendOptions::new().buffered()] {
        assert_eq!(store.append_with(one("later"), append.clone()).unwrap_err().kind(), ErrorKind::Ended);
        assert_eq!(store.submit_with(one("later"), append.clone()).unwrap_err().kind(), ErrorKind::Ended);
    }
    assert_eq!(store.upkeep().step().map_err(|error| error.kind()).err(), Some(ErrorKind::Ended));
    assert_eq!(store.close().unwrap_err().kind(), ErrorKind::Ended);
}

/// F8. Others retried the sync: it succeeds, reads return the bytes from the page cache, and the disk has none
/// of them. Here every waiter of the group gets the error, reads go on, and reopening recovers.
#[test]
fn everybody_in_the_group_is_told() {
    let mut stage = Stage::new();
    let store = stage.open();
    fill(&store, 3);
    let before = history(&store).unwrap();
    let tickets: Vec<_> = ["a", "b", "c"]
        .map(|entity| store.submit_with(one(entity), AppendOptions::new().buffered()).unwrap())
        .into();
    stage.disk.set_plan(FaultPlan::default().fail(Call::Sync, 1, Errno::IO));
    let error = store.append_with(one("d"), AppendOptions::new().synced()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    for ticket in tickets {
        assert_eq!(ticket.wait().unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    }
    assert_eq!(history(&store).unwrap(), before, "reads go on, and show nothing of the group");
    ended(&store);
    stage.disk.kill();
    stage.restart();
    let store = stage.open();
    assert!(history(&store).unwrap().starts_with(&before));
    fill(&store, 2);
}

/// F8. The caller that came in while the sync ran was told that the writer has ended, and what the sync had failed for showed
/// all the same: the group of those who came in held nothing, and made visible whatever had a place.
#[test]
fn who_comes_in_meanwhile_shows_nothing_of_it() {
    let stage = Stage::new();
    let (ask, asked) = std::sync::mpsc::channel::<Arc<Store>>();
    let (tell, told) = std::sync::mpsc::channel();
    let (asked, tell) = (Mutex::new(asked), Mutex::new(tell));
    let mut world = stage.world();
    world.disk = Arc::new(Hooked::new(stage.disk.clone(), move |call| {
        let store = (call == Call::Sync).then(|| asked.lock().unwrap().try_recv().ok()).flatten();
        if let Some(store) = store {
            tell.lock()
                .unwrap()
                .send(store.submit_with(one("meanwhile"), AppendOptions::new().synced()))
                .unwrap();
        }
    }));
    let store = Arc::new(stage.options.open_in(world).unwrap());
    fill(&store, 3);
    let before = history(&store).unwrap();
    stage.disk.set_plan(FaultPlan::default().fail(Call::Sync, 1, Errno::IO));
    ask.send(Arc::clone(&store)).unwrap();
    assert_eq!(
        store.append_with(one("lost"), AppendOptions::new().synced()).unwrap_err().kind(),
        ErrorKind::OutcomeUnknown
    );
    let meanwhile = told.recv().unwrap().unwrap();
    assert_eq!(meanwhile.wait().unwrap_err().kind(), ErrorKind::Ended, "it was not written");
    assert_eq!(history(&store).unwrap(), before, "whether it is kept is unknown, so it does not show");
    ended(&store);
}

/// F9: what the page cache still shows after a failed sync is worth nothing when the power goes. What an
/// opening served for writing is on the disk, whatever happened before it.
#[test]
fn the_page_cache_is_not_believed_at_the_next_opening() {
    for keeps_some in [false, true] {
        let mut stage = Stage::on(Model { failed_sync_keeps_some: keeps_some, ..Model::default() });
        let store = stage.open();
        fill(&store, 2);
        stage.disk.set_plan(FaultPlan::default().fail(Call::Sync, 1, Errno::IO));
        store.append_with(one("lost by the sync"), AppendOptions::new().synced()).unwrap_err();
        stage.disk.kill();
        stage.restart();
        let store = stage.open();
        let served = history(&store).unwrap();
        stage.disk.lose_unsynced();
        stage.restart();
        assert_eq!(history(&stage.open()).unwrap(), served);
    }
}

/// F10: an error of writing back that comes from before our time surfaces at the first sync.
#[test]
fn an_old_error_surfaces_at_the_first_sync() {
    let (stage, intact) = Stage::closed();
    let store = stage.open();
    stage.disk.set_plan(FaultPlan::default().fail(Call::Sync, 1, Errno::IO));
    assert_eq!(
        store.append_with(one("first"), AppendOptions::new().synced()).unwrap_err().kind(),
        ErrorKind::OutcomeUnknown
    );
    assert_eq!(history(&store).unwrap(), intact);
    ended(&store);
}

/// F8 if no caller waits for a commit: a sync forced by `wait_durable` or by a step is as final.
#[test]
fn forced_syncs_are_final_too() {
    for step in [false, true] {
        let stage = Stage::new();
        let store = stage.open();
        store.append_with(one("a"), AppendOptions::new().buffered()).unwrap();
        stage.disk.set_plan(FaultPlan::default().fail(Call::Sync, 1, Errno::IO));
        let error =
            if step { store.upkeep().step() } else { store.wait_durable(Position(1), LONG).map(|_| ()) };
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Ended);
        assert_eq!(store.wait_durable(Position(1), LONG).unwrap_err().kind(), ErrorKind::Ended);
        assert_eq!(history(&store).unwrap().len(), 1, "it was acknowledged as buffered and stays visible");
        ended(&store);
    }
}

/// F8 at a roll and at closing.
#[test]
fn a_failed_sync_of_a_roll_or_a_close_is_final() {
    let stage = Stage::new();
    let store = stage.open();
    stage.disk.set_plan(FaultPlan::default().fail(Call::Sync, 1, Errno::IO));
    let errors: Vec<_> = (0..20)
        .filter_map(|_| store.append_with(one("a"), AppendOptions::new().buffered()).err())
        .map(|e| e.kind())
        .collect();
    let (over, later) = errors.split_first().expect("there is a roll");
    assert_eq!(*over, ErrorKind::OutcomeUnknown);
    assert!(later.iter().all(|kind| *kind == ErrorKind::Ended), "{errors:?}");

    let mut stage = Stage::new();
    let store = stage.open();
    store.append_with(one("a"), AppendOptions::new().buffered()).unwrap();
    stage.disk.set_plan(FaultPlan::default().fail(Call::Sync, 1, Errno::IO));
    assert_eq!(store.close().unwrap_err().kind(), ErrorKind::Ended);
    stage.disk.kill();
    stage.restart();
    assert!(!stage.open().report().clean);
}

/// F11: a disk that lies about syncs may lose its newest groups as one; a gap never goes unnoticed.
#[test]
fn a_sync_that_lies_never_leaves_a_silent_gap() {
    let (mut refused, mut shorter) = (0, 0);
    for seed in 0..300 {
        let mut stage = Stage::on(Model { sync_lies: true, ..Model::default() });
        stage.options.segment_bytes = 1 << 20;
        stage.disk.set_model(Model::default());
        let store = stage.open();
        fill(&store, 4);
        stage.disk.set_model(Model { sync_lies: true, ..Model::default() });
        fill(&store, 4);
        let told = history(&store).unwrap();
        stage.disk.power_cut(seed);
        stage.restart();
        match stage.try_open(Access::Write) {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Damaged);
                refused += 1;
            }
            Ok(store) => {
                let found = history(&store).unwrap();
                assert!(told.starts_with(&found) && found.len() >= 6, "seed {seed}");
                shorter += u32::from(found.len() < told.len());
            }
        }
    }
    assert!(refused > 10 && shorter > 10, "refused {refused}, shorter {shorter}");
}

/// Two syncs at once: the error of one is told by the system once, and the other succeeds although the bytes
/// of both are gone. Nothing that a sync after the failed one covers is acknowledged.
#[test]
fn a_sync_after_a_failed_one_acknowledges_nothing() {
    let stage = Stage::new();
    let store = stage.open();
    store.append_with(one("a"), AppendOptions::new().buffered()).unwrap();
    stage.disk.set_plan(FaultPlan::default().fail(Call::Sync, 1, Errno::IO));
    assert!(store.wait_durable(Position(1), LONG).is_err());
    assert!(store.wait_durable(Position(1), LONG).is_err(), "the second sync would succeed");
    assert_eq!(store.frontier().durable, Position(0));
    assert_eq!(stage.disk.count(Call::Sync), 1);
}

/// The system reports lost bytes once: the sync after the failed one says all is well. A wait for durability
/// once ran that second sync and believed it.
#[test]
fn a_sync_after_a_failed_one_is_not_believed() {
    let mut stage = Stage::new();
    let store = stage.open();
    store.append(one("a")).unwrap();
    store.append_with(one("a"), AppendOptions::new().buffered()).unwrap();
    stage.disk.set_plan(FaultPlan::default().fail(Call::Sync, 1, Errno::IO));
    let first = store.wait_durable(Position(2), LONG).unwrap_err();
    assert_eq!(first.kind(), ErrorKind::Ended, "{first}");
    for _ in 0..2 {
        assert_eq!(store.wait_durable(Position(2), LONG).unwrap_err().kind(), ErrorKind::Ended);
        assert_eq!(store.upkeep().step().unwrap_err().kind(), ErrorKind::Ended);
        assert_eq!(store.append(one("a")).unwrap_err().kind(), ErrorKind::Ended);
    }
    assert_eq!(store.frontier().durable, Position(1));
    assert_eq!(store.wait_durable(Position(1), LONG).unwrap(), Position(1));
    assert_eq!(stage.disk.count(Call::Sync), 1, "it is not even tried");
    drop(store);
    stage.restart();
    let store = stage.open();
    assert!(store.frontier().durable >= Position(1));
}
