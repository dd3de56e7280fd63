//! A copy by `export` and `import` answers retries and reactors as its source does, and claims nothing of its own.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tidegate::batch::{Bypass, ReceiptStatus};
use tidegate::decide::{GateSet, Verdict, gate};
use tidegate::subscription::reactor::Step;
use tidegate::{AppendOptions, Batch, Draft, Position, Query, QueryItem, Receipt, Store};

use crate::program::{TempFolder, run, run_with};

/// A store at a path.
pub(super) fn open(path: &str) -> Store {
    Store::open(path).unwrap()
}

/// Copies a store.
#[track_caller]
pub(super) fn copy(place: &TempFolder, store: &str, name: &str) -> String {
    let (file, copy) = (place.path(&format!("{name}.jsonl")), place.path(name));
    run(&["export", store, "--output", &file]).ok();
    run(&["import", &copy, &file]).ok();
    copy
}

/// The lines of an export, without its first one.
#[track_caller]
pub(super) fn exported(store: &str) -> Vec<String> {
    run(&["export", store]).ok().lines().skip(1).map(str::to_owned).collect()
}

/// Charges every order that is placed, and returns how many times the card was asked.
fn charge(store: &Store) -> u32 {
    let charges = AtomicU32::new(0);
    let billing = store.reactor("billing", QueryItem::new().kind("order.placed"), |_, order| {
        let charge = charges.fetch_add(1, Ordering::Relaxed) + 1;
        let charged = Draft::new(("bank", order.entity().to_owned()), "card.charged");
        Ok(Some(charged.json_text(format!("{{\"charge\":{charge}}}")).into()))
    });
    let billing = billing.unwrap();
    loop {
        match billing.step().unwrap() {
            Step::Idle => break,
            Step::Reacted(_) | Step::Known(..) => {}
            other => panic!("{other:?}"),
        }
    }
    drop(billing);
    charges.into_inner()
}

/// A store was copied by `read --json` and `import`, which left its idempotency keys behind: the reactor that had
/// charged every order charged them all again, and everything ended with 0. A copy has the keys.
#[test]
fn payments_are_not_charged_twice_by_a_reactor_over_a_copy() {
    let place = TempFolder::new();
    let path = place.path("store");
    let store = open(&path);
    for order in 1..=3 {
        store.append(Draft::new(("shop", format!("o{order}")), "order.placed")).unwrap();
    }
    assert_eq!(charge(&store), 3);
    store.close().unwrap();

    let copies = [copy(&place, &path, "copy"), place.path("read")];
    // What is read is not a copy, but it does not lose keys either.
    let read = run(&["read", &path, "--json"]).ok();
    run_with(&read, &["import", &copies[1], "-"]).ok();
    for path in copies {
        let copy = open(&path);
        let head = copy.view().unwrap().head();
        assert_eq!(charge(&copy), 0, "{path}: a card is charged a second time");
        assert_eq!(copy.view().unwrap().head(), head);
        copy.append(Draft::new(("shop", "o4"), "order.placed")).unwrap();
        assert_eq!(charge(&copy), 1, "what comes later is charged");
    }
}

#[test]
fn a_retry_is_answered_by_the_copy_with_the_same_events() {
    let place = TempFolder::new();
    let path = place.path("store");
    let store = open(&path);
    let first = store.append(Draft::new(("s", "e"), "k.first")).unwrap();
    // Ids and flows are left to the store, and the cause is a position: all of it counts for the key.
    let transfer = || {
        let paid = Draft::new(("bank", "alice"), "money.paid").cause(first.first());
        Batch::from(vec![paid, Draft::new(("bank", "bob"), "money.received")]).key("transfer-7")
    };
    let receipt = store.append(transfer()).unwrap();
    store.close().unwrap();

    let copied = open(&copy(&place, &path, "copy"));
    let again = copied.append(transfer()).unwrap();
    assert_eq!(again, Receipt { store: copied.id(), ..receipt.clone() });
    assert_eq!(copied.view().unwrap().head(), receipt.last());
    assert_eq!(copied.check_receipt(&again).unwrap(), ReceiptStatus::Agrees);
    // The copy is another store, and a receipt says which store gave it.
    assert_eq!(copied.check_receipt(&receipt).unwrap(), ReceiptStatus::OtherStore);
    let other = Batch::from(Draft::new(("bank", "alice"), "money.paid").json_text("7")).key("transfer-7");
    assert!(copied.append(other).is_err(), "other content under the key is refused");
}

