//! Stores that are not what they were: copied, put back, salvaged, damaged, erased, retired.

use tidegate::proofs::{Checkpoint, DisclosureForm, SignedCheckpoint, Signer};
use tidegate::report::salvage_in;
use tidegate::testing::Env;
use tidegate::{AppendOptions, ErrorKind, Position, StoreOptions};

use super::{KeyDisk, audit, policy, size};
use crate::faults::stage::{Stage, batch, fill};
use crate::stored::erased_and_slots::rewrite;
use crate::stored::retiring::floors::retired;

/// A signer that must not be asked.
struct Untouched<'a>(&'a dyn Signer);

impl Signer for Untouched<'_> {
    fn key(&self) -> tidegate::proofs::VerifierKey {
        self.0.key()
    }

    fn last(&self) -> tidegate::Result<Option<SignedCheckpoint>> {
        self.0.last()
    }

    fn sign(&self, next: &Checkpoint, _: &[tidegate_format::Hash]) -> tidegate::Result<SignedCheckpoint> {
        panic!("it is asked to sign {next}")
    }
}

#[test]
fn a_copy_that_went_on_by_itself_is_not_signed() {
    let (stage, _) = Stage::closed();
    let keys = KeyDisk::new(2);
    // The copy draws other random bytes, as another process would.
    let copy = Stage { random: tidegate::testing::SeededRandom::new(9), ..stage.fork() };
    let (store, other) = (stage.open(), copy.open());
    let signer = keys.create(store.id()).unwrap();
    let common = store.proofs().checkpoint(&signer).unwrap();
    assert_eq!(other.proofs().checkpoint(&signer).unwrap(), common, "they are one log up to here");
    fill(&store, 3);
    fill(&other, 5);
    let signed = store.proofs().checkpoint(&signer).unwrap();
    for signer in [&signer as &dyn Signer, &Untouched(&signer)] {
        let refused = other.proofs().checkpoint(signer).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Diverged, "{refused}");
    }
    let refused = other.proofs().prove(Position(1), &signed, DisclosureForm::Entry).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Diverged);
    assert_eq!(other.proofs().check(signed.checkpoint()).unwrap_err().kind(), ErrorKind::Diverged);
    other.proofs().check(common.checkpoint()).unwrap();
    assert_eq!(signer.last().unwrap().unwrap(), signed);
}

/// As long as it is shorter it is older; once it grew past what was signed, it is another log.
#[test]
fn a_store_that_was_put_back_is_not_signed() {
    let stage = Stage::new();
    let store = stage.open();
    let keys = KeyDisk::new(2);
    let signer = keys.create(store.id()).unwrap();
    fill(&store, 4);
    store.close().unwrap();
    let backup = Stage { random: tidegate::testing::SeededRandom::new(9), ..stage.fork() };
    let store = Stage { disk: stage.disk.reopen(), ..stage }.open();
    fill(&store, 4);
    let signed = store.proofs().checkpoint(&signer).unwrap();
    let restored = backup.open();
    let mut kinds = Vec::new();
    for _ in 0..9 {
        let refused = restored.proofs().checkpoint(&signer).unwrap_err();
        kinds.push((restored.frontier().visible.0 < size(&signed), refused.kind()));
        let kind = restored.proofs().check(signed.checkpoint()).unwrap_err().kind();
        assert_eq!(kind, refused.kind());
        restored.append(batch(1)).unwrap();
    }
    assert!(kinds.iter().all(|(is_shorter, kind)| {
        *kind == if *is_shorter { ErrorKind::Older } else { ErrorKind::Diverged }
    }));
    assert!(
        kinds.iter().any(|(is_shorter, _)| *is_shorter) && kinds.iter().any(|(is_shorter, _)| !is_shorter)
    );
}

/// A salvage that lost an end or a middle is another store, for which the key of the old one does not sign.
#[test]
fn a_salvage_that_lost_something_is_not_signed() {
    let (stage, intact) = Stage::closed();
    let store = stage.open();
    let keys = KeyDisk::new(2);
    let signer = keys.create(store.id()).unwrap();
    let signed = store.proofs().checkpoint(&signer).unwrap();
    drop(store);
    let frames = stage.frames(&stage.active());
    let salvaged = |damage: &dyn Fn(&Stage)| {
        let copy = Stage { disk: stage.disk.fork().reopen(), ..stage.clone() };
        damage(&copy);
        let saved = Env::memory();
        let _ = salvage_in(&copy.world(), &saved, |_| ()).unwrap();
        StoreOptions::new().thread(false).open_in(saved).unwrap()
    };
    let short = salvaged(&|copy| {
        copy.disk.at_rest().truncate(&copy.active(), frames[frames.len() - 2] as u64).unwrap();
    });
    let holed = salvaged(&|copy| {
        let first = copy.segments()[0].clone();
        let at = copy.frames(&first)[1] + 60;
        copy.disk.at_rest().edit(&first, |bytes| bytes[at] ^= 1).unwrap();
    });
    for lossy in [short, holed] {
        assert_ne!(lossy.id(), stage.read_only().id());
        for refused in [
            lossy.proofs().checkpoint(&signer).unwrap_err(),
            lossy.proofs().check(signed.checkpoint()).unwrap_err(),
            lossy.proofs().prove(Position(1), &signed, DisclosureForm::Entry).unwrap_err(),
        ] {
            assert_eq!(refused.kind(), ErrorKind::Invalid, "its origin is another: {refused}");
        }
    }
    // One that lost nothing goes on.
    let whole = salvaged(&|_| ());
    assert_eq!(whole.proofs().checkpoint(&signer).unwrap(), signed);
    assert_eq!(size(&signed), intact.len() as u64);
}

