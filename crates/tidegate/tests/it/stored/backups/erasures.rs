//! What was erased after a backup was made is erased before a store that is made of it can be opened.

use tidegate::report::backup::{
    RestoreOptions, RestoreUntil, back_up_in, fork_in, plan_restore_in, restore_in,
};
use tidegate::report::{ERASED, ErasedEvent, examine_in};
use tidegate::testing::FaultPlan;
use tidegate::{ErrorKind, Position, Query};

use super::other;
use crate::faults::stage::{Stage, history};
use crate::stored::encrypting::{self, forget, letter};
use crate::stored::erasing::{erase, files_with, fill, of_subject, secret, shown, subject};

/// A store of which two subjects were erased, one before and one after its backup.
fn sample() -> (Stage, tidegate::Store, Stage) {
    let (stage, backup) = (Stage::new(), other());
    let store = stage.open();
    fill(&store, 9);
    erase(&store, &subject(0)).unwrap();
    back_up_in(&stage.world(), &backup.world(), |_| ()).unwrap();
    erase(&store, &subject(1)).unwrap();
    (stage, store, backup)
}

#[test]
fn nothing_of_it_is_in_what_is_restored() {
    let (_stage, store, backup) = sample();
    assert!(!files_with(&backup, secret(1).as_bytes()).is_empty(), "the backup has it");
    let expected = shown(&store);
    for keeps_id in [false, true] {
        let to = other();
        let options = RestoreOptions::new().keep_id(keeps_id).erasures_of(&store).unwrap();
        let plan = plan_restore_in(&backup.world(), &options).unwrap();
        let report = restore_in(&backup.world(), &to.world(), &options, |_| ()).unwrap();
        let count = store.count(&subject(1)).unwrap();
        assert_eq!((plan.erased, report.erased, &report.plan), (count, count, &plan));
        assert_eq!(files_with(&to, secret(1).as_bytes()), [""; 0]);
        assert!(!files_with(&to, secret(2).as_bytes()).is_empty(), "others stay");
        let restored = to.open();
        assert_eq!(shown(&restored), expected);
        assert_eq!(restored.id() == store.id(), keeps_id);
        // It says so with the words of the other store, behind what was restored.
        let said: Vec<_> = restored.read(&Query::kind(ERASED)).unwrap().map(Result::unwrap).collect();
        let last = ErasedEvent::of(said.last().unwrap()).unwrap();
        assert_eq!((said.len(), last.reason.as_str(), last.by.as_str()), (2, "request 17", "desk 2"));
        assert_eq!(said.last().unwrap().position(), plan.until.next());
        let _ = restored.verify(|_| ()).unwrap();
        restored.close().unwrap();
        let found = examine_in(&to.fork().world(), |_| ()).unwrap();
        assert!(
            found.faults.is_empty() && found.remarks.is_empty(),
            "{:?} {:?}",
            found.faults,
            found.remarks
        );
    }
    // Without them it has what the backup has.
    let to = other();
    let report = restore_in(&backup.world(), &to.world(), &RestoreOptions::new(), |_| ()).unwrap();
    assert_eq!((report.erased, files_with(&to, secret(1).as_bytes()).is_empty()), (0, false));
}

/// Until all of it is gone the directory is no store, whatever call the process dies at.
#[test]
fn at_any_call_it_is_no_store_or_one_without_it() {
    let (_stage, store, backup) = sample();
    let expected = shown(&store);
    let options = RestoreOptions::new().erasures_of(&store).unwrap();
    let (mut unfinished, mut whole) = (0, 0);
    for nth in 1.. {
        let mut to = other();
        to.disk.set_plan(FaultPlan::default().crash_at(nth));
        let restored = restore_in(&backup.world(), &to.world(), &options, |_| ());
        if !to.disk.ended() {
            to.disk.set_plan(FaultPlan::default());
            let _ = restored.unwrap();
            assert_eq!(shown(&to.open()), expected);
            break;
        }
        to.disk.power_cut(nth);
        to.restart();
        match to.options.create(false).open_reader_in(to.world()) {
            Ok(reader) => {
                assert_eq!(shown(&reader), expected, "crash at call {nth}");
                assert_eq!(shown(&to.open()), expected, "crash at call {nth}");
                assert_eq!(files_with(&to, secret(1).as_bytes()), [""; 0], "crash at call {nth}");
                whole += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Missing, "crash at call {nth}: {error}");
                let written = to.options.create(false).open_in(to.world()).unwrap_err();
                assert_eq!(written.kind(), ErrorKind::Missing, "crash at call {nth}");
                unfinished += 1;
            }
        }
    }
    assert!(unfinished > 30 && whole > 0, "{unfinished} unfinished, {whole} whole");
}

