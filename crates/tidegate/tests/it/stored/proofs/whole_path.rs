//! From an append to an auditor who has a policy and a text.

use tidegate::proofs::{DisclosureForm, Signer};
use tidegate::testing::Call;
use tidegate::{AppendOptions, Batch, Draft, Position, Store, StoreOptions};
use tidegate_proof::tree::{self, ConsistencyProof, MemoryTree};

use super::{KeyDisk, audit, naive, policy, size};
use crate::faults::stage::{Stage, batch, fill, history};

const FORMS: [DisclosureForm; 3] = [DisclosureForm::Entry, DisclosureForm::Names, DisclosureForm::Payload];

#[test]
fn every_event_of_a_log_is_proved_in_every_form() {
    let (stage, intact) = Stage::closed();
    let store = stage.open();
    let keys = KeyDisk::new(2);
    let signer = keys.create(store.id()).unwrap();
    let signed = store.proofs().checkpoint(&signer).unwrap();
    assert_eq!(size(&signed), intact.len() as u64);
    let policy = policy(&signer);
    for reader in [store.reader(), stage.read_only()] {
        for (position, leaf) in &intact {
            for form in FORMS {
                let proof = reader.proofs().prove(Position(*position), &signed, form).unwrap();
                audit(&proof, &policy, *position, *leaf);
                let proved = proof.verify(&policy).unwrap();
                let payload =
                    proved.record().and_then(|shown| shown.record().payload().ok().map(<[u8]>::to_vec));
                let event = reader.view().unwrap().at(Position(*position)).unwrap().unwrap();
                let expected = (form == DisclosureForm::Payload).then(|| event.payload().unwrap().to_vec());
                assert_eq!(payload, expected, "{form:?}");
            }
        }
    }
}

/// Many at once are those made one by one, in the order that was asked for; what is read for one is not read again for those
/// beside it.
#[test]
fn many_events_are_proved_at_once() {
    let stage = Stage::new();
    let options = StoreOptions::new().thread(false).segment_bytes(40_000);
    let store = options.open_in(stage.world()).unwrap();
    grow(&store, 1200);
    store.upkeep().step().unwrap();
    let keys = KeyDisk::new(2);
    let signer = keys.create(store.id()).unwrap();
    let signed = store.proofs().checkpoint(&signer).unwrap();
    let reader = options.open_reader_in(stage.world()).unwrap();
    let positions: Vec<Position> = [700, 3, 4, 1200, 3, 256, 257].map(Position).to_vec();
    let proofs = reader.proofs().prove_each(&positions, &signed, DisclosureForm::Names).unwrap();
    for (position, proof) in positions.iter().zip(&proofs) {
        assert_eq!(*proof, reader.proofs().prove(*position, &signed, DisclosureForm::Names).unwrap());
        audit(proof, &policy(&signer), position.0, naive(&reader).leaf(position.0 - 1).unwrap());
    }
    assert_eq!((proofs.len(), reader.proofs().prove_each(&[], &signed, FORMS[0]).unwrap().len()), (7, 0));
    let outside = [Position(5), Position(1201)];
    let refused = reader.proofs().prove_each(&outside, &signed, DisclosureForm::Entry).unwrap_err();
    assert_eq!(refused.kind(), tidegate::ErrorKind::Invalid);
    let reads = |positions: &[Position]| {
        let before = stage.disk.count(Call::Read);
        reader.proofs().prove_each(positions, &signed, DisclosureForm::Names).unwrap();
        stage.disk.count(Call::Read) - before
    };
    let neighbours: Vec<Position> = (600..700).map(Position).collect();
    assert_eq!(reads(&neighbours), reads(&neighbours[..1]));
}

/// One batch of many small events for each size that is interesting.
fn grow(store: &Store, size: u64) {
    while store.frontier().visible.0 < size {
        let count = (size - store.frontier().visible.0).min(1000);
        let drafts =
            (0..count).map(|n| Draft::new(("s", format!("e-{}", n % 7)), "k").bytes(vec![n as u8; 3]));
        store.append_with(drafts.collect::<Batch>(), AppendOptions::new().buffered()).unwrap();
    }
}

/// Trees of the store against those of the pure crate, through several segments and around whole tiles.
#[test]
fn roots_and_consistency_are_those_of_the_leaves() {
    let stage = Stage::new();
    let store = StoreOptions::new().thread(false).segment_bytes(40_000).open_in(stage.world()).unwrap();
    grow(&store, 3000);
    let oracle = naive(&store);
    let reader = store.reader();
    let sizes = [0, 1, 2, 3, 255, 256, 257, 511, 512, 700, 1023, 1024, 2047, 2500, 2816, 2999, 3000];
    for proofs in [store.proofs(), reader.proofs(), stage_reader(&stage).proofs()] {
        for newer in sizes.into_iter().filter(|size| *size <= proofs_head(&proofs)) {
            assert_eq!(proofs.root(newer).unwrap(), tree::root(&oracle, newer).unwrap(), "{newer}");
            for older in sizes.into_iter().filter(|older| *older <= newer) {
                let proof = proofs.consistency(older, newer).unwrap();
                assert_eq!(proof, ConsistencyProof::make(&oracle, older, newer).unwrap());
            }
        }
    }
    assert!(store.proofs().root(3001).is_err() && store.proofs().consistency(2, 1).is_err());
}

