//! Several projections take in one pass over the log, each for itself.

use serde::{Deserialize, Serialize};
use tidegate::project::{Projection, Projector, ProjectorOptions, Staleness, catch_up_all};
use tidegate::{Draft, ErrorKind, ErrorPlace, Position, Query, QueryItem, RecordedEvent, Result};

use super::{POISON, Sums, added, append, plain, store};

/// How many effects the first event has.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Effects(Vec<u64>);

impl Projection for Effects {
    const NAME: &'static str = "project.effects";
    const VERSION: u16 = 1;

    fn query() -> Query {
        QueryItem::new().cause(Position(1)).into()
    }

    fn apply(&mut self, event: &RecordedEvent) -> Result<()> {
        self.0.push(event.position().0);
        Ok(())
    }
}

/// Every position.
#[derive(Clone, Default, Serialize, Deserialize)]
struct All(Vec<u64>);

impl Projection for All {
    const NAME: &'static str = "project.all";
    const VERSION: u16 = 1;

    fn query() -> Query {
        Query::ALL
    }

    fn apply(&mut self, event: &RecordedEvent) -> Result<()> {
        self.0.push(event.position().0);
        Ok(())
    }
}

#[test]
fn each_takes_in_what_it_is_about_from_where_it_stands() {
    let store = store();
    append(&store, [added("a", 1)]);
    append(&store, [added("b", 2), Draft::new(("s", "c"), "other").cause(Position(1))]);
    let sums: Projector<Sums> = store.projector().unwrap();
    let of_b: Projector<Sums> = store.projector_with(ProjectorOptions::new().stream(("s", "b"))).unwrap();
    let effects: Projector<Effects> = store.projector().unwrap();
    let all: Projector<All> = store.projector().unwrap();
    all.read().unwrap();
    sums.catch_up(1).unwrap();
    append(&store, [added("b", 5).cause(Position(1)), added("a", 6)]);
    assert_eq!(catch_up_all(&[&sums, &all, &of_b, &effects, &sums]).unwrap(), Position(5));
    assert_eq!(*sums.read_with(Staleness::ANY).unwrap(), plain::<Sums>(&store, Position(5), None).0);
    assert_eq!(*of_b.read_with(Staleness::ANY).unwrap(), plain::<Sums>(&store, Position(5), Some("b")).0);
    assert_eq!(effects.read_with(Staleness::ANY).unwrap().0, [3, 4]);
    assert_eq!(all.read_with(Staleness::ANY).unwrap().0, [1, 2, 3, 4, 5]);
    assert_eq!(catch_up_all(&[&effects, &of_b]).unwrap(), Position(5));
    assert_eq!(catch_up_all(&[]).unwrap(), Position(0));
}

#[test]
fn one_that_stops_stops_alone() {
    let store = store();
    append(&store, [added("a", 1), added("a", POISON), added("b", 3)]);
    let sums: Projector<Sums> = store.projector().unwrap();
    let of_b: Projector<Sums> = store.projector_with(ProjectorOptions::new().stream(("s", "b"))).unwrap();
    let all: Projector<All> = store.projector().unwrap();
    for _ in 0..2 {
        let error = catch_up_all(&[&sums, &of_b, &all]).unwrap_err();
        assert_eq!(error.place(), Some(&ErrorPlace::Event(Position(2))));
        assert_eq!(*sums.read_with(Staleness::ANY).unwrap(), plain::<Sums>(&store, Position(1), None).0);
        assert_eq!(all.read_with(Staleness::ANY).unwrap().0, [1, 2, 3]);
        assert_eq!(of_b.read_with(Staleness::ANY).unwrap().behind(), 0);
    }
}

#[test]
fn one_pass_is_over_one_store() {
    let (store, other) = (store(), store());
    let one: Projector<All> = store.projector().unwrap();
    let two: Projector<All> = other.projector().unwrap();
    assert_eq!(catch_up_all(&[&one, &two]).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn passes_in_any_order_do_not_wait_for_each_other_for_ever() {
    let store = store();
    let sums: Projector<Sums> = store.projector().unwrap();
    let all: Projector<All> = store.projector().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..200).for_each(|_| assert!(catch_up_all(&[&sums, &all]).is_ok())));
        scope.spawn(|| (0..200).for_each(|_| assert!(catch_up_all(&[&all, &sums]).is_ok())));
        for number in 0..200 {
            append(&store, [added("a", number % 5)]);
        }
    });
    catch_up_all(&[&all, &sums]).unwrap();
    assert_eq!(all.read_with(Staleness::ANY).unwrap().0, (1..=200).collect::<Vec<_>>());
    assert_eq!(*sums.read_with(Staleness::ANY).unwrap(), plain::<Sums>(&store, Position(200), None).0);
}
