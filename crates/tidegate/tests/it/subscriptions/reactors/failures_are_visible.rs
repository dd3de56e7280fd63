//! What a handler cannot do is tried again, then parked, and never passed over in silence.

use std::cell::Cell;
use std::num::ParseIntError;

use tidegate::decide::{DecisionView, Denial, GateSet, Verdict, gate};
use tidegate::subscription::cursor::Change;
use tidegate::subscription::reactor::{Failure, Reaction, Reactor, Reason, Step};
use tidegate::testing::{Call, Errno, FaultPlan};
use tidegate::{Batch, Condition, Draft, ErrorKind, Position, QueryItem, RecordedEvent, Store, Version};

use super::{answer, answered, answers, put, run, settings};
use crate::faults::Stage;
use crate::subscriptions::kind;

#[test]
fn a_failing_event_is_parked_and_others_go_on() {
    let store = Store::in_memory().unwrap();
    for entity in ["bad", "good", "bad"] {
        put(&store, entity);
    }
    let broken = Cell::new(true);
    let reactor = store.reactor_with("r", kind("a.one"), settings(), |_, event| {
        if broken.get() && event.position() == Position(1) {
            return Err("no such customer".into());
        }
        Ok(Some(answer(event).into()))
    });
    let reactor = reactor.unwrap();
    let first = failure(&reactor);
    assert_eq!((first.position, first.attempt, first.is_parked), (Position(1), 1, false));
    run(&reactor);
    let parked = reactor.cursor().parked();
    assert_eq!(
        (parked[0].position, parked[0].attempts, &*parked[0].reason),
        (Position(1), 2, "no such customer")
    );
    assert_eq!(answered(&store), [[2], [3]]);
    broken.set(false);
    reactor.cursor().change(Change::Retry(Position(1))).unwrap();
    assert!(matches!(reactor.step().unwrap(), Step::Reacted(_)));
    assert_eq!((reactor.cursor().parked(), answered(&store)), (vec![], vec![vec![2], vec![3], vec![1]]));
}

/// The next step, which fails.
fn failure<H: Fn(&DecisionView, &RecordedEvent) -> Reaction>(reactor: &Reactor<H>) -> Failure {
    match reactor.step().unwrap() {
        Step::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

/// A step that failed told the position alone, and a run nothing at all: that a bill was never sent stood in the file
/// of the cursor, and nowhere else. Each way to fail comes with its reason, which is the error itself.
#[test]
fn a_failure_carries_its_reason() {
    let store = Store::in_memory().unwrap();
    for entity in ["says", "panics", "denied", "conflicts"] {
        put(&store, entity);
    }
    let never = gate("never", |_, _| Ok(Verdict::Deny(Denial::new("SHUT", "no bills today"))));
    store.guard(QueryItem::new().kind("b.one"), GateSet::new().and(never)).unwrap();
    let reactor = store.reactor_with("r", kind("a.one"), settings(), |_, event| match event.entity() {
        "says" => Err(Box::new("x".parse::<u8>().unwrap_err())),
        "panics" => panic!("of all days"),
        "denied" => Ok(Some(answer(event).into())),
        _ => {
            let batch = Batch::from(Draft::new(("s", "free"), "c.one"));
            Ok(Some(batch.only_if(Condition::Version(event.stream(), Version(9)))))
        }
    });
    let reactor = reactor.unwrap();
    for position in 1..=4 {
        for attempt in 1..=2 {
            let told = failure(&reactor);
            assert_eq!(
                (told.position, told.attempt, told.is_parked),
                (Position(position), attempt, attempt == 2)
            );
            match (position, &told.reason) {
                (1, Reason::Handler(error)) => assert!(error.is::<ParseIntError>()),
                (2, Reason::Panic(message)) => assert_eq!(message, "of all days"),
                (3, Reason::Denied(denied)) => assert_eq!(denied.denials().next().unwrap().code, "SHUT"),
                (4, Reason::Store(error)) => assert_eq!(error.kind(), ErrorKind::Conflict),
                (_, reason) => panic!("{position} failed for {reason:?}"),
            }
            let source = std::error::Error::source(&told).unwrap();
            assert!(told.to_string().contains(&source.to_string()), "{told}");
        }
    }
    assert!(matches!(reactor.step().unwrap(), Step::Idle));
    assert_eq!(reactor.cursor().parked().len(), 4);
}

#[test]
fn a_run_tells_each_failure() {
    let store = Store::in_memory().unwrap();
    put(&store, "e");
    let reactor = store.reactor_with("r", kind("a.one"), settings(), |_, _| Err("no price".into())).unwrap();
    let mut told = Vec::new();
    let run = reactor.run_until_stopped(|failure| {
        told.push((failure.attempt, failure.reason.to_string()));
        if failure.is_parked {
            reactor.cursor().stop();
        }
    });
    run.unwrap();
    assert_eq!(told, [(1, "no price".to_owned()), (2, "no price".to_owned())]);
}

/// Keeps F32 for handlers.
#[test]
fn a_panic_is_a_failure() {
    let store = Store::in_memory().unwrap();
    put(&store, "e");
    let reactor = store.reactor_with("r", kind("a.one"), settings(), |_, event| {
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
    let reactor = store.reactor_with("r", kind("a.one"), settings(), answers).unwrap();
    stage.disk.set_plan(FaultPlan::default().fail(Call::Write, 1, Errno::NOSPC));
    assert_eq!(reactor.step().unwrap_err().kind(), ErrorKind::Full);
    assert_eq!(reactor.cursor().parked(), []);
    assert!(matches!(reactor.step().unwrap(), Step::Reacted(_)), "there is room again");
    put(&store, "e");
    stage.disk.set_plan(FaultPlan::default().fail_from(Call::Sync, 1, Errno::IO));
    let first = reactor.step().unwrap_err();
    assert!(reactor.step().is_err() && reactor.run_until_stopped(drop).is_err(), "{first}");
    assert_eq!(reactor.cursor().parked(), []);
}
