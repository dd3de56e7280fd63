//! A log whose beginning was retired: it is read and written in every way, and it is not damaged.

use tidegate::report::{examine_in, salvage_in};
use tidegate::testing::Env;
use tidegate::{Error, ErrorKind, EventId, Position, Query, ReadOptions, StoreReader};
use tidegate_format::FloorFile;

use super::retire;
use crate::faults::stage::{History, Stage, fill, history};
use crate::stored::access::Access;

/// A store whose first segment was retired, where it begins, and what was in it.
pub(crate) fn retired() -> (Stage, Position, History, Vec<EventId>) {
    let (mut stage, _) = Stage::closed();
    let store = stage.open();
    let ids =
        store.read_with(&Query::ALL, ReadOptions::new()).unwrap().map(|event| event.unwrap().id()).collect();
    let floor = Position(stage.segments()[1][9..29].parse().unwrap());
    let mut intact = history(&store).unwrap();
    let retirement = retire(&store, floor).unwrap();
    assert_eq!((retirement.floor, retirement.events, retirement.segments), (floor, floor.0 - 1, 1));
    let after = ReadOptions::new().after(Position(intact.len() as u64));
    intact.extend(events(&store, after).unwrap());
    store.close().unwrap();
    stage.restart();
    assert!(stage.segments()[0].strip_suffix(".gone").is_some(), "{:?}", stage.segments());
    (stage, floor, intact, ids)
}

fn events(store: &StoreReader, read: ReadOptions) -> Result<History, Error> {
    let found = store.read_with(&Query::ALL, read)?;
    found.map(|event| event.map(|event| (event.position().0, event.leaf()))).collect()
}

#[test]
fn are_read_from_and_not_below() {
    let (stage, floor, intact, ids) = retired();
    let kept = &intact[floor.0 as usize - 1..];
    let store = stage.read_only();
    assert!(store.report().damage.is_none() && store.report().clean, "{}", store.report());
    let view = store.view().unwrap();
    assert_eq!((view.floor(), view.head().0), (floor, intact.len() as u64));
    assert_eq!(events(&store, ReadOptions::new().after(floor.before())).unwrap(), kept);
    let retired = |error: Option<Error>| {
        let error = error.expect("a question below the floor is not answered");
        assert_eq!(error.kind(), ErrorKind::Retired, "{error}");
    };
    retired(history(&store).err());
    retired(events(&store, ReadOptions::new().after(Position(1))).err());
    retired(store.read_with(&Query::ALL, ReadOptions::new()).unwrap().next().and_then(Result::err));
    // Backwards, what is there comes first.
    let back: Vec<_> = store.read_with(&Query::ALL, ReadOptions::new().backwards(true)).unwrap().collect();
    assert_eq!(back.len(), kept.len() + 1);
    retired(back.into_iter().next_back().unwrap().err());
    for position in 1..floor.0 {
        retired(view.at(Position(position)).err());
        retired(view.epoch(Position(position)).err());
        retired(view.find(ids[position as usize - 1]).err());
        view.graph().causes(Position(position)).unwrap();
    }
    assert!(
        view.at(Position::START).unwrap().is_none()
            && view.at(Position(intact.len() as u64 + 1)).unwrap().is_none()
    );
    assert_eq!(view.at(floor).unwrap().unwrap().leaf(), kept[0].1);
    assert_eq!(view.find(ids[floor.0 as usize - 1]).unwrap().unwrap().position(), floor);
    // What was never there is known not to be.
    assert!(view.find_key("never").unwrap().is_none());
    assert!(view.find(EventId([7; 16])).unwrap().is_none());
    assert_eq!(view.version(&("scope", "never").into()).unwrap().0, 0);
    assert!(view.version(&("scope", "entity-0").into()).unwrap().0 > 1, "versions go on");
    assert_eq!(view.count(&Query::ALL).unwrap(), intact.len() as u64);
    assert_eq!(view.stats(&Query::ALL, ReadOptions::new(), 3).unwrap().events, intact.len() as u64);
    assert_eq!(store.verify(|_| ()).unwrap().events, kept.len() as u64);
    retired(store.subscribe(Query::ALL, Position::START).next_now().err());
}

#[test]
fn are_no_damage_to_the_doctor_and_salvage() {
    let (stage, floor, intact, _) = retired();
    let found = examine_in(&stage.world(), |_| ()).unwrap();
    assert!(found.faults.is_empty() && found.lost.is_empty(), "{:?} {:?}", found.faults, found.lost);
    assert_eq!(found.head.0, intact.len() as u64);
    assert!(found.remarks.is_empty(), "{:?}", found.remarks);
    let kept = intact.len() as u64 + 1 - floor.0;
    let new = Env::memory();
    let saved = salvage_in(&stage.world(), &new, |_| ()).unwrap();
    assert_eq!(saved.saved.events, kept);
    assert_ne!(saved.store, saved.from, "positions changed");
    assert_eq!((saved.runs[0].from, saved.runs[0].to, saved.runs[0].count), (floor, Position(1), kept));
}

