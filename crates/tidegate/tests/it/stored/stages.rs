//! Stages: drafts are durable before they are acknowledged, and in the log once, or never.

use std::sync::Arc;

use tidegate::decide::{Denial, GateSet, Verdict, gate};
use tidegate::report::examine_in;
use tidegate::{
    AppendOptions, Cause, Condition, Draft, ErrorKind, Position, Query, Result, StreamId, Version,
};

use super::encrypting::{self, forget, letter};
use super::erasing::{files_with, secret};
use crate::faults::stage::Stage;
use crate::subscriptions::crashes::{Dice, every_crash};

fn offer(number: u8) -> Draft {
    Draft::new(("shop", "order-7"), "order.placed").bytes(vec![number; 20])
}

#[derive(Debug, Default)]
struct Notes {
    added: u8,
    committing: bool,
    committed: Option<tidegate::Receipt>,
}

fn live(stage: &Stage, notes: &mut Notes, _: &mut Dice) -> Result<()> {
    let store = stage.try_write()?;
    let staged = store.stage("offer-7")?;
    for number in 0..3 {
        staged.add(offer(number))?;
        notes.added += 1;
        store.append_with(Draft::new(("shop", "other"), "order.seen"), AppendOptions::new().synced())?;
    }
    notes.committing = true;
    notes.committed = Some(staged.commit()?);
    store.close()
}

#[test]
fn exactly_once_whatever_call_a_crash_comes_at() {
    let (mut staged_only, mut in_log) = (0, 0);
    let checked = every_crash(7, live, |next: &Stage, notes: &Notes, place: &str| {
        let mut stage = next.fork();
        let store = stage.open();
        let count = |store: &tidegate::Store| store.count(&Query::kind("order.placed")).unwrap();
        let staged = store.stage("offer-7").unwrap();
        let drafts = staged.drafts().unwrap();
        let before = count(&store);
        assert!(before == 0 || (before == 3 && notes.committing), "{place}: {before} events");
        if before == 0 {
            // What was acknowledged is there; one that was not may be.
            assert!(
                (notes.added..=notes.added + 1).contains(&(drafts.len() as u8)),
                "{place}: {}",
                drafts.len()
            );
            assert!(notes.committed.is_none(), "{place}");
            staged_only += 1;
        } else {
            in_log += 1;
        }
        for (number, draft) in drafts.iter().enumerate() {
            assert_eq!(*draft, offer(number as u8), "{place}");
        }
        if drafts.is_empty() && before == 0 {
            assert_eq!(staged.commit().unwrap_err().kind(), ErrorKind::Missing, "{place}");
            return;
        }
        let receipt = staged.commit().unwrap();
        assert!(notes.committed.as_ref().is_none_or(|noted| *noted == receipt), "{place}");
        let events = count(&store);
        assert_eq!(events, receipt.events.len() as u64, "{place}");
        assert_eq!(staged.commit().unwrap(), receipt, "{place}");
        assert_eq!(staged.add(offer(9)).unwrap_err().kind(), ErrorKind::Conflict, "{place}");
        assert_eq!(store.stages().unwrap(), [""; 0], "{place}");
        store.close().unwrap();
        drop((staged, store));
        stage.restart();
        let found = examine_in(&stage.world(), |_| ()).unwrap();
        assert!(found.faults.is_empty(), "{place}: {:?}", found.faults);
        assert_eq!(count(&stage.open()), events, "{place}");
    });
    assert!(checked > 100 && staged_only > 40 && in_log > 10, "{checked}, {staged_only}, {in_log}");
}

