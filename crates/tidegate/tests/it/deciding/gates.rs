//! Gates: judged in order, named in the receipt, held by what they read, and harmless when they break.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tidegate::decide::{DecisionView, Denial, GATE_DEFECT, Gate, GateSet, Outcome, Proposal, Verdict, gate};
use tidegate::{Batch, Position, Result, Store};

use super::{append, code, denied, draft, head, stepped, store, submit, tag};

/// A gate that says always the same, and counts how many times it was asked.
fn always(name: &'static str, verdict: Verdict, asked: &Arc<AtomicUsize>) -> impl Gate<str> + use<> {
    let asked = Arc::clone(asked);
    gate(name, move |_: &Proposal<'_, str>, _: &_| {
        asked.fetch_add(1, Ordering::SeqCst);
        Ok(verdict.clone())
    })
}

fn deny(code: &'static str) -> Verdict {
    Verdict::Deny(Denial::new(code, "it is so").field("limit", 7))
}

#[test]
fn passed_gates_stand_in_the_receipt_and_in_the_log() {
    let store = store();
    append(&store, draft("z", "a.b"));
    let asked = Arc::default();
    let set =
        GateSet::new().and(always("one", Verdict::Allow, &asked)).and(always("two", Verdict::Allow, &asked));
    let batch = vec![draft("a", "a.b").meta("own", "kept"), draft("b", "a.b")];
    let receipt = store.propose("ann", batch, &set).unwrap().receipt().unwrap().clone();
    assert_eq!(
        (receipt.gates.clone(), receipt.judged_at),
        (vec!["one".into(), "two".into()], Some(Position(1)))
    );
    let first = store.view().unwrap().at(Position(2)).unwrap().unwrap();
    let metadata: Vec<_> = first.metadata().collect();
    assert_eq!(metadata[0], ("own", &b"kept"[..]));
    let note: serde_json::Value = serde_json::from_slice(metadata[1].1).unwrap();
    assert_eq!(
        (metadata[1].0, &note["passed"][1], &note["judged_at"]),
        ("tidegate.gates", &"two".into(), &1.into())
    );
    let second = store.view().unwrap().at(Position(3)).unwrap().unwrap();
    assert_eq!(second.metadata().len(), 0);
    let ungated = append(&store, draft("a", "a.b"));
    assert_eq!((ungated.gates.len(), ungated.judged_at), (0, None));
}

#[test]
fn a_keyed_batch_gives_the_gates_back() {
    let store = store();
    let set = || GateSet::new().and(always("one", Verdict::Allow, &Arc::default()));
    let batch = || Batch::from(draft("a", "a.b")).key("k");
    append(&store, draft("z", "a.b"));
    let propose = || store.propose("ann", batch(), &set()).unwrap();
    let first = propose();
    assert_eq!(first.receipt().unwrap().judged_at, Some(Position(1)));
    assert_eq!(propose(), first);
    assert_eq!(append(&store, batch()), *first.receipt().unwrap(), "gated or not, it is the same batch");
}

#[test]
fn the_first_denial_ends_the_judging() {
    let store = store();
    let asked: [Arc<AtomicUsize>; 4] = Default::default();
    let set = GateSet::new()
        .and(always("yes", Verdict::Allow, &asked[0]))
        .and(always("no", deny("NO"), &asked[1]))
        .and(always("also yes", Verdict::Allow, &asked[2]))
        .and(always("also no", deny("ALSO_NO"), &asked[3]));
    let denied = denied(store.propose("ann", draft("a", "a.b"), &set).unwrap());
    assert_eq!(asked.map(|count| count.load(Ordering::SeqCst)), [1, 1, 0, 0]);
    assert_eq!(code(&denied), "NO");
    let denial = denied.denials().next().unwrap();
    assert_eq!((&*denial.gate, denial.fields[0].clone()), ("no", ("limit".into(), "7".to_owned())));
    let verdicts: Vec<_> = denied.verdicts.iter().map(|(name, verdict)| (&**name, verdict)).collect();
    assert_eq!(verdicts[0], ("yes", &Verdict::Allow));
    assert!(matches!(verdicts[1], ("no", Verdict::Deny(_))));
    assert_eq!(verdicts[2..], [("also yes", &Verdict::Skipped), ("also no", &Verdict::Skipped)]);
    assert_eq!((denied.recorded, head(&store)), (None, 0));
    assert_eq!(denied.to_string(), "no: it is so (NO; limit: 7)");
}

#[test]
fn judging_all_asks_every_gate() {
    let store = store();
    let asked: [Arc<AtomicUsize>; 3] = Default::default();
    let set = GateSet::new()
        .and(always("no", deny("NO"), &asked[0]))
        .and(always("yes", Verdict::Allow, &asked[1]))
        .and(always("also no", deny("ALSO_NO"), &asked[2]))
        .judging_all();
    let denied = denied(store.propose("ann", draft("a", "a.b"), &set).unwrap());
    assert_eq!(asked.map(|count| count.load(Ordering::SeqCst)), [1, 1, 1]);
    let codes: Vec<_> = denied.denials().map(|denial| &*denial.code).collect();
    assert_eq!(codes, ["NO", "ALSO_NO"]);
    assert_eq!(denied.verdicts[1].1, Verdict::Allow);
}

