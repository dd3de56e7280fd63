//! A log whose beginning was retired: it is read in every way, it is not damaged, and it cannot be written to yet.

use tidegate::report::{examine_in, salvage_in};
use tidegate::testing::Env;
use tidegate::{Error, ErrorKind, EventId, Position, Query, ReadOptions, StoreReader};
use tidegate_format::{FloorFile, Hash, Micros};

use crate::faults::stage::{History, Stage, history};
use crate::stored::access::Access;

/// A store whose first segment was retired, where it begins, and what was in it.
pub(crate) fn retired() -> (Stage, Position, History, Vec<EventId>) {
    let (stage, intact) = Stage::closed();
    let store = stage.read_only();
    let ids =
        store.read_with(&Query::ALL, ReadOptions::new()).unwrap().map(|event| event.unwrap().id()).collect();
    let (store, segments) = (store.id(), stage.segments());
    let first = |name: &str| Position(name[9..29].parse().unwrap());
    let (floor, before) = (first(&segments[1]), first(&segments[0]));
    let count = floor.0 - 1;
    let file = FloorFile {
        store,
        first: floor,
        before_first: before,
        before_length: tidegate_format::Offset(stage.bytes(&segments[0]).len() as u64),
        root: Hash([1; 32]),
        edges: vec![Hash([2; 32]); count.count_ones() as usize],
        leaves: vec![Hash([3; 32]); count as usize % 256],
        time: Micros(1_795_000_000_000_000),
        reason: "a test".to_owned(),
    };
    let files = stage.disk.at_rest();
    files.write("FLOOR", file.encode().as_bytes()).unwrap();
    files.rename(&segments[0], &segments[0].replace(".seg", ".gone")).unwrap();
    files.remove(&segments[0].replace("segments", "index").replace(".seg", ".idx")).unwrap();
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
        retired(view.find(ids[position as usize - 1]).err());
        retired(view.graph().causes(Position(position)).err());
    }
    assert!(
        view.at(Position::START).unwrap().is_none()
            && view.at(Position(intact.len() as u64 + 1)).unwrap().is_none()
    );
    assert_eq!(view.at(floor).unwrap().unwrap().leaf(), kept[0].1);
    assert_eq!(view.find(ids[floor.0 as usize - 1]).unwrap().unwrap().position(), floor);
    retired(view.find_key("never").err());
    retired(view.version(&("scope", "never").into()).err());
    assert!(view.version(&("scope", "entity-0").into()).unwrap().0 > 1, "versions go on");
    retired(view.count_with(&Query::ALL, ReadOptions::new()).err());
    assert_eq!(
        view.count_with(&Query::ALL, ReadOptions::new().after(floor.before())).unwrap(),
        kept.len() as u64
    );
    retired(view.stats(&Query::ALL, ReadOptions::new(), 3).err());
    let stats = view.stats(&Query::ALL, ReadOptions::new().after(floor.before()), 3).unwrap();
    assert_eq!(stats.events, kept.len() as u64);
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
fn are_not_written_to() {
    let (stage, ..) = retired();
    let before = stage.disk.at_rest().names();
    for access in [Access::Write, Access::Create] {
        let error = stage.try_open(access).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.to_string().contains("FLOOR"), "{error}");
    }
    assert_eq!(stage.disk.at_rest().names(), before, "nothing was written");
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
    let stage = sample.fork();
    let leftover = gone.replace(".gone", ".seg");
    stage.disk.at_rest().copy(&gone, &leftover).unwrap();
    let view = stage.read_only().view().unwrap();
    assert_eq!(view.floor(), floor);
    let found = examine_in(&stage.world(), |_| ()).unwrap();
    assert!(found.faults.is_empty(), "{:?}", found.faults);
    assert!(found.remarks.iter().any(|remark| remark.file == leftover), "{:?}", found.remarks);
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
        let other = FloorFile {
            first: Position(first),
            edges: vec![Hash([2; 32]); (first - 1).count_ones() as usize],
            leaves: vec![Hash([3; 32]); (first as usize - 1) % 256],
            ..file.clone()
        };
        stage.disk.at_rest().write("FLOOR", other.encode().as_bytes()).unwrap();
        let reader = stage.try_open(Access::Read);
        assert!(reader.map_or(true, |reader| reader.report().damage.is_some()), "floor {first}");
        let found = examine_in(&stage.world(), |_| ()).unwrap();
        assert!(!found.faults.is_empty(), "floor {first}");
        let deleted = found.remarks.iter().find(|remark| remark.text.contains("can be deleted"));
        assert!(deleted.is_none(), "floor {first}: {deleted:?}");
    }
}
