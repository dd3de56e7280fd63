//! Bypassing the gates of a store takes reasons, and stays visible.

use tidegate::batch::Bypass;
use tidegate::decide::{DecisionView, Denial, GateSet, Proposal, Verdict, gate};
use tidegate::{Batch, ErrorKind, Position, Query, Store};

use super::{append, code, denied, draft, head, refused, store};

fn guarded() -> Store {
    let store = store();
    store.guard(Query::ALL, never()).unwrap();
    store
}

fn never<C: ?Sized + 'static>() -> GateSet<C> {
    GateSet::new().and(gate("never", |_: &Proposal<'_, C>, _: &DecisionView| {
        Ok(Verdict::Deny(Denial::new("NEVER", "never")))
    }))
}

fn bypass(reason: &'static str, justification: &str, approver: Option<&str>) -> Bypass {
    let (justification, approver) = (justification.to_owned(), approver.map(str::to_owned));
    Bypass { reason: reason.into(), justification, approver }
}

#[test]
fn a_bypass_stands_in_the_first_event() {
    let store = guarded();
    let migration = || bypass("migration", "took the history over", Some("ann"));
    let batch = Batch::from(vec![draft("a", "a.b"), draft("b", "a.b")]).bypassing(migration());
    let receipt = append(&store, batch);
    assert!(receipt.gates.is_empty());
    let view = store.view().unwrap();
    let metadata = |position| {
        let event = view.at(Position(position)).unwrap().unwrap();
        event.metadata().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>()
    };
    let [(name, note)] = &metadata(1)[..] else { panic!("one note") };
    assert_eq!(name, "tidegate.bypass");
    let note: serde_json::Value = serde_json::from_slice(note).unwrap();
    let expected = serde_json::json!({ "reason": "migration", "justification": "took the history over", "approver": "ann" });
    assert_eq!(note, expected);
    assert!(metadata(2).is_empty());
}

#[test]
fn it_says_why_and_passes_over_the_gates_of_the_store_alone() {
    let store = guarded();
    let plain = || bypass("repair", "a wrong booking", None);
    for bad in [bypass("", "a wrong booking", None), bypass("repair", " ", None)] {
        let error = refused(&store, Batch::from(draft("a", "a.b")).bypassing(bad));
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
    let batch = Batch::from(draft("a", "a.b")).bypassing(plain());
    let decided = store.propose("ann", batch, &never()).unwrap();
    assert_eq!(code(&denied(decided)), "NEVER", "gates that the caller brings are not passed over");
    assert_eq!(head(&store), 0);
    let decided = store.decide(|_| -> tidegate::Result<tidegate::decide::Decision> {
        Ok(Batch::from(draft("a", "a.b")).bypassing(plain()).into())
    });
    assert!(decided.unwrap().receipt().is_some());
}

#[test]
fn it_is_no_part_of_the_content_under_a_key() {
    let store = guarded();
    let batch = || Batch::from(draft("a", "a.b")).key("k");
    let first = append(&store, batch().bypassing(bypass("repair", "a wrong booking", None)));
    assert_eq!(append(&store, batch()), first);
}
