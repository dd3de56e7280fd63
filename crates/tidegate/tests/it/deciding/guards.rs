//! Gates attached to a store: every matching batch passes them, however it is appended.

use tidegate::decide::{DecisionView, Denial, GateSet, Outcome, Proposal, Verdict, gate};
use tidegate::{Batch, Cause, ErrorKind, EventId, Position, Query, QueryItem, Receipt, Result, Store};

use super::{append, code, draft, head, refused, store, submit, tag};

/// A store on which every event with the tag `frozen` is denied.
fn guarded() -> Store {
    let store = store();
    store.guard(tag("frozen"), frozen()).unwrap();
    store
}

fn frozen() -> GateSet {
    GateSet::new().and(gate("frozen", |_: &Proposal<'_>, _: &DecisionView| {
        Ok(Verdict::Deny(Denial::new("FROZEN", "nothing changes here")))
    }))
}

#[test]
fn a_gate_for_versions_is_refused() {
    let by_version = Query::tag("frozen").or(QueryItem::new().scope("s").versions(2..));
    let error = store().guard(by_version, frozen()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("range of versions"), "{error}");
}

/// One way into the log.
type Way = dyn Fn(&Store) -> Result<Receipt>;

/// Every way into the log, with its answer as a receipt or the code of the denial.
fn every_way(store: &Store, batch: &Batch) -> [Result<Receipt, String>; 4] {
    let answer = |decided: Result<Outcome>| match decided.unwrap() {
        Outcome::Committed(receipt) => Ok(receipt),
        Outcome::Denied(denied) => Err(code(&denied).to_owned()),
    };
    let error = |error: tidegate::Error| code(error.denied().unwrap()).to_owned();
    [
        store.append(batch.clone()).map_err(error),
        store.submit(batch.clone()).and_then(tidegate::Ticket::wait).map_err(error),
        answer(store.decide(|_| -> tidegate::Result<_> { Ok(batch.clone()) })),
        answer(store.propose("ann", batch.clone(), &GateSet::new())),
    ]
}

#[test]
fn a_matching_batch_is_denied_however_it_comes() {
    let store = guarded();
    for batch in [
        Batch::from(draft("a", "a.b").tag("frozen")),
        Batch::from(vec![draft("b", "a.b"), draft("a", "a.b").tag("frozen")]),
    ] {
        for answer in every_way(&store, &batch) {
            assert_eq!(answer, Err("FROZEN".to_owned()));
        }
    }
    assert_eq!(head(&store), 0);
    for (position, answer) in (1..).zip(every_way(&store, &draft("a", "a.b").tag("other").into())) {
        assert_eq!(answer.unwrap().first(), Position(position));
    }
}

#[test]
fn a_denied_append_is_a_typed_refusal() {
    let store = guarded();
    let error = refused(&store, draft("a", "a.b").tag("frozen"));
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(error.to_string(), "denied: a gate denied the batch: frozen: nothing changes here (FROZEN)");
}

#[test]
fn several_guards_are_all_passed_and_named_in_order() {
    let store = store();
    let allow =
        |name: &'static str| GateSet::new().and(gate(name, |_: &Proposal<'_>, _: &_| Ok(Verdict::Allow)));
    store.guard(Query::ALL, allow("first")).unwrap();
    store.guard(QueryItem::new().kind("order.*"), allow("orders")).unwrap();
    store.guard(QueryItem::new().kind("order.paid"), allow("payments")).unwrap();
    assert_eq!(append(&store, draft("a", "order.paid")).gates, ["first", "orders", "payments"]);
    assert_eq!(append(&store, draft("a", "order.placed")).gates, ["first", "orders"]);
    assert_eq!(append(&store, draft("a", "other.kind")).gates, ["first"]);
    let own = GateSet::new().and(gate("own", |_: &Proposal<'_, str>, _: &_| Ok(Verdict::Allow)));
    let decided = store.propose("ann", draft("a", "order.paid"), &own).unwrap();
    assert_eq!(decided.receipt().unwrap().gates, ["own", "first", "orders", "payments"]);
}

#[test]
fn what_a_guard_read_holds_at_the_commit_of_every_way() {
    let balance = |view: &DecisionView| view.count(&tag("spent"));
    let race = |store: &Store, go: &Way| {
        let error = go(store).unwrap_err();
        assert_eq!(code(error.denied().unwrap()), "SPENT");
    };
    let ways: [&Way; 3] = [
        &|store| store.append(draft("a", "a.b").tag("spent")),
        &|store| match store.decide(|_| -> tidegate::Result<tidegate::decide::Decision> {
            Ok(draft("a", "a.b").tag("spent").into())
        })? {
            Outcome::Committed(receipt) => Ok(receipt),
            Outcome::Denied(denied) => Err(tidegate::Error::invalid("denied").because(denied)),
        },
        &|store| {
            let propose = store.propose("ann", draft("a", "a.b").tag("spent"), &GateSet::new());
            match propose? {
                Outcome::Committed(receipt) => Ok(receipt),
                Outcome::Denied(denied) => Err(tidegate::Error::invalid("denied").because(denied)),
            }
        },
    ];
    for way in ways {
        let store = std::sync::Arc::new(store());
        let faster = std::sync::Arc::downgrade(&store);
        let first = std::sync::atomic::AtomicBool::new(true);
        let once = GateSet::new().and(gate("once", move |_: &Proposal<'_>, view: &DecisionView| {
            if balance(view)? > 0 {
                return Ok(Verdict::Deny(Denial::new("SPENT", "it was spent")));
            }
            // Another caller is faster, between the judging and the commit.
            if first.swap(false, std::sync::atomic::Ordering::SeqCst) {
                let migrated = tidegate::batch::Bypass {
                    reason: "test".into(),
                    justification: "to be faster".to_owned(),
                    approver: None,
                };
                let batch = Batch::from(draft("b", "a.b").tag("spent")).bypassing(migrated);
                append(&faster.upgrade().unwrap(), batch);
            }
            Ok(Verdict::Allow)
        }));
        store.guard(tag("spent"), once).unwrap();
        race(&store, way);
        assert_eq!(head(&store), 1);
    }
}

