//! The key of a decision: what was decided once is answered, and not decided again.

use std::cell::Cell;

use tidegate::batch::ConflictKind;
use tidegate::decide::{Decision, DecisionView, GateSet, Outcome, Proposal, Verdict, gate};
use tidegate::testing::{Call, Env, FaultyDisk, Model, SeededRandom, SimulatedClock};
use tidegate::{AppendOptions, Batch, Draft, ErrorKind, Position, Query, Result, StoreOptions};

use crate::deciding::{append, code, conflict, denied, draft, head, refused, stepped, store, submit, tag};

/// Takes the only seat, or says that it is taken.
fn take_seat(view: &DecisionView) -> Result<Decision> {
    if view.exists(&tag("seat"))? {
        return Ok(Decision::deny("SOLD_OUT", "the seat is taken"));
    }
    Ok(draft("seat", "seat.taken").tag("seat").into())
}

fn under(key: &'static str) -> AppendOptions {
    AppendOptions::new().key(key)
}

fn committed(decided: Outcome) -> tidegate::Receipt {
    decided.into_result().unwrap()
}

/// A retry was once told that the seat is taken, by itself: the key stood on the batch, and the decision that came to
/// the batch was asked first. Now the key is given with the call and answered before the decision is asked.
#[test]
fn what_was_decided_is_answered_and_not_asked_again() {
    let store = store();
    let first = committed(store.decide_with(under("request-1"), take_seat).unwrap());
    let asked = Cell::new(0);
    let again = store.decide_with(under("request-1"), |view| -> tidegate::Result<_> {
        asked.set(asked.get() + 1);
        take_seat(view)
    });
    assert_eq!((committed(again.unwrap()), asked.get()), (first.clone(), 0));
    assert_eq!(code(&denied(store.decide_with(under("request-2"), take_seat).unwrap())), "SOLD_OUT");
    assert_eq!(head(&store), 1);
    let found = store.view().unwrap().find_key("request-1").unwrap();
    assert_eq!(found.map(|event| event.position()), Some(first.first()));
}

/// The content of a decision depends on what it read, so the second time it may be another one.
#[test]
fn the_content_of_a_decision_is_not_compared() {
    let store = store();
    let number = |view: &DecisionView| -> tidegate::Result<_> {
        let count = view.count(&tag("invoice"))?;
        Ok(draft("books", "invoice.sent").tag("invoice").json_text(count.to_string()))
    };
    let first = committed(store.decide_with(under("a"), number).unwrap());
    let second = committed(store.decide_with(under("b"), number).unwrap());
    assert_eq!(committed(store.decide_with(under("a"), number).unwrap()), first);
    assert_eq!(committed(store.decide_with(under("b"), number).unwrap()), second);
    assert_eq!(head(&store), 2);
}

/// The first call comes into the log between the look at the key and the commit of the second.
#[test]
fn the_commit_looks_at_the_key_before_anything_else() {
    for reads in [true, false] {
        let store = store();
        let (first, asked) = (Cell::new(None), Cell::new(0));
        let again = store.decide_with(under("request"), |view| -> tidegate::Result<Decision> {
            asked.set(asked.get() + 1);
            if first.take().is_none() {
                first.set(Some(committed(store.decide_with(under("request"), take_seat)?)));
            }
            // What it read has moved, and what it comes to has other content.
            if reads { take_seat(view) } else { Ok(draft("other", "a.b").into()) }
        });
        assert_eq!((Some(committed(again.unwrap())), asked.get()), (first.take(), 1));
        assert_eq!(head(&store), 1);
    }
}

