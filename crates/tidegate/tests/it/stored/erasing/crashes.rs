//! A crash at any call of an erasure: what is decided is done, what is not did nothing.

use tidegate::report::examine_in;
use tidegate::testing::{Call, Errno, FaultPlan};
use tidegate::{ErrorKind, Position, Result};

use super::projections::Payloads;
use super::{erase, fail_copies, files_with, fill, last_erased, secret, shown, subject};
use crate::faults::stage::{Stage, history};
use crate::subscriptions::crashes::{Dice, every_crash};

/// What a life noted before it ended.
#[derive(Debug, Default)]
struct Notes {
    filled: bool,
    /// Whether the call was made, and whether it said that all is done.
    begun: bool,
    done: bool,
}

const BATCHES: u64 = 7;

fn live(stage: &Stage, notes: &mut Notes, _: &mut Dice) -> Result<()> {
    let store = stage.try_write()?;
    fill_checked(&store)?;
    let payloads = store.projector::<Payloads>()?;
    payloads.read()?;
    payloads.save()?;
    notes.filled = true;
    notes.begun = true;
    erase(&store, &subject(1))?;
    notes.done = true;
    store.close()
}

fn fill_checked(store: &tidegate::Store) -> Result<()> {
    let mut number = 0;
    for batch in 0..BATCHES {
        let drafts: Vec<_> = (0..=batch % 3).map(|n| super::of_subject(number + n)).collect();
        number += drafts.len() as u64;
        store.append(tidegate::Batch::from(drafts).key(format!("batch-{batch}")))?;
    }
    Ok(())
}

#[test]
fn at_every_call() {
    let whole = Stage::seeded(5);
    let store = whole.open();
    fill(&store, BATCHES);
    let (intact, payloads) = (history(&store).unwrap(), shown(&store).0);
    drop(store);
    let gone: Vec<u64> =
        payloads.iter().filter(|(_, payload)| is_of(payload)).map(|(position, _)| *position).collect();
    assert!(gone.len() > 3);
    let mut decided = 0;
    let checked = every_crash(5, live, |next: &Stage, notes: &Notes, place: &str| {
        if !notes.filled {
            return;
        }
        let is_gone_from = |stage: &Stage, state: &str| {
            for number in (1..payloads.len() as u64).step_by(3) {
                assert_eq!(files_with(stage, secret(number).as_bytes()), [""; 0], "{place}, {state}");
            }
        };
        if notes.done {
            is_gone_from(next, "before the next opening");
        }
        // A reader first: it shows no payload that an event which it shows says is erased.
        let reader = next.fork();
        let read = reader.read_only();
        let is_decided = last_erased(&read).is_some();
        let (_, erased) = shown(&read);
        assert_eq!(erased, if is_decided { gone.clone() } else { Vec::new() }, "{place}, reader");
        drop(read);
        // Then a writer, and once more.
        for round in 0..2 {
            let mut stage = next.fork();
            let store = stage.open();
            let is_decided = last_erased(&store).is_some();
            assert!(is_decided || !notes.done, "{place}: it said that all is done");
            decided += u64::from(is_decided && !notes.done);
            let (left, erased) = shown(&store);
            assert_eq!(erased, if is_decided { gone.clone() } else { Vec::new() }, "{place}, round {round}");
            assert_eq!(left.len() + erased.len(), payloads.len(), "{place}");
            assert_eq!(history(&store).unwrap()[..intact.len()], intact, "{place}: the leaves");
            store.verify(|_| ()).unwrap_or_else(|error| panic!("{place}: {error}"));
            let state = store.projector::<Payloads>().unwrap().read().unwrap();
            assert_eq!(
                state.seen,
                left.iter().map(|(_, payload)| payload.clone()).collect::<Vec<_>>(),
                "{place}"
            );
            if round == 1 {
                store.close().unwrap();
                stage.restart();
            }
            if is_decided {
                is_gone_from(&stage, "after it");
            }
            let found = examine_in(&stage.world(), |_| ()).unwrap();
            assert!(found.faults.is_empty(), "{place}: {:?}", found.faults);
        }
        assert!(read_head(next) >= Position(intact.len() as u64), "{place}");
    });
    assert!(checked > 200 && decided > 100, "{checked} crashes, {decided} with something left to do");
}

