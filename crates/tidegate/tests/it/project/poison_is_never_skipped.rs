//! An event that cannot be taken in stops a projection or is put aside, and is always reported.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use tidegate::project::{Poison, PoisonEvent, Projection, Projector, ProjectorOptions, Staleness};
use tidegate::{Draft, ErrorKind, ErrorPlace, Event, Position, Query, QueryItem, RecordedEvent, Result};

use super::{POISON, Sums, added, append, plain, store};

fn parking(most: usize) -> ProjectorOptions {
    ProjectorOptions::new().poison(Poison::Park(most))
}

#[test]
fn it_stops_before_the_event_with_position_and_reason() {
    let store = store();
    append(&store, [added("a", 1), added("b", 2), added("a", POISON), added("a", 4)]);
    let sums: Projector<Sums> = store.projector().unwrap();
    for _ in 0..3 {
        let error = sums.read().unwrap_err();
        assert_eq!(
            (error.kind(), error.place()),
            (ErrorKind::Invalid, Some(&ErrorPlace::Event(Position(3))))
        );
        assert!(
            error.message().contains("project.sums v1 stops before an event of kind project.added"),
            "{error}"
        );
        assert!(error.to_string().contains("13 is not taken in"), "{error}");
        assert_eq!(sums.stopped().unwrap().place(), error.place());
        append(&store, [added("b", 1)]);
    }
    let reading = sums.read_with(Staleness::ANY).unwrap();
    assert_eq!((reading.position(), reading.parked()), (Position(2), 0));
    assert_eq!(*reading, plain::<Sums>(&store, Position(2), None).0, "the event left no trace");
    assert_eq!(sums.at(Position(2)).unwrap().state(), reading.state());
    assert!(sums.at(Position(3)).is_err() && sums.catch_up(1).is_err());
    sums.save().unwrap();
}

#[test]
fn a_newer_version_is_told_apart_from_a_broken_payload() {
    let store = store();
    append(&store, [added("a", 1).schema(2)]);
    let sums: Projector<Sums> = store.projector().unwrap();
    assert_eq!(sums.read().unwrap_err().kind(), ErrorKind::Newer);
}

#[test]
fn parked_events_are_listed_and_no_more_than_allowed() {
    let store = store();
    let broken = Draft::new(("s", "a"), "project.added").message_pack(b"\xc1");
    append(&store, [added("a", 1), added("a", POISON), added("a", 2), broken, added("b", 3)]);
    let sums: Projector<Sums> = store.projector_with(parking(2)).unwrap();
    let reading = sums.read().unwrap();
    assert_eq!((*reading).clone(), plain::<Sums>(&store, Position(5), None).0);
    assert_eq!((reading.parked(), sums.stopped().is_none()), (2, true));
    let check = |parked: Vec<PoisonEvent>| {
        assert_eq!(parked.iter().map(|parked| parked.position.0).collect::<Vec<_>>(), [2, 4]);
        assert!(parked[0].reason.contains("13 is not taken in"), "{parked:?}");
        assert!(parked[1].reason.contains("the payload is no "), "{parked:?}");
    };
    check(sums.parked());
    sums.save().unwrap();

    append(&store, [added("a", POISON), added("a", 9)]);
    let error = sums.read().unwrap_err();
    assert_eq!(error.place(), Some(&ErrorPlace::Event(Position(6))));
    assert!(error.message().ends_with("and 2 are parked already"), "{error}");

    let again: Projector<Sums> = store.projector_with(parking(3)).unwrap();
    check(again.parked());
    let reading = again.read().unwrap();
    assert_eq!((reading.parked(), &*reading), (3, &plain::<Sums>(&store, Position(7), None).0));
    again.reset().unwrap();
    assert_eq!(
        (again.parked(), again.read_with(Staleness::ANY).unwrap().position()),
        (Vec::new(), Position(0))
    );
}

#[derive(Serialize, Deserialize, Event)]
#[event(kind = "project.moody")]
struct Moody;

/// Takes in what it is allowed to, and panics or changes its mind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Moods {
    count: u64,
}

static UNTIL: AtomicU64 = AtomicU64::new(u64::MAX);
static FROM: AtomicU64 = AtomicU64::new(0);
static PANICS: AtomicU64 = AtomicU64::new(u64::MAX);

impl Projection for Moods {
    const NAME: &'static str = "project.moods";
    const VERSION: u16 = 1;

    fn query() -> Query {
        QueryItem::new().kind("project.moody").into()
    }

    fn apply(&mut self, event: &RecordedEvent) -> Result<()> {
        self.count += 1;
        let position = event.position().0;
        assert!(position != PANICS.load(Ordering::Relaxed), "the mood is very bad");
        if position > UNTIL.load(Ordering::Relaxed) || position < FROM.load(Ordering::Relaxed) {
            return Err(tidegate::Error::invalid("the mood is bad"));
        }
        Ok(())
    }
}

/// One test, because the mood is one.
#[test]
fn moods_do_no_harm() {
    let store = store();
    append(&store, (0..6).map(|_| Moody.draft(("s", "e")).unwrap()));
    let moods: Projector<Moods> = store.projector().unwrap();

    // What was no poison after all is taken in the next time.
    UNTIL.store(3, Ordering::Relaxed);
    assert!(moods.read().is_err() && moods.read().is_err());
    assert_eq!(moods.read_with(Staleness::ANY).unwrap().count, 3);
    UNTIL.store(5, Ordering::Relaxed);
    assert_eq!(moods.read().unwrap_err().place(), Some(&ErrorPlace::Event(Position(6))));
    assert_eq!(moods.read_with(Staleness::ANY).unwrap().count, 5);
    UNTIL.store(u64::MAX, Ordering::Relaxed);
    assert_eq!(moods.read().unwrap().count, 6);
    assert!(moods.stopped().is_none());

    // A panic leaves the event half done; the next read does not show that.
    append(&store, [Moody.draft(("s", "e")).unwrap()]);
    PANICS.store(7, Ordering::Relaxed);
    let panicked = || std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| moods.read()));
    assert!(panicked().is_err() && panicked().is_err());
    assert_eq!(moods.read_with(Staleness::ANY).unwrap().count, 6);
    PANICS.store(u64::MAX, Ordering::Relaxed);
    assert_eq!(moods.read().unwrap().count, 7);

    // A fold that cannot be done again is not trusted.
    let fresh: Projector<Moods> = store.projector().unwrap();
    fresh.catch_up(4).unwrap();
    FROM.store(2, Ordering::Relaxed);
    UNTIL.store(4, Ordering::Relaxed);
    let error = fresh.read().unwrap_err();
    assert!(error.message().contains("refuses an event that it took in before"), "{error}");
    assert_eq!(error.place(), Some(&ErrorPlace::Event(Position(1))));
    assert!(fresh.read_with(Staleness::ANY).is_err(), "a state half done is not shown");
    FROM.store(0, Ordering::Relaxed);
    UNTIL.store(u64::MAX, Ordering::Relaxed);
    assert_eq!(fresh.read().unwrap().count, 7);
}