#[test]
fn callers_at_the_same_time_get_one_receipt() {
    let store = store();
    for round in 0..20 {
        let key = format!("request-{round}");
        let receipts = std::thread::scope(|scope| {
            let call = || {
                let decided = store.decide_with(
                    AppendOptions::new().buffered().key(key.clone()),
                    |view| -> tidegate::Result<Decision> {
                        let taken = view.count(&tag("seat"))?;
                        Ok(draft("seat", "seat.taken").tag("seat").json_text(taken.to_string()).into())
                    },
                );
                committed(decided.unwrap())
            };
            let calls: Vec<_> = (0..4).map(|_| scope.spawn(call)).collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(receipts.iter().all(|receipt| *receipt == receipts[0]), "{receipts:?}");
        assert_eq!(head(&store), round + 1);
    }
}

#[test]
fn a_denial_leaves_nothing_under_the_key() {
    let store = store();
    let open = Cell::new(false);
    let call = || {
        store.decide_with(under("request"), |_| -> tidegate::Result<Decision> {
            Ok(if open.get() {
                draft("a", "a.b").into()
            } else {
                Decision::deny("CLOSED", "come back later")
            })
        })
    };
    assert_eq!(code(&denied(call().unwrap())), "CLOSED");
    assert!(store.view().unwrap().find_key("request").unwrap().is_none());
    open.set(true);
    let first = committed(call().unwrap());
    open.set(false);
    assert_eq!(committed(call().unwrap()), first);
}

#[test]
fn a_key_is_answered_before_the_gates_of_the_store() {
    let store = store();
    let first = committed(store.decide_with(under("request"), take_seat).unwrap());
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&asked);
    let never = gate("never", move |_: &Proposal<'_>, _: &DecisionView| {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(Verdict::Skipped)
    });
    store.guard(Query::ALL, GateSet::new().and(never)).unwrap();
    assert_eq!(committed(store.decide_with(under("request"), take_seat).unwrap()), first);
    assert_eq!(asked.load(std::sync::atomic::Ordering::Relaxed), 0);
}

/// One log of keys: an append compares its content, a decision does not.
#[test]
fn appends_and_decisions_share_the_keys() {
    let store = store();
    let seat = || Batch::from(draft("seat", "seat.taken").tag("seat")).key("request");
    let first = committed(store.decide_with(under("request"), take_seat).unwrap());
    assert_eq!(append(&store, seat()), first);
    assert_eq!(submit(&store, seat()).wait().unwrap(), first);
    let other = refused(&store, Batch::from(draft("seat", "seat.left")).key("request"));
    assert_eq!(conflict(&other).kind, ConflictKind::Duplicate);
    let paid = append(&store, Batch::from(draft("a", "money.paid")).key("payment"));
    assert_eq!(committed(store.decide_with(under("payment"), take_seat).unwrap()), paid);
    assert_eq!(head(&store), 2);
}

#[test]
fn a_decision_has_one_key_which_keeps_the_rules_of_names() {
    let store = store();
    let two = store.decide_with(under("request"), |_| -> tidegate::Result<Decision> {
        Ok(Batch::from(draft("a", "a.b")).key("request").into())
    });
    let error = two.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.message().contains("key"), "{error}");
    for bad in [String::new(), "k".repeat(1025), "a\nb".to_owned()] {
        let asked = Cell::new(false);
        let error = store.decide_with(AppendOptions::new().key(bad), |_| -> tidegate::Result<Decision> {
            asked.set(true);
            Ok(draft("a", "a.b").into())
        });
        assert_eq!((error.unwrap_err().kind(), asked.get()), (ErrorKind::Invalid, false));
    }
    assert_eq!(head(&store), 0);
}

#[test]
fn an_answer_is_as_durable_as_the_retry_asks_for() {
    let disk = FaultyDisk::new(1, Model::default());
    let world = Env::simulated(&disk, &SimulatedClock::new(1), &SeededRandom::new(1));
    let store = StoreOptions::new().thread(false).open_in(world).unwrap();
    let first =
        committed(store.decide_with(AppendOptions::new().buffered().key("request"), take_seat).unwrap());
    let syncs = disk.count(Call::Sync);
    assert_eq!(
        committed(store.decide_with(AppendOptions::new().buffered().key("request"), take_seat).unwrap()),
        first
    );
    assert_eq!((disk.count(Call::Sync), store.frontier().durable), (syncs, Position(0)));
    assert_eq!(
        committed(store.decide_with(AppendOptions::new().synced().key("request"), take_seat).unwrap()),
        first
    );
    assert_eq!((disk.count(Call::Sync), store.frontier().durable), (syncs + 1, Position(1)));
}

#[test]
fn a_key_that_was_not_found_is_held() {
    let store = store();
    let keyed = |key: &'static str| Batch::from(draft("a", "a.b")).key(key);
    let attempts = |meanwhile: &'static str| {
        let (asked, found) = (Cell::new(0), Cell::new(false));
        let decided = store.decide_with(
            AppendOptions::new().keep_footprint(true),
            |view| -> tidegate::Result<Decision> {
                asked.set(asked.get() + 1);
                found.set(view.find_key("sought")?.is_some());
                if asked.get() == 1 {
                    append(&store, keyed(meanwhile));
                }
                Ok(draft("decided", "a.b").into())
            },
        );
        let explained = store.view().unwrap().explain(committed(decided.unwrap()).first()).unwrap();
        let absent = explained.footprint.map(|footprint| footprint.absent_keys().to_vec());
        (asked.get(), found.get(), absent)
    };
    assert_eq!(attempts("other"), (1, false, Some(vec!["sought".into()])));
    assert_eq!(attempts("sought"), (2, true, None), "a key that was found stays, so nothing is held then");
    assert_eq!(attempts("more"), (1, true, None));
}