#[test]
fn an_erased_payload_leaves_the_proof_of_its_names() {
    let (stage, intact) = Stage::closed();
    let store = stage.read_only();
    let keys = KeyDisk::new(2);
    let signer = keys.create(store.id()).unwrap();
    let signed = store.proofs().checkpoint(&signer).unwrap();
    let before = store.proofs().prove(Position(5), &signed, DisclosureForm::Payload).unwrap();
    drop(store);
    rewrite(&stage, false, |position| position == 5);
    let store = stage.read_only();
    let policy = policy(&signer);
    assert_eq!(store.proofs().checkpoint(&signer).unwrap(), signed, "the tree did not change");
    for (position, leaf) in &intact {
        for form in [DisclosureForm::Entry, DisclosureForm::Names, DisclosureForm::Payload] {
            match store.proofs().prove(Position(*position), &signed, form) {
                Ok(proof) => audit(&proof, &policy, *position, *leaf),
                Err(error) => {
                    assert_eq!(
                        (*position, form, error.kind()),
                        (5, DisclosureForm::Payload, ErrorKind::Erased)
                    );
                }
            }
        }
    }
    // What was given out before holds for ever.
    audit(&before, &policy, 5, intact[4].1);
}

#[test]
fn what_was_retired_is_signed_over_and_not_disclosed() {
    let (stage, floor, intact, _) = retired();
    let store = stage.read_only();
    let keys = KeyDisk::new(2);
    let signer = keys.create(store.id()).unwrap();
    let before = Stage::closed().0.read_only();
    assert_eq!(before.id(), store.id());
    let policy = policy(&signer);
    let early = before.proofs().checkpoint(&signer).unwrap();
    let signed = store.proofs().checkpoint(&signer).unwrap();
    for position in (1..=intact.len() as u64).map(Position) {
        let proved = store.proofs().prove(position, &signed, DisclosureForm::Entry);
        if position < floor {
            let refused = proved.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Retired, "{position} and the floor {floor}");
        } else {
            audit(&proved.unwrap(), &policy, position.0, intact[position.0 as usize - 1].1);
        }
    }
    // From every checkpoint that was given out, also one before the floor, it is shown that nothing else changed.
    for older in 1..=size(&early) {
        assert_eq!(store.proofs().root(older).unwrap(), before.proofs().root(older).unwrap());
        let proof = store.proofs().consistency(older, size(&signed)).unwrap();
        let (old, new) = (before.proofs().root(older).unwrap(), store.proofs().root(size(&signed)).unwrap());
        proof.verify(old, new).unwrap();
    }
}

#[test]
fn a_position_outside_the_checkpoint_is_refused() {
    let (stage, intact) = Stage::closed();
    let store = stage.open();
    let keys = KeyDisk::new(2);
    let signer = keys.create(store.id()).unwrap();
    let signed = store.proofs().checkpoint(&signer).unwrap();
    fill(&store, 1);
    for position in [0, intact.len() as u64 + 1, intact.len() as u64 + 9, u64::MAX] {
        let refused = store.proofs().prove(Position(position), &signed, DisclosureForm::Entry).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid, "{position}: {refused}");
    }
}

/// A damaged record is an error of what needs it, and never another proof.
#[test]
fn a_damaged_record_is_never_a_wrong_proof() {
    let (stage, intact) = Stage::closed();
    let keys = KeyDisk::new(2);
    let store = stage.read_only();
    let signer = keys.create(store.id()).unwrap();
    let signed = store.proofs().checkpoint(&signer).unwrap();
    drop(store);
    let policy = policy(&signer);
    let name = stage.segments()[1].clone();
    let bits = stage.bytes(&name).len() as u64 * 8;
    let mut refusals = 0;
    for bit in (0..bits).step_by(37) {
        let damaged = Stage { disk: stage.disk.fork().reopen(), ..stage.clone() };
        damaged.disk.at_rest().flip_bit(&name, bit).unwrap();
        let Ok(store) = damaged.options.open_reader_in(damaged.world()) else { continue };
        for (position, leaf) in &intact {
            match store.proofs().prove(Position(*position), &signed, DisclosureForm::Names) {
                Ok(proof) => audit(&proof, &policy, *position, *leaf),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Damaged, "{bit} {position}: {error}");
                    refusals += 1;
                }
            }
        }
        match store.proofs().checkpoint(&signer) {
            Ok(again) => assert_eq!(again, signed),
            Err(error) => assert!(matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Older), "{error}"),
        }
    }
    assert!(refusals > 0);
}

/// What was visible and not durable before a power cut is never in a checkpoint.
#[test]
fn a_checkpoint_is_never_above_what_a_power_cut_leaves() {
    for seed in 0..30 {
        let mut stage = Stage::new();
        let store = stage.open();
        let keys = KeyDisk::new(2);
        let signer = keys.create(store.id()).unwrap();
        let mut signed = Vec::new();
        for number in 0..12 {
            store.append_with(batch(number), AppendOptions::new().buffered()).unwrap();
            if number as u64 % 5 == seed % 5 {
                signed.push(store.proofs().checkpoint(&signer).unwrap());
            }
        }
        stage.disk.power_cut(seed);
        stage.restart();
        let store = stage.open();
        for signed in &signed {
            store.proofs().check(signed.checkpoint()).unwrap();
        }
        let after = store.proofs().checkpoint(&signer).unwrap();
        assert!(size(&after) >= signed.last().map_or(0, size));
    }
}