fn is_of(payload: &str) -> bool {
    payload[7..13].parse::<u64>().unwrap() % 3 == 1
}

fn read_head(stage: &Stage) -> Position {
    stage.fork().open().view().unwrap().head()
}

/// An opening that cannot go on with the files shows none of it all the same, and the next one goes on.
#[test]
fn an_opening_that_cannot_go_on_masks_it() {
    let stage = Stage::new();
    let store = stage.open();
    fill(&store, BATCHES);
    let payloads = store.projector::<Payloads>().unwrap();
    payloads.read().unwrap();
    payloads.save().unwrap();
    fail_copies(&stage);
    erase(&store, &subject(1)).unwrap_err();
    let masked = shown(&store);
    drop((payloads, store));
    stage.disk.kill();
    let files = stage.disk.at_rest();
    let state = files.names().into_iter().find(|name| name.starts_with("projections/")).unwrap();
    files.write(&format!("{state}.tmp"), secret(1).as_bytes()).unwrap();
    for call in [Call::Remove, Call::SetLength] {
        let mut next = stage.fork();
        next.disk.set_plan(FaultPlan::default().fail_from(call, 1, Errno::IO));
        let store = next.open();
        assert_eq!(shown(&store), masked, "{call:?}");
        assert!(!files_with(&next, secret(1).as_bytes()).is_empty(), "{call:?}: the opening went on");
        drop(store);
        next.restart();
        assert_eq!(shown(&next.open()), masked, "{call:?}");
        assert_eq!(files_with(&next, secret(1).as_bytes()), [""; 0], "{call:?}");
    }
}

/// A disk that is full before it is decided: nothing is erased, all shows again, and the same call is made later.
#[test]
fn what_was_not_decided_shows_again() {
    let stage = Stage::new();
    let store = stage.open();
    fill(&store, BATCHES);
    let before = shown(&store);
    // The erasing file, and the event.
    for nth in [1, 2] {
        stage.disk.set_plan(FaultPlan::default().fail(Call::Write, nth, Errno::NOSPC));
        let error = erase(&store, &subject(1)).unwrap_err();
        assert_eq!((error.kind(), shown(&store)), (ErrorKind::Full, before.clone()), "write {nth}");
        assert_eq!(last_erased(&store), None);
    }
    stage.disk.set_plan(FaultPlan::default());
    assert_eq!(erase(&store, &subject(1)).unwrap().events, shown(&store).1.len() as u64);
    assert_eq!(files_with(&stage, secret(1).as_bytes()), [""; 0]);
}

/// Whether it is decided is unknown if the event's sync fails: none of it shows until the next opening finds out.
#[test]
fn what_may_be_decided_shows_no_more() {
    let mut stage = Stage::new();
    let store = stage.open();
    fill(&store, BATCHES);
    let (before, _) = shown(&store);
    // The first sync is that of the erasing file.
    stage.disk.set_plan(FaultPlan::default().fail(Call::Sync, 2, Errno::IO));
    let error = erase(&store, &subject(1)).unwrap_err();
    let (left, erased) = shown(&store);
    assert!(left.iter().all(|(_, payload)| !is_of(payload)), "{error}: {left:?}");
    assert_eq!(left.len() + erased.len(), before.len());
    drop(store);
    stage.disk.lose_unsynced();
    stage.restart();
    let store = stage.open();
    let is_decided = last_erased(&store).is_some();
    assert_eq!(shown(&store), if is_decided { (left, erased) } else { (before, Vec::new()) });
}
