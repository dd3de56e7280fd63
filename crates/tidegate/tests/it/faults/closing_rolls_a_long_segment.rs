//! Closing puts a new segment behind a long one, and may die at any step of that (F13, F31).

use tidegate::testing::{Call, Errno, FaultPlan};
use tidegate::{AppendOptions, ErrorKind, Store};

use super::stage::{History, Stage, history, one};

fn long() -> (Stage, Store, History) {
    let mut stage = Stage::new();
    stage.options.segment_bytes = 64 << 20;
    let store = stage.open();
    for _ in 0..5 {
        store.append_with(one("long").bytes(vec![5; 1 << 20]), AppendOptions::new().synced()).unwrap();
    }
    let history = history(&store).unwrap();
    stage.disk.set_plan(FaultPlan::default());
    (stage, store, history)
}

#[test]
fn and_dies_at_any_call() {
    let calls = {
        let (stage, store, _) = long();
        store.close().unwrap();
        assert_eq!(stage.segments().len(), 2, "the long segment was sealed");
        stage.disk.calls()
    };
    assert!(calls > 8);
    for nth in 1..=calls {
        let (stage, store, intact) = long();
        stage.disk.set_plan(FaultPlan::default().crash_at(nth));
        let _ = store.close();
        for seed in 0..4 {
            let copy = stage.disk.fork();
            if seed > 0 {
                copy.power_cut(seed);
            }
            let next = Stage { disk: copy.reopen(), ..stage.clone() };
            // The last group may be vouched for by nothing but a watermark that the power took.
            assert!(intact.starts_with(&history(&next.read_only()).unwrap()), "call {nth}, seed {seed}");
            assert_eq!(history(&next.open()).unwrap(), intact, "call {nth}, seed {seed}");
        }
    }
}

/// F8: what a failed sync should have kept may be lost, so nothing is said to have ended in good order.
#[test]
fn and_a_sync_fails() {
    let syncs = {
        let (stage, store, _) = long();
        store.close().unwrap();
        stage.disk.count(Call::Sync)
    };
    let mut said = Vec::new();
    for nth in 1..=syncs {
        let (mut stage, store, intact) = long();
        stage.disk.set_plan(FaultPlan::default().fail(Call::Sync, nth, Errno::IO));
        let closed = store.close().map_err(|error| error.kind());
        drop(store);
        stage.disk.kill();
        stage.disk.power_cut(nth);
        stage.restart();
        let store = stage.open();
        assert_eq!(store.report().clean, closed.is_ok(), "sync {nth}: {closed:?}");
        assert_eq!(history(&store).unwrap(), intact, "sync {nth}");
        said.push(closed);
    }
    // Of the long segment; of the watermark and the new segment, without which the long one stays active; of the
    // watermark that says how it ended; of an index file, which the next opening builds.
    assert_eq!(said, [Err(ErrorKind::Ended), Ok(()), Ok(()), Err(ErrorKind::Io), Ok(())]);
}

/// A close in good order is known as that even if the power goes right behind it.
#[test]
fn and_the_power_goes() {
    let short = || {
        let stage = Stage::new();
        let store = stage.open();
        store.append_with(one("short"), AppendOptions::new().synced()).unwrap();
        let history = history(&store).unwrap();
        (stage, store, history)
    };
    for (mut stage, store, intact) in [long(), short()] {
        store.close().unwrap();
        stage.disk.lose_unsynced();
        stage.restart();
        let store = stage.open();
        assert!(store.report().clean);
        assert_eq!(history(&store).unwrap(), intact);
    }
}

/// Without a new segment the next opening scans the long one, and is as right.
#[test]
fn and_does_without() {
    let (mut stage, store, intact) = long();
    stage.disk.set_plan(FaultPlan::default().fail_from(Call::Create, 1, Errno::NOSPC));
    store.close().unwrap();
    drop(store);
    stage.restart();
    let store = stage.open();
    assert!(store.report().clean);
    assert_eq!((stage.segments().len(), history(&store).unwrap()), (1, intact));
}

#[test]
fn and_finds_no_room() {
    for call in [Call::Create, Call::Write, Call::Rename, Call::SyncFolder] {
        let (mut stage, store, intact) = long();
        stage.disk.set_plan(FaultPlan::default().fail_from(call, 1, Errno::NOSPC));
        if let Err(error) = store.close() {
            assert!(matches!(error.kind(), ErrorKind::Full | ErrorKind::Io), "{call:?}: {error}");
        }
        drop(store);
        stage.restart();
        assert_eq!(history(&stage.open()).unwrap(), intact, "{call:?}");
    }
}