/// Gates passed, a bypass, a footprint and a recorded denial: an import refused all of them.
fn judged(path: &str) -> Vec<Receipt> {
    let store = open(path);
    let small = || {
        gate("small", |proposal: &tidegate::decide::Proposal<'_>, view: &tidegate::decide::DecisionView| {
            view.count(&Query::ALL)?;
            let is_small = proposal.drafts.iter().all(|draft| draft.payload.len() < 3);
            Ok(if is_small {
                Verdict::Allow
            } else {
                Verdict::Deny(tidegate::decide::Denial::new("LARGE", "too large"))
            })
        })
    };
    store.guard(QueryItem::new().kind("k.*"), GateSet::new().and(small()).recording_denials()).unwrap();
    let append = AppendOptions::new().keep_footprint(true);
    let draft = |data: &'static str| Draft::new(("s", "e"), "k.x").json_text(data);
    let passed = store.append_with(Batch::from(draft("1")).key("one"), append.clone()).unwrap();
    assert!(store.append_with(draft("12345"), append.clone()).is_err(), "it is denied, and that is recorded");
    let bypass = Bypass { reason: "migration".into(), justification: "asked for".into(), approver: None };
    let bypassed = store.append_with(Batch::from(draft("12345")).bypassing(bypass), append.clone()).unwrap();
    store.close().unwrap();
    vec![passed, bypassed]
}

#[test]
fn what_the_source_noted_is_imported_and_is_no_word_of_the_copy() {
    let place = TempFolder::new();
    let path = place.path("store");
    let receipts = judged(&path);
    let copied = copy(&place, &path, "copy");
    let (store, view) = (open(&copied), open(&path));
    let (new, old) = (store.view().unwrap(), view.view().unwrap());
    let mut names = Vec::new();
    for (new, old) in new.read(&Query::ALL).zip(old.read(&Query::ALL)) {
        let (new, old) = (new.unwrap(), old.unwrap());
        assert_eq!((new.id(), new.version(), new.time()), (old.id(), old.version(), old.time()));
        for ((new, value), (old, said)) in new.metadata().zip(old.metadata()) {
            assert_eq!((value, new), (said, old.replace("tidegate.", "tidegate.imported.").as_str()));
            names.push(new.to_owned());
        }
        names.push(new.kind().to_owned());
    }
    for name in ["gates", "footprint", "bypass", "denied"] {
        assert!(names.contains(&format!("tidegate.imported.{name}")), "{names:?}");
    }
    let explained = new.explain(receipts[0].first()).unwrap();
    assert!(explained.gates.is_empty() && explained.footprint.is_none(), "{explained:?}");
    assert!(new.explain(receipts[1].first()).unwrap().bypass.is_none());
    assert_eq!(new.count(&QueryItem::new().kind("tidegate.denied").into()).unwrap(), 0);
    let again = store.append(Batch::from(Draft::new(("s", "e"), "k.x").json_text("1")).key("one"));
    let again = again.unwrap();
    assert_eq!((again.gates.len(), again.judged_at, again.first()), (0, None, receipts[0].first()));
    store.close().unwrap();
    view.close().unwrap();

    // A copy of the copy says the same, and importing once more changes nothing, nor does it in the source.
    assert_eq!(exported(&copied), exported(&path));
    for store in [&path, &copied] {
        let said = run(&["import", store, &place.path("copy.jsonl"), "--json"]).json();
        assert_eq!((&said[0]["imported"], &said[0]["skipped"]), (&0.into(), &3.into()), "{said:?}");
    }
    run(&["verify", &copied]).ok();
}

