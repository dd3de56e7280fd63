//! A store keeps few files open, whatever it is asked, and its answers do not depend on that.

use tidegate::settings::OpenFiles;
use tidegate::testing::Call;
use tidegate::{Position, Query, ReadOptions, RecordedEvent, StoreReader};

use crate::faults::stage::{History, Stage, fill, history};

const BUDGETS: [OpenFiles; 3] = [
    OpenFiles { maps: 1, descriptors: 1 },
    OpenFiles { maps: 2, descriptors: 3 },
    OpenFiles { maps: 8192, descriptors: 256 },
];

/// A store of many segments, closed, and what is in it.
fn sample() -> (Stage, History) {
    let mut stage = Stage::new();
    let store = stage.open();
    fill(&store, 90);
    let history = history(&store).unwrap();
    store.close().unwrap();
    stage.restart();
    assert!(stage.segments().len() > 15);
    (stage, history)
}

/// Checks every answer against the history, each event asked alone and from both ends in turn, so that segments are
/// asked that lie far from each other.
fn check(store: &StoreReader, expected: &History) {
    assert_eq!(history(store).unwrap(), *expected);
    let view = store.view().unwrap();
    let backwards: Vec<_> =
        view.read_with(&Query::ALL, ReadOptions::new().backwards(true)).collect::<Result<_, _>>().unwrap();
    let ends = backwards.iter().zip(backwards.iter().rev()).flat_map(<[&RecordedEvent; 2]>::from);
    for event in ends {
        let (position, leaf) = (event.position(), event.leaf());
        assert_eq!(expected[position.0 as usize - 1], (position.0, leaf));
        assert_eq!(view.at(position).unwrap().unwrap().leaf(), leaf);
        assert_eq!(view.find(event.id()).unwrap().unwrap().position(), position);
    }
}

#[test]
fn answers_do_not_depend_on_the_budget() {
    let (stage, expected) = sample();
    for budget in BUDGETS {
        for map in [true, false] {
            let mut stage = stage.fork();
            stage.options = stage.options.map(map).open_files(budget);
            check(&stage.read_only(), &expected);
            let store = stage.open();
            check(&store, &expected);
            fill(&store, 20);
            let longer = history(&store).unwrap();
            store.upkeep().step().unwrap();
            check(&store, &longer);
            store.verify(|_| ()).unwrap();
        }
    }
}

/// Events and iterators hold on to what they read, though the cache closes it.
#[test]
fn what_is_held_outlives_the_cache() {
    let (mut stage, expected) = sample();
    stage.options.open_files = BUDGETS[0];
    for map in [true, false] {
        stage.options.map = map;
        let store = stage.read_only();
        let view = store.view().unwrap();
        let held: Vec<_> = view.read(&Query::ALL).collect::<Result<_, _>>().unwrap();
        let mut begun = view.read(&Query::ALL);
        begun.next().unwrap().unwrap();
        check(&store, &expected);
        let left: Vec<_> = begun.collect::<Result<_, _>>().unwrap();
        let leaves = |events: &[RecordedEvent]| {
            events.iter().map(|event| (event.position().0, event.leaf())).collect::<Vec<_>>()
        };
        assert_eq!((leaves(&held), leaves(&left)), (expected.clone(), expected[1..].to_vec()));
    }
}

/// What is not mapped the system reads with pages around it, as many again as a cold question needs. So the first question to a
/// segment maps its two files and reads nothing else of them.
#[test]
fn the_first_question_to_a_segment_maps_its_files_and_reads_nothing() {
    let (stage, expected) = sample();
    let store = stage.read_only();
    let view = store.view().unwrap();
    let before = stage.disk.count(Call::Read);
    let event = view.at(Position(40)).unwrap().unwrap();
    assert_eq!(event.leaf(), expected[39].1);
    assert_eq!(stage.disk.count(Call::Read) - before, 2);
}
