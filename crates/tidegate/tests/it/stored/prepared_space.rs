//! Space that a writer prepares ahead of the log's tail: zeros that the next frames are written over.

use tidegate::report::{StoreVerdict, examine_in};
use tidegate::testing::{Call, FaultPlan, Model};
use tidegate::{AppendOptions, Draft, ErrorKind, Store};

use crate::faults::stage::{Outcome, Stage, batch, fill, history, outcome};

/// A machine with segments and space of these bytes.
fn stage(segment_bytes: u64, space_ahead: u64) -> Stage {
    let stage = Stage::new();
    Stage { options: stage.options.segment_bytes(segment_bytes).space_ahead(space_ahead), ..stage }
}

/// Bytes of unused space behind the frames of the active segment.
fn unused(stage: &Stage) -> usize {
    let name = stage.active();
    stage.bytes(&name).len() - stage.frames(&name).last().unwrap()
}

#[test]
fn is_prepared_for_small_syncs_and_taken_off_at_the_end() {
    let mut stage = stage(200_000, 64_000);
    let store = stage.open();
    fill(&store, 8);
    assert_eq!(unused(&stage), 0, "a store that took in little stays small");
    let (mut most, mut number) = (0, 0);
    while stage.segments().len() < 3 {
        fill(&store, 10);
        number += 10;
        assert!(number < 5000, "a segment ends");
        let length = stage.bytes(&stage.active()).len();
        assert!(length <= 200_000, "a segment is {length} bytes long");
        most = most.max(unused(&stage));
    }
    assert!((50_000..=64_000).contains(&most), "{most} bytes were prepared at most");
    let sealed = &stage.segments()[0];
    assert_eq!(stage.bytes(sealed).len(), *stage.frames(sealed).last().unwrap(), "cut where it was sealed");
    let written = history(&store).unwrap();
    store.close().unwrap();
    stage.restart();
    assert_eq!(unused(&stage), 0, "cut where it was closed");
    let store = stage.open();
    assert!(store.report().clean, "{}", store.report());
    assert_eq!(history(&store).unwrap(), written);
}

#[test]
fn is_not_prepared_for_large_syncs_nor_without_syncs() {
    let large = || Draft::new(("scope", "entity"), "thing.done").bytes(vec![7; 70_000]);
    for (options, small) in [(AppendOptions::new().synced(), false), (AppendOptions::new().buffered(), true)]
    {
        let stage = stage(8 << 20, 1 << 20);
        let store = stage.open();
        for number in 0..if small { 600 } else { 20 } {
            let appended = if small { batch(number) } else { large().into() };
            store.append_with(appended, options.clone()).unwrap();
            assert_eq!(unused(&stage), 0, "{options:?}");
        }
    }
}

/// A sync makes frames durable that stand in prepared space, and a crash with events behind it leaves a torn end whose
/// zeros are not counted.
#[test]
fn ends_a_log_that_was_cut_off() {
    let stage = stage(4000, 2000);
    let store = stage.open();
    let mut number = 0;
    while unused(&stage) < 700 {
        fill(&store, 1);
        number += 1;
        assert!(number < 100, "space is prepared");
    }
    let told = history(&store).unwrap();
    stage.disk.kill();
    let killed = Stage { disk: stage.disk.reopen(), ..stage };
    assert_eq!(outcome(&killed, &told), Outcome::Same);
    let (name, end) = (killed.active(), *killed.frames(&killed.active()).last().unwrap());
    let torn = killed.fork();
    torn.disk.at_rest().edit(&name, |bytes| bytes[end..end + 50].fill(7)).unwrap();
    assert_eq!(outcome(&torn, &told), Outcome::Same);
    let found = examine_in(&torn.world(), |_| ()).unwrap();
    assert_eq!(found.verdict(), StoreVerdict::Mendable, "{:?}", found.faults);
    let remark = found.remarks.iter().map(ToString::to_string).find(|remark| remark.contains("cuts off"));
    assert!(remark.as_ref().is_some_and(|remark| remark.contains("cuts off 50 bytes")), "{remark:?}");
    let reader = torn.read_only();
    let withheld = reader.report().unconfirmed.as_ref().map(|unconfirmed| unconfirmed.bytes);
    assert_eq!(withheld, Some(50), "{}", reader.report());
    let store = torn.open();
    assert_eq!(store.report().dropped_bytes, 50, "{}", store.report());
}

/// Appends until one fails, and returns how many events are there.
fn fill_up(store: &Store) -> u64 {
    loop {
        match store.append_with(batch(1), AppendOptions::new().synced()) {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Full, "{error}");
                return store.view().unwrap().head().0;
            }
        }
    }
}

/// A disk without room for space ahead takes every event that it has room for.
#[test]
fn takes_no_room_from_the_log() {
    for free in (3000..6000).step_by(170) {
        let stage = stage(1 << 20, 16_000);
        let store = stage.open();
        fill(&store, 30);
        let used: usize = stage.disk.at_rest().names().iter().map(|name| stage.bytes(name).len()).sum();
        let (unused, before) = (unused(&stage), store.view().unwrap().head().0);
        assert!(unused < 16_000, "{unused}");
        // As much as was taken in is prepared once the space is used up.
        let capacity = (used + free) as u64;
        stage.disk.set_model(Model { capacity_bytes: Some(capacity), ..Model::default() });
        let head = fill_up(&store);
        let name = stage.active();
        let frames = stage.frames(&name);
        let frame = frames[frames.len() - 1] - frames[frames.len() - 2];
        let tail = *frames.last().unwrap();
        assert_eq!(stage.bytes(&name).len(), tail, "nothing was kept in vain");
        let taken = (head - before) as usize * frame;
        assert!(taken + frame > unused + free, "{taken} of {} bytes were taken in", unused + free);
        stage.disk.set_model(Model::default());
        fill(&store, 3);
        let written = history(&store).unwrap();
        stage.disk.lose_unsynced();
        let next = Stage { disk: stage.disk.reopen(), ..stage };
        assert_eq!(outcome(&next, &written), Outcome::Same);
    }
}

/// Whichever write fails for lack of room: an append fails at most for its own.
#[test]
fn fails_no_append() {
    let (mut went_on, mut refused) = (0, 0);
    for nth in 1..40 {
        let stage = stage(4000, 2000);
        let store = stage.open();
        fill(&store, 2);
        stage.disk.set_plan(FaultPlan::default().fail(Call::Write, nth, tidegate::testing::Errno::NOSPC));
        let before = stage.disk.count(Call::SetLength);
        let failed = (2..12)
            .filter(|number| store.append_with(batch(*number), AppendOptions::new().synced()).is_err());
        let failed = failed.count();
        assert!(failed <= 1, "write {nth}");
        went_on += usize::from(failed == 0 && stage.disk.count(Call::SetLength) > before);
        refused += failed;
        let written = history(&store).unwrap();
        stage.disk.lose_unsynced();
        let next = Stage { disk: stage.disk.reopen(), ..stage };
        assert_eq!(outcome(&next, &written), Outcome::Same, "write {nth}");
    }
    assert!(went_on > 0 && refused > 0, "{went_on} preparations and {refused} appends failed");
}