#[test]
fn a_submitted_batch_is_refused_where_its_gate_would_have_to_judge_again() {
    let store = super::stepped();
    let judged = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&judged);
    let once = GateSet::new().and(gate("once", move |_: &Proposal<'_>, view: &DecisionView| {
        count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let spent = view.exists(&tag("spent"))?;
        Ok(if spent { Verdict::Deny(Denial::new("SPENT", "it was spent")) } else { Verdict::Allow })
    }));
    store.guard(tag("spent"), once).unwrap();
    let ticket = submit(&store, draft("a", "a.b").tag("spent"));
    let other = submit(&store, draft("b", "a.b").tag("spent"));
    assert_eq!(ticket.wait().unwrap().gates, ["once"]);
    let error = other.wait().unwrap_err();
    assert!(super::conflict(&error).retry);
    let again = store.submit(draft("b", "a.b").tag("spent")).unwrap_err();
    assert_eq!(code(again.denied().unwrap()), "SPENT");
    assert_eq!(judged.load(std::sync::atomic::Ordering::SeqCst), 3);
}

#[test]
fn a_gate_may_append_and_decide_itself() {
    let store = std::sync::Arc::new(store());
    let (weak, depth) = (std::sync::Arc::downgrade(&store), std::sync::atomic::AtomicUsize::new(0));
    let noting = GateSet::new().and(gate("noting", move |_: &Proposal<'_>, _: &_| {
        if depth.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
            append(&weak.upgrade().unwrap(), draft("log", "attempt.noted"));
        }
        Ok(Verdict::Allow)
    }));
    store.guard(Query::ALL, noting).unwrap();
    assert_eq!(append(&store, draft("a", "a.b")).first(), Position(2));
}

/// An event belongs to the flow of its first cause. A gate attached to a flow once looked only at the draft's
/// own word, so whatever inherited the flow went by.
#[test]
fn a_flow_is_guarded_however_an_event_comes_into_it() {
    let store = store();
    let first = append(&store, draft("a", "a.b"));
    let (id, position) = (first.events[0].id, first.first());
    store.guard(QueryItem::new().correlation(id), frozen()).unwrap();
    for effect in
        [draft("b", "a.b").correlation(id), draft("b", "a.b").cause(position), draft("b", "a.b").cause(id)]
    {
        assert_eq!(code(refused(&store, effect).denied().unwrap()), "FROZEN");
    }
    // The flow of the first cause counts, and the draft's own word before it.
    let other = append(&store, draft("z", "a.b")).first();
    append(&store, draft("b", "a.b").cause(other).cause(position));
    append(&store, draft("b", "a.b").cause(position).correlation(EventId([1; 16])));
    append(&store, vec![draft("x", "a.b"), draft("y", "a.b").cause(Cause::Draft(0)).cause(id)]);
}

/// The effects of an event, too, however they name it: by position, by id, or as an earlier draft.
#[test]
fn effects_are_guarded_however_they_name_their_cause() {
    let store = store();
    append(&store, draft("a", "a.b"));
    let first = append(&store, draft("a", "a.b"));
    let (id, position) = (first.events[0].id, first.first());
    store.guard(QueryItem::new().cause(id), frozen()).unwrap();
    for effect in [draft("b", "a.b").cause(position), draft("b", "a.b").cause(id)] {
        assert_eq!(code(refused(&store, effect).denied().unwrap()), "FROZEN");
    }
    let own = EventId([8; 16]);
    store.guard(QueryItem::new().cause(Cause::Id(own)), frozen()).unwrap();
    let chain = vec![draft("x", "a.b").id(own), draft("y", "a.b").cause(Cause::Draft(0))];
    assert_eq!(code(refused(&store, chain).denied().unwrap()), "FROZEN");
    append(&store, draft("x", "a.b").id(own));
    assert_eq!(code(refused(&store, draft("y", "a.b").cause(own)).denied().unwrap()), "FROZEN");
    append(&store, draft("b", "a.b").cause(Position(1)));
    assert_eq!(head(&store), 4);
}
