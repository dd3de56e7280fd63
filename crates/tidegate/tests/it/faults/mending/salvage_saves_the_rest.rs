//! What a salvaged store is to those who use it.

use tidegate::report::salvage_in;
use tidegate::{AppendOptions, ErrorKind, Position, Version};

use super::sample::{batch, closed, fill, frames, log, saved};
use crate::faults::stage::Stage;

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

/// A store that only lost its end keeps its id, and its cursors see that it is older.
#[test]
fn a_lost_end_is_an_older_copy() {
    let (stage, intact) = closed(16);
    let name = stage.active();
    let last = frames(&stage, &name).pop().unwrap();
    stage.disk.at_rest().flip_bit(&name, last.0.start as u64 * 8).unwrap();
    let (salvaged, new, found) = saved(&stage, &intact).unwrap();
    assert_eq!((salvaged.store, found.len() as u64), (salvaged.from, last.1.start - 1));
    let store = new.open();
    fill(&store, 50..60, &new);
    assert_eq!(
        log(&store).len() as u64 - found.len() as u64,
        store.view().unwrap().head().0 + 1 - last.1.start
    );
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