#[test]
fn gates_know_who_asks_and_for_what() {
    let store = store();
    let own = || {
        GateSet::new().and(gate("own account", |proposal: &Proposal<'_, str>, _: &_| {
            let own = proposal.drafts.iter().all(|draft| draft.stream.entity == proposal.context);
            Ok(if own { Verdict::Allow } else { deny("NOT_YOURS") })
        }))
    };
    let propose = |who: &str, batch: Vec<_>| store.propose(who, batch, &own()).unwrap();
    assert!(propose("ann", vec![draft("ann", "a.b")]).receipt().is_some());
    assert_eq!(code(&denied(propose("bob", vec![draft("bob", "a.b"), draft("ann", "a.b")]))), "NOT_YOURS");
    assert_eq!(head(&store), 1);
}

/// A store, and how many times another caller was there.
struct Race(Store, AtomicUsize);

#[test]
fn a_gate_that_reads_is_held_to_what_it_read() {
    let race = Race(store(), AtomicUsize::new(0));
    let set = GateSet::new().and(gate("one seat", |_: &Proposal<'_, Race>, view: &DecisionView| {
        Ok(if view.exists(&tag("seat"))? { deny("TAKEN") } else { Verdict::Allow })
    }));
    // The second gate stands for another caller who is faster: it is asked when the first has allowed.
    let set = set.and(gate("slow", |proposal: &Proposal<'_, Race>, _: &DecisionView| {
        let Race(store, asked) = proposal.context;
        asked.fetch_add(1, Ordering::SeqCst);
        append(store, draft("b", "a.b").tag("seat"));
        Ok(Verdict::Allow)
    }));
    let decided = race.0.propose(&race, draft("a", "a.b").tag("seat"), &set).unwrap();
    assert_eq!(code(&denied(decided)), "TAKEN", "judged again, and denied by what had come");
    assert_eq!((race.1.load(Ordering::SeqCst), head(&race.0)), (1, 1));
}

#[test]
fn of_two_in_one_group_one_passes() {
    let store = stepped();
    let set = || {
        GateSet::new().and(gate("one seat", |_: &Proposal<'_>, view: &DecisionView| {
            Ok(if view.exists(&tag("seat"))? { deny("TAKEN") } else { Verdict::Allow })
        }))
    };
    store.guard(tag("seat"), set()).unwrap();
    let tickets = ["a", "b"].map(|entity| submit(&store, draft(entity, "a.b").tag("seat")));
    let free = submit(&store, draft("c", "a.b"));
    store.upkeep().step().unwrap();
    let [first, second] = tickets.map(tidegate::Ticket::wait);
    assert_eq!(first.unwrap().gates, ["one seat"]);
    let error = second.unwrap_err();
    assert_eq!(super::conflict(&error).position, Some(Position(1)));
    assert_eq!(free.wait().unwrap().first(), Position(2));
}

#[test]
fn a_panicking_gate_denies_and_harms_nobody() {
    let store = store();
    let broken = |message: Option<&'static str>| {
        GateSet::<str>::new().and(gate("broken", move |_: &Proposal<'_, str>, view: &DecisionView| {
            view.exists(&tag("t"))?;
            match message {
                Some(message) => panic!("{message}"),
                None => std::panic::panic_any(7),
            }
        }))
    };
    let (quiet, panicked) = (std::panic::take_hook(), Cell::new(0));
    std::panic::set_hook(Box::new(|_| ()));
    let denials = [Some("out of range"), None].map(|message| {
        panicked.set(panicked.get() + 1);
        denied(store.propose("ann", draft("a", "a.b"), &broken(message)).unwrap())
    });
    std::panic::set_hook(quiet);
    for (denied, text) in denials.iter().zip(["out of range", "without a message"]) {
        assert_eq!(code(denied), GATE_DEFECT);
        let denial = denied.denials().next().unwrap();
        assert_eq!((&*denial.gate, &*denial.fields[0].1), ("broken", text));
    }
    assert_eq!((head(&store), panicked.get()), (0, 2));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| append(&store, draft("a", "a.b").tag("t")));
        }
    });
    assert_eq!(head(&store), 4);
    store.close().unwrap();
}

/// A gate that says it was skipped has not judged; taking that for a yes would let anything pass.
#[test]
fn a_gate_cannot_skip_itself() {
    let store = store();
    let set = GateSet::new().and(always("lazy", Verdict::Skipped, &Arc::default()));
    let decided = store.propose("ann", draft("a", "a.b"), &set).unwrap();
    assert_eq!(code(&denied(decided)), GATE_DEFECT);
}

#[test]
fn an_error_of_a_gate_is_neither_yes_nor_no() {
    let store = store();
    let fails = gate("fails", |_: &Proposal<'_, str>, _: &_| -> Result<Verdict> {
        Err(tidegate::Error::invalid("the rule book is missing"))
    });
    let error = store.propose("ann", draft("a", "a.b"), &GateSet::new().and(fails));
    assert_eq!(error.unwrap_err().message(), "the rule book is missing");
    assert_eq!(head(&store), 0);
}

#[test]
fn a_set_without_gates_lets_everything_pass() {
    let store = store();
    let decided = store.propose("ann", draft("a", "a.b"), &GateSet::new()).unwrap();
    assert!(matches!(decided, Outcome::Committed(receipt) if receipt.gates.is_empty()));
}
