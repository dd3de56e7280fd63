//! How new an answer is can be asked for, and is said.

use std::time::Duration;

use tidegate::project::{Projector, ProjectorOptions, Staleness};
use tidegate::{AppendOptions, Draft, ErrorKind, Position, Store};

use super::{Sums, added, append, plain, store};

#[test]
fn an_answer_lags_no_more_than_allowed() {
    let store = store();
    append(&store, [added("a", 1), added("a", 2)]);
    let sums: Projector<Sums> = store.projector().unwrap();
    let lag = |staleness| {
        let reading = sums.read_with(staleness).unwrap();
        assert_eq!(*reading, plain::<Sums>(&store, reading.position(), None).0);
        (reading.position().0, reading.head().0, reading.behind())
    };
    assert_eq!(lag(Staleness::ANY), (0, 2, 2));
    assert_eq!(lag(Staleness::positions(2)), (0, 2, 2));
    assert_eq!(lag(Staleness::positions(1)), (2, 2, 0));
    append(&store, [Draft::new(("s", "a"), "project.other"), added("a", 3)]);
    assert_eq!(lag(Staleness::positions(2)), (2, 4, 2));
    assert_eq!(lag(Staleness::default()), (4, 4, 0));
    append(&store, [Draft::new(("s", "a"), "project.other")]);
    assert_eq!(lag(Staleness::NONE), (5, 5, 0), "what it is not about is looked at too");
}

#[test]
fn an_answer_stays_as_it_is() {
    let store = store();
    append(&store, [added("a", 1)]);
    let sums: Projector<Sums> = store.projector().unwrap();
    let first = sums.read().unwrap();
    append(&store, [added("a", 5)]);
    assert_eq!(sums.read().unwrap().sums["a"], 6);
    assert_eq!((first.sums["a"], first.position()), (1, Position(1)));
}

#[test]
fn one_stream_is_folded_alone() {
    let store = store();
    append(&store, [added("a", 1), added("b", 2), added("a", 3)]);
    let sums: Projector<Sums> = store.projector_with(ProjectorOptions::new().stream(("s", "a"))).unwrap();
    assert_eq!(*sums.read().unwrap(), plain::<Sums>(&store, Position(3), Some("a")).0);
    let none: Projector<Sums> =
        store.projector_with(ProjectorOptions::new().stream(("s", "nobody"))).unwrap();
    assert_eq!(none.read().unwrap().position(), Position(3));
}

#[test]
fn who_appended_sees_it() {
    let store = Store::in_memory().unwrap();
    let sums: Projector<Sums> = store.projector().unwrap();
    let long = Duration::from_secs(60);
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (1..=20)
            .map(|at| {
                scope.spawn({
                    let sums = &sums;
                    move || sums.wait_for(Position(at), long).unwrap()
                })
            })
            .collect();
        for number in 1..=20 {
            store.append_with(added("a", number % 5), AppendOptions::new().buffered()).unwrap();
        }
        for (at, reading) in waiting.into_iter().enumerate() {
            let reading = reading.join().unwrap();
            assert!(reading.position() >= Position(at as u64 + 1));
            assert_eq!(*reading, plain::<Sums>(&store, reading.position(), None).0);
        }
    });
    assert_eq!(sums.wait_for(Position(21), Duration::ZERO).unwrap_err().kind(), ErrorKind::TimedOut);
    store.close().unwrap();
    assert_eq!(sums.wait_for(Position(21), long).unwrap_err().kind(), ErrorKind::Ended);
    assert_eq!(sums.save().unwrap_err().kind(), ErrorKind::Ended, "another process may write by now");
    drop(store);
    assert_eq!(sums.wait_for(Position(20), long).unwrap().behind(), 0, "reads go on");
}
