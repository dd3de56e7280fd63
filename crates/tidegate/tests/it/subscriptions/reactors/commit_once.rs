//! A reaction is one commit with "this was reacted to".

use std::cell::Cell;

use tidegate::decide::{Decision, Denial, GateSet, Verdict, gate};
use tidegate::subscription::cursor::status;
use tidegate::subscription::cursor::{Change, CursorRole};
use tidegate::subscription::reactor::Step;
use tidegate::{Batch, Condition, Draft, ErrorKind, Position, Query, QueryItem, Store, Version};

use super::{answer, answered, answers, put, run, settings};
use crate::faults::Stage;
use crate::subscriptions::kind;

#[test]
fn causes_and_flow_are_set() {
    let store = Store::in_memory().unwrap();
    let order = store.append(Draft::new(("s", "e"), "a.one")).unwrap();
    let other = put(&store, "other");
    let reactor = store.reactor_with("r", kind("a.one"), settings(), move |_, event| {
        let again = answer(event).cause(event.position()).cause(other);
        Ok(Some(Batch::new().and(answer(event)).and(again)))
    });
    let reactor = reactor.unwrap();
    let Step::Reacted(receipt) = reactor.step().unwrap() else { panic!("there is an event") };
    assert_eq!(receipt.events.len(), 2);
    assert_eq!(answered(&store), [vec![1], vec![1, 2]]);
    for event in store.read(&kind("b.one")).unwrap() {
        assert_eq!(event.unwrap().correlation(), order.events[0].id);
    }
    assert!(matches!(reactor.step().unwrap(), Step::Reacted(_)));
    assert!(matches!(reactor.step().unwrap(), Step::Idle));
    assert_eq!((reactor.cursor().lag().unwrap(), reactor.cursor().position()), (0, Position(6)));
}

#[test]
fn an_event_may_lead_to_nothing() {
    let store = Store::in_memory().unwrap();
    put(&store, "quiet");
    let reactor = store.reactor_with("r", kind("a.one"), settings(), |_, _| Ok(None)).unwrap();
    assert!(matches!(reactor.step().unwrap(), Step::Passed(Position(1))));
    assert!(matches!(reactor.step().unwrap(), Step::Idle));
    assert_eq!(store.view().unwrap().head(), Position(1), "nothing is written for it");
}

#[test]
fn going_back_doubles_nothing() {
    let store = Store::in_memory().unwrap();
    let said = Cell::new(0);
    for entity in ["e", "f", "e"] {
        put(&store, entity);
    }
    let reactor = store.reactor_with("r", kind("a.one"), settings(), |_, event| {
        said.set(said.get() + 1);
        Ok(Some(answer(event).json_text(said.get().to_string()).into()))
    });
    let reactor = reactor.unwrap();
    assert_eq!(run(&reactor), 3);
    reactor.cursor().change(Change::Rewind(Position::START)).unwrap();
    assert!(matches!(reactor.step().unwrap(), Step::Known(Position(1), Position(4))));
    assert_eq!(run(&reactor), 2);
    assert_eq!(
        (said.get(), answered(&store)),
        (3, vec![vec![1], vec![2], vec![3]]),
        "no caller was asked again"
    );
}

#[test]
fn what_the_handler_read_holds_at_the_commit() {
    let store = Store::in_memory().unwrap();
    put(&store, "e");
    let asked = Cell::new(0);
    let reactor = store.reactor_with("r", kind("a.one"), settings(), |view, event| {
        let seen = view.count(&kind("c.one"))?;
        asked.set(asked.get() + 1);
        if asked.get() == 1 {
            store.append(Draft::new(("s", "between"), "c.one"))?;
        }
        Ok(Some(answer(event).json_text(seen.to_string()).into()))
    });
    let Step::Reacted(receipt) = reactor.unwrap().step().unwrap() else { panic!("there is an event") };
    let event = store.view().unwrap().at(receipt.first()).unwrap().unwrap();
    assert_eq!((event.payload().unwrap(), asked.get()), (&b"1"[..], 2));
}

#[test]
fn conditions_and_gates_apply() {
    let store = Store::in_memory().unwrap();
    put(&store, "e");
    let never = gate("never", |_, _| Ok(Verdict::Deny(Denial::new("SHUT", "no bills today"))));
    store.guard(QueryItem::new().kind("b.one"), GateSet::new().and(never)).unwrap();
    let reactor = store.reactor_with("gated", kind("a.one"), settings(), answers).unwrap();
    assert_eq!(run(&reactor), 2);
    let parked = reactor.cursor().parked();
    assert!(parked[0].reason.contains("no bills today"), "{parked:?}");
    let wrong = store.reactor_with("conditional", kind("a.one"), settings(), |_, event| {
        let batch = Batch::from(Draft::new(("s", "free"), "c.one"));
        Ok(Some(batch.only_if(Condition::Version(event.stream(), Version(9)))))
    });
    let wrong = wrong.unwrap();
    assert_eq!(run(&wrong), 2);
    assert!(wrong.cursor().parked()[0].reason.contains("version 9"));
    assert_eq!(answered(&store), Vec::<Vec<u64>>::new());
}

#[test]
fn a_reaction_has_no_key_of_its_own() {
    let store = Store::in_memory().unwrap();
    put(&store, "e");
    let reactor = store.reactor_with("r", kind("a.one"), settings(), |_, event| {
        Ok(Some(Batch::from(answer(event)).key("mine")))
    });
    let reactor = reactor.unwrap();
    run(&reactor);
    assert!(reactor.cursor().parked()[0].reason.contains("key of its own"));
}

#[test]
fn a_name_is_of_one_reader() {
    let mut stage = Stage::new();
    let store = stage.open();
    let reactor = store.reactor_with("r", Query::ALL, settings(), |_, _| Ok(None)).unwrap();
    assert_eq!(reactor.cursor().next_now().unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(reactor.cursor().clone().next().unwrap().unwrap_err().kind(), ErrorKind::Invalid);
    drop(reactor);
    assert_eq!(store.cursor_with("r", Query::ALL, settings()).unwrap_err().kind(), ErrorKind::Refused);
    drop(store.cursor_with("c", Query::ALL, settings()).unwrap());
    assert_eq!(
        store.reactor_with("c", Query::ALL, settings(), answers).unwrap_err().kind(),
        ErrorKind::Refused
    );
    drop(store);
    stage.restart();
    assert_eq!(status(&stage.read_only(), "r").unwrap().role, CursorRole::Reactor);
}

#[test]
fn several_reactors_answer_the_same_event() {
    let store = Store::in_memory().unwrap();
    put(&store, "e");
    for name in ["one", "two"] {
        assert_eq!(run(&store.reactor_with(name, kind("a.one"), settings(), answers).unwrap()), 1);
    }
    assert_eq!(answered(&store), [[1], [1]]);
    // A decision of another caller's is not a reaction.
    let denied = store.decide(|_| -> tidegate::Result<Decision> { Ok(Decision::deny("NO", "no")) }).unwrap();
    assert!(denied.denied().is_some());
    assert_eq!(run(&store.reactor_with("three", kind("b.one"), settings(), |_, _| Ok(None)).unwrap()), 2);
}
