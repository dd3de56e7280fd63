//! What an event says of the grounds on which it is in the log.

use tidegate::batch::Bypass;
use tidegate::decide::{DecisionView, GateSet, Proposal, Verdict, gate};
use tidegate::{
    AppendOptions, Batch, Condition, Draft, ErrorKind, EventId, Position, Query, QueryItem, Store,
    StoreOptions,
};

fn store() -> Store {
    StoreOptions::new().segment_bytes(4096).in_memory().unwrap()
}

fn keep() -> AppendOptions {
    AppendOptions::new().keep_footprint(true)
}

fn seat(student: &'static str) -> Draft {
    Draft::new(("school", student), "student.subscribed").tag("course:c1")
}

fn course() -> Query {
    QueryItem::new().kind("student.*").tag("course:c1").into()
}

/// What a decision read is found again, and reads as it did then, whatever was appended since and however the
/// store was opened.
#[test]
fn a_kept_footprint_reads_as_it_did() {
    let directory = tempfile::tempdir().unwrap();
    let absent = EventId([7; 16]);
    let mut store = Store::open(directory.path()).unwrap();
    for student in ["ada", "bob"] {
        store.append(seat(student)).unwrap();
    }
    let decided = store.decide_with(keep(), |view| -> tidegate::Result<_> {
        assert_eq!(view.count(&course())?, 2);
        assert!(view.find(absent)?.is_none());
        let more = Draft::new(("school", "cyd"), "invoice.sent");
        Ok(Batch::from(seat("cyd")).and(more))
    });
    let receipt = decided.unwrap().receipt().unwrap().clone();
    store.append(seat("dee")).unwrap();
    for _ in 0..2 {
        for event in [receipt.first(), receipt.last()] {
            let explanation = store.view().unwrap().explain(event).unwrap();
            assert_eq!(
                explanation.batch,
                Position(3)..=Position(4),
                "noted on the first event, true of both"
            );
            let footprint = explanation.footprint.unwrap();
            assert_eq!((footprint.queries(), footprint.absent_ids()), (&[course()][..], &[absent][..]));
            let then = explanation.judged_at.unwrap();
            let read: Vec<_> =
                then.read(&footprint.queries()[0]).map(|event| event.unwrap().position()).collect();
            assert_eq!(read, [Position(1), Position(2)]);
            assert!(explanation.gates.is_empty() && explanation.bypass.is_none());
        }
        store.close().unwrap();
        drop(store);
        store = Store::open(directory.path()).unwrap();
    }
    store.verify(|_| ()).unwrap();
}

#[test]
fn nothing_is_kept_unless_asked_for() {
    let store = store();
    let decide = |append| {
        let decided = store.decide_with(append, |view| -> tidegate::Result<_> {
            view.exists(&course())?;
            Ok(seat("ada"))
        });
        decided.unwrap().receipt().unwrap().first()
    };
    let plain = store.append_with(seat("bob"), keep()).unwrap().first();
    for event in [decide(AppendOptions::new()), plain] {
        let explanation = store.view().unwrap().explain(event).unwrap();
        assert!(explanation.footprint.is_none() && explanation.judged_at.is_none());
        assert_eq!(explanation.batch, event..=event);
        assert_eq!(store.view().unwrap().at(event).unwrap().unwrap().metadata().count(), 0);
    }
}

/// A gate's reads are kept like those of a decision, beside its name.
#[test]
fn gates_and_bypasses_are_told() {
    let store = store();
    let gates = || {
        GateSet::new().and(gate("seats", |_: &Proposal<'_, ()>, view: &DecisionView| {
            view.count(&course())?;
            Ok(Verdict::Allow)
        }))
    };
    store.guard(Query::ALL, gates()).unwrap();
    let guarded = store.append_with(seat("ada"), keep()).unwrap().first();
    let explanation = store.view().unwrap().explain(guarded).unwrap();
    assert_eq!(explanation.gates, ["seats"]);
    assert_eq!(explanation.footprint.unwrap().queries(), [course()]);
    assert_eq!(explanation.judged_at.unwrap().head(), Position::START);
    let bypass = Bypass {
        reason: "migration".into(),
        justification: "moved".to_owned(),
        approver: Some("eve".to_owned()),
    };
    let passed =
        store.append_with(Batch::from(seat("bob")).bypassing(bypass.clone()), keep()).unwrap().first();
    let explanation = store.view().unwrap().explain(passed).unwrap();
    assert_eq!((explanation.bypass, explanation.gates.len()), (Some(bypass), 0));
    let error = store.view().unwrap().explain(Position(9)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
}

/// The note is the store's own, beside the content that a key stands for.
#[test]
fn a_key_stands_for_what_the_caller_said() {
    let store = store();
    let decide = || {
        store.decide_with(keep(), |view| -> tidegate::Result<_> {
            view.exists(&course())?;
            Ok(Batch::from(seat("ada")).key("k").only_if(Condition::fail_if(QueryItem::new().tag("none"))))
        })
    };
    let first = decide().unwrap();
    assert_eq!(decide().unwrap().receipt(), first.receipt(), "the first one again, though it reads more now");
    let mut draft = seat("bob");
    draft.metadata.push(("tidegate.footprint".into(), b"{}".as_slice().into()));
    assert_eq!(store.append(draft).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn what_is_too_large_to_keep_is_refused() {
    let store = store();
    let decided = store.decide_with(keep(), |view| -> tidegate::Result<_> {
        for number in 0..3000 {
            view.exists(&QueryItem::new().tag(format!("number:{number}")).into())?;
        }
        Ok(seat("ada"))
    });
    let error = decided.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("footprint is too large"), "{error}");
    assert_eq!(store.frontier().visible, Position::START);
}
