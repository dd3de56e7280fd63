//! Stores with `from` and `log` lines in their store file.

use tidegate::report::{examine_in, salvage_in};
use tidegate::testing::Env;
use tidegate::{ErrorKind, Position, StoreId};
use tidegate_format::{ForkPoint, Hash, StoreFile};

use crate::faults::stage::{Stage, assert_refusal, history};
use crate::stored::access::Access;

fn store_file(stage: &Stage) -> StoreFile {
    StoreFile::read(&stage.bytes("STORE")).unwrap()
}

fn set_store_file(stage: &Stage, file: &StoreFile) {
    stage.disk.at_rest().write("STORE", file.encode().as_bytes()).unwrap();
}

#[test]
fn a_node_is_read_and_not_written_to() {
    let (stage, intact) = Stage::closed();
    set_store_file(&stage, &StoreFile { log: Some("nats:orders".to_owned()), ..store_file(&stage) });
    let before = stage.disk.at_rest().names();
    for access in [Access::Write, Access::Create] {
        let error = stage.try_open(access).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.to_string().contains("nats:orders"), "{error}");
    }
    assert_eq!(stage.disk.at_rest().names(), before, "nothing was written");
    let reader = stage.read_only();
    assert_eq!(history(&reader).unwrap(), intact);
    assert!(reader.report().clean, "{}", reader.report());
    let found = examine_in(&stage.world(), |_| ()).unwrap();
    assert!(found.faults.is_empty() && found.remarks.is_empty(), "{:?} {:?}", found.faults, found.remarks);
    // What is salvaged is not a node, and so another store.
    let saved = salvage_in(&stage.world(), &Env::memory(), |_| ()).unwrap();
    assert_ne!(saved.store, saved.from);
    assert_eq!(saved.saved.events, intact.len() as u64);
}

/// The segments of a parent belong to a fork if they end at or before the fork point.
#[test]
fn segments_of_a_parent_are_accepted_up_to_the_fork_point() {
    let (sample, intact) = Stage::closed();
    let parent = store_file(&sample);
    let segments = sample.segments();
    let first = |name: &str| Position(name[9..29].parse().unwrap());
    let last =
        |at: usize| segments.get(at + 1).map_or(Position(intact.len() as u64), |name| first(name).before());
    for (until, is_whole) in
        [(last(2), true), (last(2).next(), true), (last(1), false), (last(2).before(), false)]
    {
        let stage = sample.fork();
        let root = Hash([9; 32]);
        let point = ForkPoint { store: parent.id, salt: parent.salt, until, root };
        let fork = StoreFile { id: StoreId([7; 16]), salt: 77, forks: vec![point], ..parent.clone() };
        set_store_file(&stage, &fork);
        stage.disk.at_rest().remove("WATERMARK").unwrap();
        let found = examine_in(&stage.world(), |_| ()).unwrap();
        if is_whole {
            assert!(found.faults.is_empty(), "{until}: {:?}", found.faults);
            let reader = stage.read_only();
            assert!(reader.report().damage.is_none(), "{}", reader.report());
            let shown = history(&reader).unwrap();
            let unconfirmed =
                reader.report().unconfirmed.as_ref().map_or(0, |unconfirmed| unconfirmed.events);
            assert!(intact.starts_with(&shown));
            assert_eq!(shown.len() as u64 + unconfirmed, intact.len() as u64);
            // Nothing is written into a segment of the parent's, which may be a link to the parent's own file.
            let error = stage.try_open(Access::Write).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        } else {
            assert!(!found.faults.is_empty(), "{until}");
            assert_refusal(&stage.try_open(Access::Write).unwrap_err());
            let told = stage.try_open(Access::Read).map(|reader| reader.report().damage.is_some());
            assert!(told.unwrap_or(true), "{until}");
        }
    }
}
