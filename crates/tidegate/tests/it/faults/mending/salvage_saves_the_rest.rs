//! What a salvaged store is to those who use it.

use tidegate::batch::{ReceiptEvent, ReceiptStatus};
use tidegate::report::{SalvageOptions, salvage, salvage_in, salvage_with};
use tidegate::{AppendOptions, ErrorKind, Position, Receipt, StoreOptions, Version};
use tidegate_format::{ForkPoint, SEGMENT_HEADER_BYTES, StoreFile};

use super::sample::{batch, closed, fill, frames, saved};
use crate::faults::stage::Stage;

fn store_file(stage: &Stage) -> StoreFile {
    StoreFile::read(&stage.bytes("STORE")).unwrap()
}

/// A store with its frame in the middle destroyed, and the positions in it.
fn holed() -> (Stage, super::sample::Log, std::ops::Range<u64>) {
    let (stage, log) = closed(30);
    let name = stage.segments().remove(1);
    let (bytes, positions) = frames(&stage, &name).remove(1);
    stage.disk.at_rest().zero(&name, bytes.start as u64..bytes.end as u64).unwrap();
    (stage, log, positions)
}

/// A retry of a batch that was saved is answered with its events, wherever they stand now.
#[test]
fn keys_are_kept() {
    let (stage, intact, hole) = holed();
    let (salvaged, new, found) = saved(&stage, &intact).unwrap();
    let store = new.open();
    let head = store.view().unwrap().head();
    let mut kept = 0;
    for (position, event) in &found {
        let Some((key, _)) = store
            .view()
            .unwrap()
            .at(Position(*position))
            .unwrap()
            .unwrap()
            .record()
            .key()
            .map(|(key, content)| (key.to_owned(), content))
        else {
            continue;
        };
        let number: u64 = key["key-".len()..].parse().unwrap();
        if number % 4 != 1 {
            // Its causes are given by their old positions, so the batch says something else now.
            continue;
        }
        let receipt = store.append_with(batch(number, Position(0)), AppendOptions::new().synced()).unwrap();
        assert_eq!((receipt.first().0, receipt.events[0].id), (*position, event.said.id));
        kept += u32::from(*position > hole.start);
    }
    assert!(kept > 0, "a key was after the loss");
    assert_eq!(store.view().unwrap().head(), head, "nothing was appended");
    assert_ne!(salvaged.store, salvaged.from);
}

/// Versions have no gaps, and the store goes on.
#[test]
fn the_store_goes_on() {
    let (stage, intact, _) = holed();
    let (_, new, found) = saved(&stage, &intact).unwrap();
    let store = new.open();
    let view = store.view().unwrap();
    for entity in ["entity-0", "entity-1", "entity-2", "entity-3", "both"] {
        let stream = format!("scope/{entity}");
        let versions: Vec<u64> = found
            .values()
            .filter(|event| format!("{:?}", event.said).contains(&format!("{stream:?}")))
            .map(|event| event.version)
            .collect();
        assert!(versions.iter().copied().eq(1..=versions.len() as u64), "{versions:?}");
        assert_eq!(view.version(&("scope", entity).into()).unwrap(), Version(versions.len() as u64));
    }
    fill(&store, 101..110, &new);
    store.verify(|_| ()).unwrap();
}