/// Only what the two share concerns the other: positions behind it are those of other events.
#[test]
fn erasures_of_a_fork_concern_what_it_shares() {
    let (stage, backup, forked) = (Stage::new(), other(), Stage::seeded(9));
    let store = stage.open();
    fill(&store, 6);
    let until = store.view().unwrap().head();
    let _ = fork_in(&stage.world(), &forked.world(), RestoreUntil::All, |_| ()).unwrap();
    let fork = forked.open();
    // The same positions, other events.
    store.append(of_subject(500)).unwrap();
    fork.append(of_subject(601)).unwrap();
    back_up_in(&stage.world(), &backup.world(), |_| ()).unwrap();
    let erasure = erase(&fork, &Query::kind("letter.sent")).unwrap();
    assert_eq!(erasure.events, until.0 + 1);
    let to = other();
    let options = RestoreOptions::new().erasures_of(&fork).unwrap();
    let report = restore_in(&backup.world(), &to.world(), &options, |_| ()).unwrap();
    assert_eq!(report.erased, until.0);
    let (payloads, erased) = shown(&to.read_only());
    assert_eq!((payloads, erased.len() as u64), (vec![(until.0 + 1, secret(500))], until.0));
    // Up to a position, too.
    let to = other();
    let options = options.until(RestoreUntil::Position(Position(1)));
    let report = restore_in(&backup.world(), &to.world(), &options, |_| ()).unwrap();
    assert_eq!((report.erased, shown(&to.read_only()).1), (1, vec![1]));
}

#[test]
fn erasures_of_a_stranger_are_refused() {
    let (_stage, _store, backup) = sample();
    let strange = Stage::seeded(77);
    let store = strange.open();
    fill(&store, 3);
    erase(&store, &subject(1)).unwrap();
    let options = RestoreOptions::new().erasures_of(&store).unwrap();
    let to = other();
    let error = restore_in(&backup.world(), &to.world(), &options, |_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert_eq!(to.disk.at_rest().names(), [""; 0], "nothing is written");
}

/// The restored store knows which keys are destroyed, and destroys one that a copy of the keyring brings back.
#[test]
fn keys_that_were_destroyed_since_are_named() {
    let (stage, backup, to) = (Stage::new(), other(), other());
    let store = encrypting::open(&stage);
    store.append(letter(1)).unwrap();
    back_up_in(&stage.world(), &backup.world(), |_| ()).unwrap();
    let keyring = stage.disk.at_rest().read(encrypting::KEYRING).unwrap();
    forget(&store, 1).unwrap();
    let options = RestoreOptions::new().erasures_of(&store).unwrap();
    let _ = restore_in(&backup.world(), &to.world(), &options, |_| ()).unwrap();
    // A copy of the keyring from before.
    to.disk.at_rest().write(encrypting::KEYRING, &keyring).unwrap();
    let restored = encrypting::open(&to);
    assert_eq!(shown(&restored).1, [1]);
    assert_eq!(encrypting::count(&restored, "tidegate.destroyed"), 1);
    assert_ne!(to.disk.at_rest().read(encrypting::KEYRING).unwrap(), keyring);
    assert_eq!(history(&restored).unwrap().len(), 3);
}