#[test]
fn are_written_to() {
    let (mut stage, floor, intact, _) = retired();
    let store = stage.open();
    let version = store.view().unwrap().version(&("scope", "entity-0").into()).unwrap();
    fill(&store, 3);
    assert!(store.view().unwrap().version(&("scope", "entity-0").into()).unwrap() > version);
    store.close().unwrap();
    stage.restart();
    let store = stage.open();
    assert_eq!(store.view().unwrap().floor(), floor);
    assert!(store.view().unwrap().head().0 > intact.len() as u64);
    store.verify(|_| ()).unwrap();
}

/// keeps F1
#[test]
fn are_judged_by_the_floor_file_alone() {
    let (sample, floor, ..) = retired();
    let gone = sample
        .disk
        .at_rest()
        .names_in("segments")
        .into_iter()
        .find(|name| name.strip_suffix(".gone").is_some())
        .unwrap();
    // A segment below that is still there is a leftover.
    let (whole, _) = Stage::closed();
    let stage = sample.fork();
    let leftover = gone.replace(".gone", ".seg");
    stage.disk.at_rest().write(&leftover, &whole.bytes(&leftover)).unwrap();
    let view = stage.read_only().view().unwrap();
    assert_eq!(view.floor(), floor);
    let found = examine_in(&stage.world(), |_| ()).unwrap();
    assert!(found.faults.is_empty(), "{:?}", found.faults);
    assert!(found.remarks.iter().any(|remark| remark.file == leftover), "{:?}", found.remarks);
    assert_eq!(stage.open().report().removed, [leftover]);
    // Without the file the first segment is missing.
    let stage = sample.fork();
    stage.disk.at_rest().remove("FLOOR").unwrap();
    assert_eq!(stage.try_open(Access::Write).unwrap_err().kind(), ErrorKind::Damaged);
    assert!(!examine_in(&stage.world(), |_| ()).unwrap().faults.is_empty());
    // A segment above that is missing is damage with it too.
    let stage = sample.fork();
    let first = stage.segments().into_iter().find(|name| name.strip_suffix(".seg").is_some()).unwrap();
    stage.disk.at_rest().remove(&first).unwrap();
    let faults = examine_in(&stage.world(), |_| ()).unwrap().faults;
    assert!(faults.iter().any(|fault| fault.to_string().contains(&first)), "{faults:?}");
    assert!(stage.try_open(Access::Read).map_or(true, |store| store.report().damage.is_some()));
}

#[test]
fn are_damaged_with_their_file() {
    let (sample, ..) = retired();
    let bytes = sample.bytes("FLOOR");
    let other = String::from_utf8(bytes.clone()).unwrap().replace("reason a test", "reason a text");
    for contents in [&bytes[..bytes.len() - 1], other.as_bytes(), b"", &[bytes.as_slice(), b"x"].concat()] {
        let stage = sample.fork();
        stage.disk.at_rest().write("FLOOR", contents).unwrap();
        for access in [Access::Read, Access::Write] {
            let error = stage.try_open(access).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
            assert!(error.to_string().contains("FLOOR"), "{error}");
        }
        let faults = examine_in(&stage.world(), |_| ()).unwrap().faults;
        assert!(faults.iter().any(|fault| fault.to_string().contains("FLOOR")), "{faults:?}");
    }
}

/// A floor file that holds and is not that of these segments is damage, to a reader and to the doctor, which called the store
/// sound if the floor was too low, and said that what stood below one that was too high can be deleted.
#[test]
fn another_floor_is_damage_to_everyone() {
    let (sample, floor, intact, _) = retired();
    let file = FloorFile::read(&sample.bytes("FLOOR")).unwrap();
    for first in (2..intact.len() as u64 + 4).filter(|first| *first != floor.0) {
        let stage = sample.fork();
        let other = FloorFile { first: Position(first), ..file.clone() };
        stage.disk.at_rest().write("FLOOR", other.encode().as_bytes()).unwrap();
        let reader = stage.try_open(Access::Read);
        assert!(reader.map_or(true, |reader| reader.report().damage.is_some()), "floor {first}");
        let found = examine_in(&stage.world(), |_| ()).unwrap();
        assert!(!found.faults.is_empty(), "floor {first}");
        let deleted = found.remarks.iter().find(|remark| remark.text.contains("can be deleted"));
        assert!(deleted.is_none(), "floor {first}: {deleted:?}");
    }
}
