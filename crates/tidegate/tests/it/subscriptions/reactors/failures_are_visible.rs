//! What a handler cannot do is tried again, then parked, and never passed over in silence.

use std::cell::Cell;

use tidegate::disk::{Call, Errno, FaultPlan};
use tidegate::subscription::reactor::Step;
use tidegate::{ErrorKind, Options, Position, Store};

use super::{answer, answered, answers, put, run, settings};
use crate::faults::Stage;
use crate::subscriptions::kind;

#[test]
fn a_failing_event_is_parked_and_others_go_on() {
    let store = Store::in_memory(Options::default()).unwrap();
    for entity in ["bad", "good", "bad"] {
        put(&store, entity);
    }
    let broken = Cell::new(true);
    let reactor = store.reactor("r", kind("a.one"), settings(), |_, event| {
        if broken.get() && event.position() == Position(1) {
            return Err("no such customer".into());
        }
        Ok(Some(answer(event).into()))
    });
    let reactor = reactor.unwrap();
    assert!(matches!(reactor.step().unwrap(), Step::Failed(Position(1))));
    run(&reactor);
    let parked = reactor.cursor().parked();
    assert_eq!(
        (parked[0].position, parked[0].attempts, &*parked[0].reason),
        (Position(1), 2, "no such customer")
    );
    assert_eq!(answered(&store), [[2], [3]]);
    broken.set(false);
    reactor.cursor().retry(Position(1)).unwrap();
    assert!(matches!(reactor.step().unwrap(), Step::Reacted(_)));
    assert_eq!((reactor.cursor().parked(), answered(&store)), (vec![], vec![vec![2], vec![3], vec![1]]));
}

/// Keeps F32 for handlers.
#[test]
fn a_panic_is_a_failure() {
    let store = Store::in_memory(Options::default()).unwrap();
    put(&store, "e");
    let reactor = store.reactor("r", kind("a.one"), settings(), |_, event| {
        assert!(event.entity() != "e", "of all entities, {}", event.entity());
        Ok(None)
    });
    let reactor = reactor.unwrap();
    run(&reactor);
    let parked = reactor.cursor().parked();
    assert!(parked[0].reason.contains("panicked: of all entities, e"), "{parked:?}");
}

#[test]
fn trouble_of_the_store_is_nobodys_failure() {
    let stage = Stage::new();
    let store = stage.open();
    put(&store, "e");
    let reactor = store.reactor("r", kind("a.one"), settings(), answers).unwrap();
    stage.disk.set_plan(FaultPlan::default().fail(Call::Write, 1, Errno::NOSPC));
    assert_eq!(reactor.step().unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(reactor.cursor().parked(), []);
    assert!(matches!(reactor.step().unwrap(), Step::Reacted(_)), "there is room again");
    put(&store, "e");
    stage.disk.set_plan(FaultPlan::default().fail_from(Call::Sync, 1, Errno::IO));
    let first = reactor.step().unwrap_err();
    assert!(reactor.step().is_err() && reactor.run_until_stopped().is_err(), "{first}");
    assert_eq!(reactor.cursor().parked(), []);
}