/// A store that lost something is a fork of the old one, at the last position before the loss: its store file names both and
/// the root, and receipts agree up to there. Its index files can be shared with other forks.
#[test]
fn a_loss_makes_a_fork() {
    let (stage, intact) = closed(16);
    let store = stage.open();
    let parent = store_file(&stage);
    let receipt = |position: u64| {
        let event = store.view().unwrap().at(Position(position)).unwrap().unwrap();
        let (id, leaf, version) = (event.id(), event.leaf(), event.version());
        let events = vec![ReceiptEvent { id, position: Position(position), version, leaf }];
        Receipt { store: store.id(), time: event.time(), gates: vec![], judged_at: None, events }
    };
    let receipts: Vec<_> = intact.keys().map(|position| receipt(*position)).collect();
    let roots: Vec<_> = (0..=receipts.len() as u64).map(|size| store.proofs().root(size).unwrap()).collect();
    drop(store);
    let mut lost_ends = 0;
    for name in stage.segments() {
        for (bytes, positions) in frames(&stage, &name) {
            let stage = stage.fork();
            stage.disk.at_rest().flip_bit(&name, bytes.start as u64 * 8).unwrap();
            let (salvaged, new, found) = saved(&stage, &intact).unwrap();
            let (file, until) = (store_file(&new), positions.start - 1);
            assert_eq!((file.seed, file.salt == parent.salt, file.id), (parent.seed, false, salvaged.store));
            let root = roots[until as usize];
            let point = ForkPoint { store: parent.id, salt: parent.salt, until: Position(until), root };
            assert_eq!(file.forks, if until == 0 { vec![] } else { vec![point] });
            let store = new.open();
            for receipt in &receipts {
                let expected =
                    if receipt.last().0 <= until { ReceiptStatus::Agrees } else { ReceiptStatus::OtherStore };
                assert_eq!(store.check_receipt(receipt).unwrap(), expected, "{}", receipt.last());
            }
            lost_ends += u32::from(found.len() as u64 == until);
            fill(&store, 50..60, &new);
            drop(store);
            // What is lost of a fork makes a fork of a fork.
            let again = Stage { disk: new.disk.reopen(), ..new };
            let name = again.active();
            let last = frames(&again, &name).pop().unwrap();
            again.disk.at_rest().flip_bit(&name, last.0.start as u64 * 8).unwrap();
            let newest = Stage::seeded(9);
            let salvaged = salvage_in(&again.world(), &newest.world(), |_| ()).unwrap();
            let points = store_file(&newest).forks;
            let ids: Vec<_> = points.iter().map(|point| (point.store, point.until.0)).collect();
            let own = (salvaged.from, last.1.start - 1);
            assert_eq!(ids, if until == 0 { vec![own] } else { vec![(parent.id, until), own] });
        }
    }
    assert!(lost_ends > 0, "the last frame was lost once");
}

/// A caller that knows that the end was seen by no other keeps the id.
#[test]
fn the_id_is_kept_if_the_caller_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let store = StoreOptions::new().open(path("old")).unwrap();
    let sample = Stage::new();
    fill(&store, 0..5, &sample);
    store.close().unwrap();
    let segment = path("old/segments/00000000000000000001.seg");
    let bytes = std::fs::read(&segment).unwrap();
    std::fs::write(&segment, &bytes[..bytes.len() - 1]).unwrap();
    let keep = SalvageOptions::new().keep_id(true);
    let forked = salvage(path("old"), path("fork"), |_| ()).unwrap();
    let kept = salvage_with(path("old"), path("kept"), keep, |_| ()).unwrap();
    assert!(!kept.lost.is_empty() && kept.store == kept.from && forked.store != forked.from);
    // Events that follow a loss stand at other positions, which the old id must not vouch for.
    let mut bytes = bytes;
    bytes[SEGMENT_HEADER_BYTES + 50] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let error = salvage_with(path("old"), path("none"), keep, |_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(!path("none").exists(), "nothing was begun");
}

/// A salvaged store can be salvaged, and damage to it is refused as in any other.
#[test]
fn a_salvaged_store_is_a_store() {
    let (stage, intact, _) = holed();
    let (_, new, found) = saved(&stage, &intact).unwrap();
    let (again, ..) = saved(&new.fork(), &found).unwrap();
    assert_eq!((again.saved.events, again.store == again.from), (found.len() as u64, true));
    let name = new.active();
    let first = frames(&new, &name).remove(0);
    new.disk.at_rest().flip_bit(&name, first.0.start as u64 * 8 + 800).unwrap();
    new.disk.at_rest().remove("WATERMARK").unwrap();
    let error = new.fork().try_open(crate::stored::access::Access::Write).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "later frames vouch for the first one");
}

#[test]
fn nothing_is_overwritten() {
    let (stage, _) = closed(6);
    let (other, _) = closed(3);
    let before = super::sample::contents(&other);
    let error = salvage_in(&stage.world(), &other.world(), |_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert_eq!(super::sample::contents(&other), before);
    let empty = Stage::new();
    let error = salvage_in(&empty.world(), &Stage::seeded(3).world(), |_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing, "{error}");
}

/// Without the store file and any head nothing can be checked, and so nothing is believed.
#[test]
fn without_any_identity_nothing_is_believed() {
    let (stage, _) = closed(6);
    stage.disk.at_rest().remove("STORE").unwrap();
    for name in stage.segments() {
        stage.disk.at_rest().zero(&name, 0..80).unwrap();
    }
    let new = Stage::seeded(3);
    let error = salvage_in(&stage.world(), &new.world(), |_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert!(new.disk.at_rest().names().is_empty(), "nothing was begun");
}
