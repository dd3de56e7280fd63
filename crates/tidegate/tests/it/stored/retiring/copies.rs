//! Backups, restores and forks of a store whose beginning was retired.

use tidegate::report::backup::{RestoreOptions, RestoreUntil, back_up_in, examine_in, fork_in, restore_in};
use tidegate::{ErrorKind, Position, Query, ReadOptions, StoreReader};

use super::floors::retired;
use super::retire;
use crate::faults::stage::{Stage, fill};

/// What is left to be read, and what is known of the rest.
fn known(store: &StoreReader) -> (Vec<tidegate::EventId>, Position, u64, u64) {
    let view = store.view().unwrap();
    let rest = ReadOptions::new().after(view.floor().before());
    let read = view.read_with(&Query::ALL, rest).map(|event| event.unwrap().id()).collect();
    let version = view.version(&("scope", "entity-0").into()).unwrap();
    (read, view.floor(), view.count(&Query::ALL).unwrap(), version.0)
}

#[test]
fn are_whole_and_know_as_much() {
    let (stage, floor, ..) = retired();
    let store = stage.open();
    let intact = known(&store);
    assert_eq!(intact.1, floor);
    let backups = Stage::seeded(7);
    // Twice, and after another retirement.
    for round in 0..3 {
        let world = backups.world();
        let report = back_up_in(&stage.world(), &world, |_| ()).unwrap();
        let examined = examine_in(&world, |_| ()).unwrap();
        assert!(examined.faults.is_empty() && examined.remarks.is_empty(), "{round}: {examined:?}");
        let intact = known(&store);
        let restored = Stage::seeded(20 + round);
        let _ = restore_in(&world, &restored.world(), &RestoreOptions::new(), |_| ()).unwrap();
        assert_eq!(known(&restored.read_only()), intact, "{round}");
        let forked = Stage::seeded(40 + round);
        let _ = fork_in(&stage.world(), &forked.world(), RestoreUntil::All, |_| ()).unwrap();
        let fork = forked.open();
        assert_eq!(known(&fork), intact, "{round}");
        fill(&fork, 2);
        fork.verify(|_| ()).unwrap();
        assert!(report.until >= Position(intact.2));
        fill(&store, 9);
        if round == 1 {
            let head = store.view().unwrap().head();
            assert!(retire(&store, head).unwrap().segments > 0);
        }
    }
    // Not to a position of which the record is gone.
    let options = RestoreOptions::new().until(RestoreUntil::Position(Position(2)));
    let refused = restore_in(&backups.world(), &Stage::seeded(60).world(), &options, |_| ()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Retired, "{refused}");
}