#[test]
fn reserved_names_are_refused_but_for_what_an_export_imports() {
    let place = TempFolder::new();
    let header = r#"{"tidegate_export":1,"store":"0195fdd6-0000-7000-8000-000000000009","events":1}"#;
    let line = |kind: &str, name: &str| {
        format!(
            r#"{{"id":"0195fdd6-0000-7000-8000-000000000001","scope":"s","entity":"e","kind":"{kind}","recorded":"2026-01-01T00:00:00Z","ends_batch":true,"meta":{{"{name}":"x"}}}}"#
        )
    };
    let imported = |name: &str, text: String| run_with(&text, &["import", &place.path(name), "-"]);
    for (name, kind, noted) in
        [("a", "k", "tidegate.gates"), ("b", "tidegate.denied", "m"), ("c", "k", "tidegate")]
    {
        let error = imported(name, format!("{header}\n{}", line(kind, noted))).refused(1);
        assert!(error.contains("is reserved for the store"), "{error}");
    }
    let (kind, noted) = ("tidegate.imported.denied", "tidegate.imported.gates");
    imported("d", format!("{header}\n{}", line(kind, noted))).ok();
    // Only an export brings such names along.
    let error = imported("e", line("k", noted)).refused(1);
    assert!(error.contains("is reserved for the store"), "{error}");
}

#[test]
fn a_store_with_events_of_its_own_takes_a_copy_without_its_times() {
    let place = TempFolder::new();
    let path = place.path("store");
    let store = open(&path);
    let first = store.append(Draft::new(("s", "e"), "k.x")).unwrap();
    store.append(Batch::from(Draft::new(("s", "e"), "k.y").cause(first.first())).key("y")).unwrap();
    store.close().unwrap();
    let file = place.file("store.jsonl", run(&["export", &path]).ok());

    let other = place.store("other", &[r#"{"scope":"s","entity":"e","kind":"k.own"}"#]);
    let said = run(&["import", &other, &file]).ok();
    assert!(said.contains("recorded now and not when the export says"), "{said}");
    run(&["verify", &other]).ok();
    let (new, old) = (run(&["read", &other, "--json"]).json(), run(&["read", &path, "--json"]).json());
    for (new, old) in new[1..].iter().zip(&old) {
        for name in ["id", "kind", "causes", "correlation", "ends_batch"] {
            assert_eq!(new[name], old[name], "{name}");
        }
        assert_eq!(new.get("idempotency_key"), old.get("idempotency_key"));
        assert!(new["recorded"].as_str() > old["recorded"].as_str());
    }
    let said = run(&["import", &other, &file, "--json"]).json();
    assert_eq!((&said[0]["imported"], &said[0]["skipped"]), (&0.into(), &2.into()));
    let said = run(&["import", &place.path("new"), &file, "--json"]).json();
    assert_eq!((&said[0]["imported"], &said[0]["times_kept"]), (&2.into(), &Value::Bool(true)));
}

/// Both a store and its copy reacted to the same event: they cannot become one again, and the import says so.
#[test]
fn two_answers_to_one_event_are_refused() {
    let place = TempFolder::new();
    let path = place.path("store");
    open(&path).append(Draft::new(("shop", "o1"), "order.placed")).unwrap();
    let copied = copy(&place, &path, "copy");
    for store in [&path, &copied] {
        assert_eq!(charge(&open(store)), 1);
    }
    let error = run_with(&run(&["export", &path]).ok(), &["import", &copied, "-"]).refused(1);
    assert!(error.contains("under its idempotency key, at position 2"), "{error}");
    assert_eq!(open(&copied).view().unwrap().head(), Position(2));
}
