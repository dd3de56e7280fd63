//! A disk without room is an error to go on after: nothing half-written, and appends go on once there is room
//! (F12, F13, F15, F28).

use tidegate::testing::{Call, Errno, FaultPlan, FaultyDisk, Model};
use tidegate::{AppendOptions, ErrorKind};

use super::stage::{Stage, fill, history, one};

/// F12: the part of the frame that got in is cut off, and what was told as not written never comes back.
#[test]
fn in_the_middle_of_a_frame() {
    for extra in 0..90 {
        let mut stage = Stage::new();
        stage.options.segment_bytes = 1 << 20;
        let store = stage.open();
        fill(&store, 2);
        let before = history(&store).unwrap();
        let held: usize = stage.disk.at_rest().names().iter().map(|name| stage.bytes(name).len()).sum();
        stage.disk.set_model(Model { capacity_bytes: Some((held + extra) as u64), ..Model::default() });
        let error = store.append_with(one("refused"), AppendOptions::new().synced()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Full, "{error}");
        assert_eq!(history(&store).unwrap(), before);
        stage.disk.set_model(Model::default());
        let receipt = store.append_with(one("accepted"), AppendOptions::new().synced()).unwrap();
        assert_eq!(receipt.first().0, before.len() as u64 + 1, "positions stay dense");
        let after = history(&store).unwrap();
        stage.disk.power_cut(extra as u64);
        stage.restart();
        assert_eq!(history(&stage.open()).unwrap(), after);
    }
}

/// F12: a frame that was refused must not come back whole when a power cut takes the one written over it.
#[test]
fn a_refused_frame_stays_away() {
    for seed in 0..200 {
        let mut stage = Stage::new();
        // The seed of the disk says how much of the failing write is done.
        stage.disk = FaultyDisk::new(seed, Model::default());
        stage.options.segment_bytes = 1 << 20;
        let store = stage.open();
        fill(&store, 2);
        let before = history(&store).unwrap();
        stage.disk.set_plan(FaultPlan::default().fail(Call::Write, 1, Errno::NOSPC));
        let refused = store.append_with(one("refused"), AppendOptions::new().buffered()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Full);
        let accepted = store.append_with(one("with a longer name"), AppendOptions::new().buffered()).unwrap();
        stage.disk.power_cut(seed);
        stage.restart();
        let found = history(&stage.open()).unwrap();
        let told = accepted.events[0].leaf;
        assert!(found.len() == before.len() || found.last().unwrap().1 == told, "seed {seed}");
    }
}

/// F13, F28: no room, no descriptor, at whatever step of a roll. The active segment stays usable, no half-made
/// segment is left, and the next opening is not affected.
#[test]
fn at_any_step_of_a_roll() {
    for errno in [Errno::NOSPC, Errno::DQUOT, Errno::MFILE, Errno::NFILE] {
        for call in [Call::Create, Call::Write, Call::Sync, Call::Rename] {
            for nth in 1..4 {
                if call == Call::Sync || (call == Call::Write && matches!(errno, Errno::MFILE | Errno::NFILE))
                {
                    // A failed sync is final whatever its reason, and a write needs no descriptor.
                    continue;
                }
                let mut stage = Stage::new();
                let store = stage.open();
                let mut told = 0;
                stage.disk.set_plan(FaultPlan::default().fail_from(call, nth, errno));
                let error = loop {
                    match store.append_with(one("a"), AppendOptions::new().synced()) {
                        Ok(_) => told += 1,
                        Err(error) => break error,
                    }
                };
                assert_eq!(error.kind(), ErrorKind::Full, "{call:?} {nth} {errno:?}: {error}");
                stage.disk.set_plan(FaultPlan::default());
                fill(&store, 8);
                let all = history(&store).unwrap();
                assert!(all.len() > told + 8);
                stage.disk.power_cut(nth);
                stage.restart();
                assert_eq!(history(&stage.open()).unwrap(), all, "{call:?} {nth} {errno:?}");
            }
        }
    }
}

/// An error of making a new segment's name durable leaves the segment there. Taken for a full disk, it was
/// followed by appends to the segment before it, and the next opening never looked at them again.
#[test]
fn a_new_segment_without_a_durable_name_ends_the_writer() {
    for errno in [Errno::NOSPC, Errno::IO] {
        let mut stage = Stage::new();
        let store = stage.open();
        stage.disk.set_plan(FaultPlan::default().fail(Call::SyncFolder, 1, errno));
        let mut told = 0;
        let error = loop {
            match store.append_with(one("a"), AppendOptions::new().synced()) {
                Ok(_) => told += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        stage.disk.kill();
        stage.restart();
        let store = stage.open();
        assert!(history(&store).unwrap().len() >= told);
        fill(&store, 12);
    }
}

/// F13: closing on a full disk is an error, and the next opening is not affected.
#[test]
fn at_closing_and_at_opening() {
    let mut stage = Stage::new();
    let store = stage.open();
    fill(&store, 5);
    let before = history(&store).unwrap();
    stage.disk.set_plan(FaultPlan::default().fail_from(Call::Write, 1, Errno::NOSPC));
    assert_eq!(store.close().unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(store.close().unwrap_err().kind(), ErrorKind::Full, "asked again it is as bad");
    drop(store);
    stage.restart();
    assert_eq!(history(&stage.open()).unwrap(), before);
    // Killed, so that the next opening has to make a copy.
    stage.restart();
    let store = stage.open();
    fill(&store, 1);
    let before = history(&store).unwrap();
    stage.disk.kill();
    stage.restart();
    stage.disk.set_plan(FaultPlan::default().fail_from(Call::Create, 1, Errno::NOSPC));
    let error = stage.try_open(crate::stored::access::Access::Write).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    stage.restart();
    let store = stage.open();
    assert_eq!(history(&store).unwrap(), before);
    fill(&store, 5);
}

/// F15: a write that would have to wait is an error, and no more.
#[test]
fn a_write_that_would_block_is_an_error() {
    let stage = Stage::new();
    let store = stage.open();
    stage.disk.set_plan(FaultPlan::default().fail(Call::Write, 1, Errno::AGAIN));
    assert_eq!(
        store.append_with(one("a"), AppendOptions::new().synced()).unwrap_err().kind(),
        ErrorKind::Full
    );
    store.append_with(one("a"), AppendOptions::new().synced()).unwrap();
}
