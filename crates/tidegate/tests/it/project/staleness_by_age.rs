//! A reading may lack events, but none that is older than the caller allows.

use std::time::Duration;

use tidegate::project::{Projector, Reading, Staleness};
use tidegate::testing::SimulatedClock;
use tidegate::{Draft, ErrorKind, Position};

use super::{POISON, Sums, added, append};
use crate::faults::Stage;
use crate::stored::access::Access;

const SECOND: Duration = Duration::from_secs(1);

fn pass(clock: &SimulatedClock, seconds: u64) {
    clock.advance(seconds * 1_000_000);
}

/// Where a reading stands, and how old it says it is, in seconds.
fn told(reading: &Reading<Sums>) -> (u64, Option<u64>) {
    (reading.position().0, reading.age().map(|age| age.as_secs()))
}

#[test]
fn the_oldest_event_that_is_missing_counts() {
    let stage = Stage::new();
    let store = stage.open();
    let sums: Projector<Sums> = store.projector().unwrap();
    append(&store, [added("a", 1)]);
    assert_eq!(sums.read().unwrap().position(), Position(1));
    pass(&stage.clock, 60);
    let reading = sums.read_with(Staleness::age(Duration::ZERO)).unwrap();
    assert_eq!(
        told(&reading),
        (1, Some(0)),
        "a state that lacks no event is not old, however long nothing came"
    );

    append(&store, [added("a", 2)]);
    pass(&stage.clock, 4);
    append(&store, [added("a", 3)]);
    pass(&stage.clock, 1);
    let within = |seconds| told(&sums.read_with(Staleness::age(SECOND * seconds)).unwrap());
    assert_eq!(within(5), (1, Some(5)));
    assert_eq!(within(4), (3, Some(0)), "one microsecond too old is brought to the head, all of it");
    assert_eq!(told(&sums.read_with(Staleness::ANY).unwrap()), (3, Some(0)));
}

#[test]
fn both_limits_are_kept() {
    let stage = Stage::new();
    let store = stage.open();
    let sums: Projector<Sums> = store.projector().unwrap();
    append(&store, [added("a", 1), added("a", 2)]);
    pass(&stage.clock, 3);
    let both = |positions, seconds| {
        told(&sums.read_with(Staleness::positions(positions).and_age(SECOND * seconds)).unwrap())
    };
    assert_eq!(
        told(&sums.read_with(Staleness::positions(2)).unwrap()),
        (0, None),
        "no caller asked for its age"
    );
    assert_eq!(both(2, 3), (0, Some(3)));
    assert_eq!(both(1, 3), (2, Some(0)));
    append(&store, [added("a", 4)]);
    pass(&stage.clock, 3);
    assert_eq!(both(2, 2), (3, Some(0)));
}

#[test]
fn events_of_other_queries_do_not_make_it_old() {
    let stage = Stage::new();
    let store = stage.open();
    let sums: Projector<Sums> = store.projector().unwrap();
    append(&store, [added("a", 1)]);
    sums.read().unwrap();
    append(&store, [Draft::new(("s", "a"), "project.other")]);
    pass(&stage.clock, 60);
    let reading = sums.read_with(Staleness::age(SECOND)).unwrap();
    assert_eq!((told(&reading), reading.behind()), ((2, Some(0)), 0));
}

#[test]
fn a_clock_that_was_set_back_hides_nothing() {
    let stage = Stage::new();
    let store = stage.open();
    let sums: Projector<Sums> = store.projector().unwrap();
    append(&store, [added("a", 1)]);
    pass(&stage.clock, 10);
    append(&store, [added("a", 2)]);
    stage.clock.set(1);
    let reading = sums.read_with(Staleness::age(SECOND * 10)).unwrap();
    assert_eq!(told(&reading), (0, Some(10)), "the log itself says that ten seconds passed");
    assert_eq!(told(&sums.read_with(Staleness::age(SECOND * 9)).unwrap()), (2, Some(0)));
}

#[test]
fn a_stopped_projection_grows_old() {
    let stage = Stage::new();
    let store = stage.open();
    let sums: Projector<Sums> = store.projector().unwrap();
    append(&store, [added("a", 1), added("a", POISON)]);
    sums.read().unwrap_err();
    pass(&stage.clock, 2);
    let reading = sums.read_with(Staleness::age(SECOND * 2)).unwrap();
    assert_eq!(told(&reading), (1, Some(2)));
    let error = sums.read_with(Staleness::age(SECOND)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn a_reader_judges_by_what_it_sees() {
    let stage = Stage::new();
    let store = stage.open();
    append(&store, [added("a", 1)]);
    let reader = stage.try_open(Access::Read).unwrap();
    let sums: Projector<Sums> = reader.projector().unwrap();
    pass(&stage.clock, 5);
    assert_eq!(told(&sums.read_with(Staleness::age(SECOND * 5)).unwrap()), (0, Some(5)));
    assert_eq!(told(&sums.read_with(Staleness::age(SECOND * 4)).unwrap()), (1, Some(0)));
}