/// The same, if the key comes into the log in the same group.
#[test]
fn a_key_that_was_not_found_is_held_within_a_group() {
    let store = stepped();
    let absent = gate("absent", |_: &Proposal<'_>, view: &DecisionView| {
        assert!(view.find_key("sought")?.is_none());
        Ok(Verdict::Allow)
    });
    let guarded = Query::from(tidegate::QueryItem::new().kind("guarded.*"));
    store.guard(guarded, GateSet::new().and(absent)).unwrap();
    let keyed = submit(&store, Batch::from(draft("a", "a.b")).key("sought"));
    let judged = submit(&store, draft("b", "guarded.b"));
    store.upkeep().step().unwrap();
    assert_eq!(keyed.wait().unwrap().first(), Position(1));
    let conflict = conflict(&judged.wait().unwrap_err());
    assert_eq!((conflict.kind, conflict.position), (ConflictKind::Boundary, Some(Position(1))));
    assert!(conflict.footprint && conflict.retry);
}

/// Reads through very many queries: what they are compared by grows with their number, not with its square.
#[test]
fn a_footprint_of_many_queries_holds_each_once() {
    let store = store();
    let many = 20_000;
    let decided = store.decide(|view| -> tidegate::Result<Decision> {
        for round in 0..2 {
            for number in 0..many {
                view.exists(&tidegate::QueryItem::new().tag(format!("n:{number}")).into())?;
            }
            assert_eq!(view.footprint().queries().len(), many, "round {round}");
        }
        let first: Query = tidegate::QueryItem::new().tag("n:0").into();
        assert_eq!(view.footprint().queries()[0], first, "in the order they were read");
        Ok(Decision::deny("DONE", "enough was read"))
    });
    assert_eq!(code(&denied(decided.unwrap())), "DONE");
}

/// Gates and handlers see the drafts of the caller, not copies of them: a payload of 8 MiB was once copied for every
/// batch that a gate might concern.
#[test]
fn a_judged_batch_is_not_copied() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let note = std::sync::Arc::clone(&seen);
    let sees = move || {
        let note = std::sync::Arc::clone(&note);
        gate("sees", move |proposal: &Proposal<'_>, _: &DecisionView| {
            note.lock().unwrap().push(proposal.drafts[0].payload.as_ptr() as usize);
            Ok(Verdict::Allow)
        })
    };
    let store = store();
    store.guard(Query::ALL, GateSet::new().and(sees())).unwrap();
    let payload = || vec![7; 1 << 20];
    let large = |payload: Vec<u8>, key: &'static str| Batch::from(draft("a", "a.b").bytes(payload)).key(key);
    let mut expected = Vec::new();
    let mut place = |payload: Vec<u8>, times: usize| {
        expected.extend(std::iter::repeat_n(payload.as_ptr() as usize, times));
        payload
    };
    append(&store, large(place(payload(), 1), "append"));
    submit(&store, large(place(payload(), 1), "submit")).wait().unwrap();
    let batch = large(place(payload(), 2), "propose");
    committed(store.propose(&(), batch, &GateSet::new().and(sees())).unwrap());
    let draft: Cell<Option<Draft>> = Cell::new(Some(draft("a", "a.b").bytes(place(payload(), 1))));
    committed(
        store
            .decide_with(under("decide"), |_| -> tidegate::Result<Decision> {
                Ok(draft.take().unwrap().into())
            })
            .unwrap(),
    );
    assert_eq!(*seen.lock().unwrap(), expected);
}

/// An append's key stands for its content and belongs to the batch; one that stands in the options would be passed over.
#[test]
fn a_key_in_the_options_is_for_decisions_only() {
    let store = store();
    let answers = [
        store.append_with(draft("seat", "seat.taken"), under("r")).map(drop),
        store.submit_with(draft("seat", "seat.taken"), under("r")).map(drop),
        store.propose_with(&(), draft("seat", "seat.taken"), &GateSet::new(), under("r")).map(drop),
    ];
    for answer in answers {
        let error = answer.unwrap_err();
        assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("Batch::key"), "{error}");
    }
    assert_eq!(head(&store), 0);
}