fn stage_reader(stage: &Stage) -> tidegate::StoreReader {
    StoreOptions::new().open_reader_in(stage.world()).unwrap()
}

/// The largest size that a root is found for.
fn proofs_head(proofs: &tidegate::proofs::Proofs) -> u64 {
    (0..=3000).rev().find(|size| proofs.root(*size).is_ok()).unwrap()
}

/// A checkpoint is of what is durable: what was buffered is synced first, also through a handle that only reads.
#[test]
fn what_is_buffered_is_made_durable_before_it_is_signed() {
    let mut stage = Stage::new();
    let store = stage.open();
    let keys = KeyDisk::new(2);
    let signer = keys.create(store.id()).unwrap();
    for number in 0..4 {
        store.append_with(batch(number), AppendOptions::new().buffered()).unwrap();
    }
    assert!(store.frontier().durable < store.frontier().visible);
    let signed = store.reader().proofs().checkpoint(&signer).unwrap();
    assert_eq!(size(&signed), store.frontier().visible.0);
    stage.disk.lose_unsynced();
    stage.restart();
    let store = stage.open();
    store.proofs().check(signed.checkpoint()).unwrap();
}

#[test]
fn a_later_checkpoint_continues_the_last_one() {
    let stage = Stage::new();
    let store = stage.open();
    let keys = KeyDisk::new(2);
    let signer = keys.create(store.id()).unwrap();
    let empty = store.proofs().checkpoint(&signer).unwrap();
    assert_eq!(size(&empty), 0);
    let mut earlier = vec![empty];
    for _ in 0..6 {
        fill(&store, 2);
        let signed = store.proofs().checkpoint(&signer).unwrap();
        assert_eq!(store.proofs().checkpoint(&signer).unwrap(), signed, "nothing new, the same again");
        for older in &earlier {
            let proof = store.proofs().consistency(size(older), size(&signed)).unwrap();
            proof.verify(older.checkpoint().root(), signed.checkpoint().root()).unwrap();
        }
        earlier.push(signed);
    }
    // The signer's memory is the last one, in this handle and in the next.
    assert_eq!(signer.last().unwrap().as_ref(), earlier.last());
    assert_eq!(keys.open().unwrap().last().unwrap().as_ref(), earlier.last());
}

#[test]
fn two_keys_sign_while_one_replaces_the_other() {
    let (stage, intact) = Stage::closed();
    let store = stage.open();
    let [old_keys, new_keys] = [2, 3].map(KeyDisk::new);
    let (old, new) = (old_keys.create(store.id()).unwrap(), new_keys.create(store.id()).unwrap());
    let mut signed = store.proofs().checkpoint(&old).unwrap();
    store.proofs().countersign(&mut signed, &new).unwrap();
    let (position, leaf) = intact[4];
    let proof = store.proofs().prove(Position(position), &signed, DisclosureForm::Entry).unwrap();
    for signer in [&old, &new] {
        audit(&proof, &policy(signer), position, leaf);
    }
    // The second one remembers it too, and does not go back.
    fill(&store, 1);
    store.proofs().checkpoint(&new).unwrap();
    let refused = store.proofs().countersign(&mut signed.clone(), &new).unwrap_err();
    assert_eq!(refused.kind(), tidegate::ErrorKind::Older);
}

/// All leaves at once, as a folder of tiles is written.
#[test]
fn tiles_are_those_of_the_leaves() {
    use tidegate_proof::tree::{Tile, TileSource};
    let (stage, intact) = Stage::closed();
    let proofs = stage.read_only().proofs();
    let size = intact.len() as u64;
    let tile = Tile::at(0, 0, size).unwrap();
    let leaves: Vec<_> = history(&stage.read_only()).unwrap().into_iter().map(|(_, leaf)| leaf).collect();
    assert_eq!(proofs.tile(tile).unwrap(), leaves);
    let memory: MemoryTree = leaves.into_iter().collect();
    assert_eq!(proofs.root(size).unwrap(), memory.root());
    let beyond = proofs.tile(Tile::at(0, 0, size + 1).unwrap()).unwrap_err();
    assert_eq!(beyond.kind(), tidegate::ErrorKind::Invalid);
}