#[test]
fn it_is_judged_at_the_commit_and_a_cancelled_one_leaves_no_trace() {
    let stage = Stage::new();
    let store = stage.open();
    let staged = store.stage("offer-7").unwrap();
    staged.add(offer(1)).unwrap();
    staged.add(offer(2).cause(Cause::Draft(0))).unwrap();
    assert_eq!(
        (store.view().unwrap().head(), store.stages().unwrap()),
        (Position(0), vec!["offer-7".to_owned()])
    );
    let closed = gate("closed", |_, _| Ok(Verdict::Deny(Denial::new("CLOSED", "the shop is closed"))));
    store.guard(Query::kind("order.refused"), GateSet::new().and(closed)).unwrap();
    let refused = store.stage("refused").unwrap();
    refused.add(Draft::new(("shop", "order-8"), "order.refused")).unwrap();
    assert!(refused.commit().unwrap_err().denied().is_some());
    assert_eq!(refused.drafts().unwrap().len(), 1, "it stays");
    store.append(Draft::new(("shop", "order-7"), "order.seen")).unwrap();
    let new = Condition::Version(StreamId::new("shop", "order-7"), Version(0));
    assert!(staged.commit_if(&[new]).unwrap_err().conflict().is_some());
    staged.cancel().unwrap();
    staged.cancel().unwrap();
    assert_eq!(staged.commit().unwrap_err().kind(), ErrorKind::Missing);
    staged.add(offer(3)).unwrap();
    assert_eq!(staged.commit().unwrap().events.len(), 1);
    assert_eq!(files_with(&stage, &[1; 20]), [""; 0]);
    for name in ["", "A", "a/b", ".."] {
        assert_eq!(store.stage(name).unwrap_err().kind(), ErrorKind::Invalid);
    }
    assert_eq!(
        store.stage("x").unwrap().add(Draft::new(("s", "e"), "tidegate.x")).unwrap_err().kind(),
        ErrorKind::Invalid
    );
}

/// A gate runs outside of every lock: it may use stages, and nothing is added to the one that is being committed.
#[test]
fn a_gate_may_use_stages() {
    let stage = Stage::new();
    let store = Arc::new(stage.open());
    let inner = Arc::downgrade(&store);
    let looks = gate("looks", move |_, _| {
        let store = inner.upgrade().expect("it is open");
        let busy = store.stage("offer-7")?.add(offer(9)).unwrap_err();
        assert_eq!(busy.kind(), ErrorKind::Refused, "{busy}");
        store.stage("other")?.add(offer(5))?;
        Ok(Verdict::Allow)
    });
    store.guard(Query::kind("order.*"), GateSet::new().and(looks)).unwrap();
    let staged = store.stage("offer-7").unwrap();
    staged.add(offer(1)).unwrap();
    assert_eq!(staged.commit().unwrap().events.len(), 1);
    assert_eq!(store.stages().unwrap(), ["other"]);
}

#[test]
fn a_draft_for_a_subject_is_encrypted_in_its_stage() {
    let stage = Stage::new();
    let store = encrypting::open(&stage);
    let staged = store.stage("letters").unwrap();
    staged.add(letter(1)).unwrap();
    staged.add(letter(2)).unwrap();
    assert_eq!(files_with(&stage, secret(1).as_bytes()), [""; 0]);
    staged.commit().unwrap();
    let view = store.view().unwrap();
    for number in [1, 2] {
        assert_eq!(view.at(Position(number)).unwrap().unwrap().payload().unwrap(), secret(number).as_bytes());
    }
    let late = store.stage("late").unwrap();
    late.add(letter(4)).unwrap();
    let erasure = forget(&store, 1).unwrap();
    assert!(erasure.to_string().contains("in stages: late"), "{erasure}");
    assert_eq!(late.commit().unwrap_err().kind(), ErrorKind::Erased);
    late.cancel().unwrap();
}

#[test]
fn damage_is_told_by_its_reader_and_by_the_doctor() {
    let stage = Stage::new();
    let store = stage.open();
    let staged = store.stage("offer-7").unwrap();
    staged.add(offer(1)).unwrap();
    staged.add(offer(2)).unwrap();
    store.close().unwrap();
    let bytes = stage.disk.at_rest().read("staged/offer-7").unwrap();
    let check = |bytes: &[u8]| {
        let next = stage.fork();
        next.disk.at_rest().write("staged/offer-7", bytes).unwrap();
        let found = examine_in(&next.world(), |_| ()).unwrap();
        let store = next.open();
        (store.stage("offer-7").unwrap().drafts().map(|drafts| drafts.len()), found.faults.len())
    };
    assert!(matches!(check(&bytes), (Ok(2), 0)));
    assert!(matches!(check(&bytes[..bytes.len() - 1]), (Ok(1), 0)), "a torn end");
    for at in [0, 20, 30, 60] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        let (drafts, faults) = check(&damaged);
        let error = drafts.unwrap_err();
        assert!(
            error.kind() == ErrorKind::Damaged && error.to_string().contains("staged/offer-7"),
            "{error}"
        );
        assert_eq!(faults, 1);
    }
}
