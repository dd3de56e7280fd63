//! What is erased without a word of it, and what is named and not gone, is found by everyone who looks.

use tidegate::report::{StoreVerdict, examine_in, salvage_in};
use tidegate::testing::{Env, FaultPlan};
use tidegate::{ErrorKind, StoreOptions};

use super::{erase, fail_copies, files_with, fill, last_erased, secret, shown, subject};
use crate::faults::stage::Stage;
use crate::stored::erased_and_slots::rewrite;

fn closed() -> Stage {
    let mut stage = Stage::new();
    let store = stage.open();
    fill(&store, 9);
    store.close().unwrap();
    stage.restart();
    stage
}

#[test]
fn an_erased_record_that_no_event_names() {
    let stage = closed();
    rewrite(&stage, false, |position| position == 5);
    let found = examine_in(&stage.world(), |_| ()).unwrap();
    assert_eq!((found.verdict(), found.faults.len()), (StoreVerdict::Damaged, 1), "{:?}", found.faults);
    assert!(found.faults[0].to_string().contains("no event says"), "{}", found.faults[0]);
    for error in [stage.fork().read_only().verify(|_| ()), stage.fork().open().verify(|_| ())] {
        let error = error.unwrap_err();
        assert!(error.kind() == ErrorKind::Damaged && error.to_string().contains("position 5"), "{error}");
    }
    // What is salvaged says so itself.
    let target = Env::memory();
    let _ = salvage_in(&stage.world(), &target, |_| ()).unwrap();
    let saved = StoreOptions::new().open_in(target).unwrap();
    assert_eq!((shown(&saved).1, saved.verify(|_| ()).unwrap().erased), (vec![5], 1));
    assert!(last_erased(&saved).is_some());
}

/// An older copy of a segment was put back: its payloads are named by an event, and there.
#[test]
fn a_record_that_is_named_and_stands() {
    let mut stage = closed();
    let before = stage.segments()[0].clone();
    let bytes = stage.bytes(&before);
    let store = stage.open();
    erase(&store, &subject(0)).unwrap();
    store.close().unwrap();
    stage.restart();
    let after = stage.segments()[0].clone();
    assert_ne!(before, after, "it has another generation");
    stage.disk.at_rest().write(&after, &bytes).unwrap();
    let found = examine_in(&stage.world(), |_| ()).unwrap();
    assert!(
        found.faults.iter().any(|fault| fault.to_string().contains("an event says are erased")),
        "{:?}",
        found.faults
    );
    let store = stage.open();
    let error = store.verify(|_| ()).unwrap_err();
    assert!(error.to_string().contains("payloads are there"), "{error}");
    // The remedy.
    erase(&store, &subject(0)).unwrap();
    store.verify(|_| ()).unwrap();
    assert_eq!(files_with(&stage, secret(0).as_bytes()), [""; 0]);
}

/// The rewriting that a crash left undone is told, and is no fault.
#[test]
fn an_erasure_under_way_is_a_remark() {
    let mut stage = closed();
    let store = stage.open();
    fail_copies(&stage);
    erase(&store, &subject(0)).unwrap_err();
    stage.disk.set_plan(FaultPlan::default());
    stage.disk.kill();
    stage.restart();
    let found = examine_in(&stage.world(), |_| ()).unwrap();
    assert!(found.faults.is_empty(), "{:?}", found.faults);
    assert!(found.remarks.iter().any(|remark| remark.text.contains("under way")), "{:?}", found.remarks);
    // Salvage does it too.
    let target = Stage::new();
    let _ = salvage_in(&stage.world(), &target.world(), |_| ()).unwrap();
    assert_eq!(files_with(&target, secret(0).as_bytes()), [""; 0]);
    let saved = Stage { disk: target.disk.reopen(), ..target }.open();
    assert!(shown(&saved).1.len() > 3);
}

/// After a loss events stand at other positions, and what names them says those.
#[test]
fn a_salvage_with_other_positions_names_the_same_events() {
    let mut stage = closed();
    let store = stage.open();
    erase(&store, &subject(0)).unwrap();
    let (kept, gone) = shown(&store);
    store.close().unwrap();
    stage.restart();
    let first = stage.segments()[0].clone();
    let lost = stage.disk.at_rest().names_in("segments").len() as u64;
    assert!(lost > 2);
    stage.disk.at_rest().remove(&first).unwrap();
    let target = Env::memory();
    let report = salvage_in(&stage.world(), &target, |_| ()).unwrap();
    let moved = report.runs[0].from.0 - report.runs[0].to.0;
    assert!(moved > 0);
    let saved = StoreOptions::new().open_in(target).unwrap();
    saved.verify(|_| ()).unwrap();
    let (left, erased) = shown(&saved);
    let is_left = |position: &u64| *position > moved;
    assert_eq!(erased, gone.into_iter().filter(is_left).map(|position| position - moved).collect::<Vec<_>>());
    let kept = kept.into_iter().filter(|(position, _)| is_left(position));
    assert_eq!(left, kept.map(|(position, payload)| (position - moved, payload)).collect::<Vec<_>>());
    // Nothing else is erased by it: the next opening does nothing.
    drop(saved);
}

#[test]
fn a_damaged_erasing_file_costs_a_look() {
    let mut stage = closed();
    let store = stage.open();
    erase(&store, &subject(0)).unwrap();
    let shows = shown(&store);
    store.close().unwrap();
    stage.restart();
    stage.disk.at_rest().edit("ERASING", |bytes| bytes[40] ^= 1).unwrap();
    let found = examine_in(&stage.world(), |_| ()).unwrap();
    assert_eq!(found.verdict(), StoreVerdict::Mendable, "{:?} {:?}", found.faults, found.remarks);
    assert_eq!(shown(&stage.read_only()), shows);
    let store = stage.open();
    assert_eq!(shown(&store), shows);
    store.close().unwrap();
    stage.restart();
    assert_eq!(examine_in(&stage.world(), |_| ()).unwrap().verdict(), StoreVerdict::Sound);
    // Without the file nothing is left to do.
    stage.disk.at_rest().remove("ERASING").unwrap();
    assert_eq!(shown(&stage.open()), shows);
    assert_eq!(examine_in(&stage.world(), |_| ()).unwrap().verdict(), StoreVerdict::Sound);
}
