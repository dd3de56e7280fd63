//! A fork is another store with the same beginning: it is not taken for its parent, and what was proved of the parent holds.

use tidegate::proofs::{DisclosureForm, Proof};
use tidegate::report::backup::{RestoreOptions, RestoreUntil, fork_in, plan_restore_in, restore_in};
use tidegate::testing::Env;
use tidegate::{ErrorKind, Position};

use super::{backed_up, go_on, other, sample, store_file};
use crate::faults::mending::sample::doctor;
use crate::faults::stage::{Stage, history};
use crate::stored::proofs::{KeyDisk, audit, policy};

/// Proofs that were handed out before verify after a restore and a fork; the store that is made can make them too, up to its
/// beginning, and its parent's key signs for the parent alone.
#[test]
fn proofs_hold_and_origins_differ() {
    let (mut stage, intact) = sample();
    let keys = KeyDisk::new(2);
    let store = stage.open();
    let signer = keys.create(store.id()).unwrap();
    let signed = store.proofs().checkpoint(&signer).unwrap();
    let proofs: Vec<Proof> = (1..=intact.len() as u64)
        .map(|position| store.proofs().prove(Position(position), &signed, DisclosureForm::Payload).unwrap())
        .collect();
    store.close().unwrap();
    stage.restart();
    let (policy, backup) = (policy(&signer), other());
    backed_up(&stage, &backup);
    let hold = |proofs: &[Proof]| {
        for (proof, (position, leaf)) in proofs.iter().zip(&intact) {
            audit(proof, &policy, *position, *leaf);
        }
    };
    let (fork, same) = (Stage::seeded(6), Stage::seeded(7));
    let _ = fork_in(&stage.world(), &fork.world(), RestoreUntil::Position(Position(8)), |_| ()).unwrap();
    let keep = RestoreOptions::new().keep_id(true);
    let _ = restore_in(&backup.world(), &same.world(), &keep, |_| ()).unwrap();
    hold(&proofs);
    let (fork, same) = (fork.open(), same.open());
    assert_eq!(same.proofs().checkpoint(&signer).unwrap(), signed, "the same store goes on");
    assert_eq!(same.proofs().prove(Position(3), &signed, DisclosureForm::Payload).unwrap(), proofs[2]);
    let error = fork.proofs().checkpoint(&signer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "the origin ends in another id: {error}");
    // The fork's file names the root that the parent's checkpoint is consistent with.
    let own = KeyDisk::new(3);
    let own = own.create(fork.id()).unwrap();
    let of_fork = fork.proofs().checkpoint(&own).unwrap();
    assert_eq!(
        (of_fork.checkpoint().size(), of_fork.checkpoint().root()),
        (8, same.proofs().root(8).unwrap())
    );
    let consistency = same.proofs().consistency(8, intact.len() as u64).unwrap();
    consistency.verify(of_fork.checkpoint().root(), signed.checkpoint().root()).unwrap();
}

/// A fork of a fork has segments of both its parents, and says where each ended.
#[test]
fn of_forks() {
    let (mut stage, intact) = sample();
    go_on(&mut stage, 12..15);
    let ids = |stage: &Stage| {
        let file = store_file(stage);
        let points: Vec<_> = file.forks.iter().map(|fork| (fork.store, fork.until.0)).collect();
        (file.id, points)
    };
    let mut first = Stage::seeded(6);
    let until = intact.len() as u64;
    let _ = fork_in(&stage.world(), &first.world(), RestoreUntil::Position(Position(until)), |_| ()).unwrap();
    let own = go_on(&mut first, 20..32);
    let (parent, _) = ids(&stage);
    let (child, points) = ids(&first);
    assert_eq!(points, [(parent, until)]);
    for (end, expected) in [
        (own.len() as u64, vec![(parent, until), (child, own.len() as u64)]),
        (until, vec![(parent, until), (child, until)]),
        (2, vec![(parent, 2), (child, 2)]),
    ] {
        let mut second = Stage::seeded(end);
        let at = RestoreUntil::Position(Position(end));
        let report = fork_in(&first.world(), &second.world(), at, |_| ()).unwrap();
        assert_eq!(ids(&second), (report.store, expected));
        assert_eq!(history(&second.open()).unwrap(), own[..end as usize]);
        second.restart();
        go_on(&mut second, 40..49);
        let examined = doctor(&second).unwrap();
        assert!(examined.faults.is_empty(), "{:?}", examined.faults);
        assert_eq!(history(&second.read_only()).unwrap()[..end as usize], own[..end as usize]);
        // A backup of it has the segments of all three.
        let backup = other();
        backed_up(&second, &backup);
        let restored = Stage::seeded(9);
        let same = RestoreOptions::new().keep_id(true);
        let _ = restore_in(&backup.world(), &restored.world(), &same, |_| ()).unwrap();
        assert_eq!(store_file(&restored), store_file(&second));
    }
}

/// A store that is being written to is forked at its durable end, and one that does not hold is not.
#[test]
fn of_stores_in_any_state() {
    let (stage, intact) = Stage::killed();
    let fork = other();
    let report = fork_in(&stage.world(), &fork.world(), RestoreUntil::All, |_| ()).unwrap();
    assert_eq!(report.plan.until.0, intact.len() as u64);
    assert_eq!(history(&fork.open()).unwrap(), intact);
    let (stage, _) = sample();
    stage.disk.at_rest().remove(&stage.segments()[1]).unwrap();
    let error = fork_in(&stage.world(), &other().world(), RestoreUntil::All, |_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    let error = plan_restore_in(&Env::memory(), &RestoreOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing, "{error}");
    let (stage, intact) = sample();
    let beyond = RestoreUntil::Position(Position(intact.len() as u64 + 1));
    let error = fork_in(&stage.world(), &other().world(), beyond, |_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing, "{error}");
    let error = restore_in(&stage.world(), &other().world(), &RestoreOptions::new(), |_| ()).unwrap_err();
    assert!(error.kind() == ErrorKind::Missing && error.to_string().contains("tidegate fork"), "{error}");
}
