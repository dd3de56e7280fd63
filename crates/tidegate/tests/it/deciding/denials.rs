//! Recorded denials: what was denied, by whom, and what every other gate said.

use serde_json::{Value, json};
use tidegate::decide::{DecisionView, Denial, GateSet, Proposal, Verdict, gate};
use tidegate::testing::Env;
use tidegate::{AppendOptions, Batch, Position, Query, QueryItem, Store, StoreOptions, StreamId};

use super::{append, denied, draft, head, refused, store, tag};

fn recording<C: ?Sized + 'static>() -> GateSet<C> {
    let says = |name: &'static str, verdict: Verdict| {
        gate(name, move |_: &Proposal<'_, C>, _: &DecisionView| Ok(verdict.clone()))
    };
    let denial = Denial::new("LIMIT", "over the limit").field("limit", 100).field("asked \"for\"", "1\n2");
    GateSet::new()
        .and(says("roles", Verdict::Allow))
        .and(says("limit", Verdict::Deny(denial)))
        .and(says("hours", Verdict::Allow))
        .recording_denials()
}

fn record(store: &Store, position: Position) -> (StreamId, Value) {
    let event = store.view().unwrap().at(position).unwrap().unwrap();
    assert_eq!(event.kind(), "tidegate.denied");
    (event.stream(), serde_json::from_slice(event.payload().unwrap()).unwrap())
}

#[test]
fn a_record_holds_every_verdict_and_what_was_drafted() {
    let store = store();
    append(&store, draft("z", "a.b"));
    let batch = vec![draft("a", "money.paid").json_text("1"), draft("b", "money.got").json_text("2")];
    let refusal = denied(store.propose("ann", batch.clone(), &recording()).unwrap());
    assert_eq!(refusal.recorded, Some(Position(2)));
    let (stream, record) = record(&store, Position(2));
    assert_eq!(stream, StreamId::new("s", "tidegate.denials"));
    assert_eq!(
        record["verdicts"],
        json!([
            { "gate": "roles", "verdict": "allow" },
            {
                "gate": "limit", "verdict": "deny", "code": "LIMIT", "message": "over the limit",
                "fields": { "limit": "100", "asked \"for\"": "1\n2" },
            },
            { "gate": "hours", "verdict": "skipped" },
        ])
    );
    assert_eq!(record["judged_at"], 1);
    assert_eq!(
        (&record["drafted"][0]["kind"], &record["drafted"][1]["entity"]),
        (&json!("money.paid"), &json!("b"))
    );
    let contents = [&record["drafted"][0]["content"], &record["drafted"][1]["content"]];
    assert!(contents.iter().all(|content| content.as_str().is_some_and(|hash| hash.len() == 64)));
    assert_ne!(contents[0], contents[1]);
}

/// Within one denial equal drafts can be told from others.
#[test]
fn equal_drafts_of_one_denial_have_equal_content_hashes() {
    let store = store();
    let plain = || draft("a", "a.b").json_text("1");
    let others = [
        draft("b", "a.b").json_text("1"),
        draft("a", "a.c").json_text("1"),
        plain().json_text("2"),
        plain().bytes(b"1".as_slice()),
        plain().tag("t"),
        plain().meta("m", "1"),
        plain().schema(2),
        plain().cause(Position(1)),
        plain().id(tidegate::EventId([1; 16])),
        plain().correlation(tidegate::EventId([1; 16])),
    ];
    for other in others {
        let drafts = vec![plain(), plain(), other.clone()];
        let refusal = denied(store.propose("ann", drafts, &recording()).unwrap());
        let (_, record) = record(&store, refusal.recorded.unwrap());
        let content = |at: usize| record["drafted"][at]["content"].as_str().unwrap().to_owned();
        assert_eq!(content(0), content(1));
        assert_ne!(content(0), content(2), "{other:?}");
    }
}

/// These events cannot be erased, and what was drafted may be, in an event of another batch. So no later denial has the
/// same hash, of this handle or of another: what was hashed cannot be found by trying, nor told to be the same again.
#[test]
fn a_content_hash_cannot_be_made_again_later() {
    let world = Env::memory();
    let mut hashes = Vec::new();
    for _ in 0..2 {
        let store = StoreOptions::new().open_in(world.clone()).unwrap();
        for _ in 0..2 {
            let refusal =
                denied(store.propose("ann", draft("a", "a.b").json_text("1"), &recording()).unwrap());
            let record = record(&store, refusal.recorded.unwrap()).1;
            hashes.push(record["drafted"][0]["content"].as_str().unwrap().to_owned());
        }
        store.close().unwrap();
    }
    let all: std::collections::BTreeSet<_> = hashes.iter().collect();
    assert_eq!(all.len(), 4, "{hashes:?}");
}

#[test]
fn a_decision_records_its_denial_if_it_was_asked_to() {
    let store = store();
    append(&store, draft("z", "a.b"));
    let sold_out = || Denial::new("SOLD_OUT", "all seats are taken").field("seats", 40).field("show", "7");
    let deny = |options: AppendOptions| {
        denied(store.decide_with(options, |_| -> tidegate::Result<_> { Ok(sold_out()) }).unwrap())
    };
    assert_eq!((deny(AppendOptions::new()).recorded, head(&store)), (None, 1));
    let refusal = deny(AppendOptions::new().record_denials(true).key("request-1"));
    assert_eq!(refusal.recorded, Some(Position(2)));
    let text = "denied: the decision is a denial: all seats are taken (SOLD_OUT; seats: 40; show: 7)";
    assert_eq!(refusal.refused().to_string(), text);
    let (stream, record) = record(&store, Position(2));
    assert_eq!(stream, StreamId::new("tidegate", "tidegate.denials"));
    assert_eq!(
        record,
        json!({
            "verdicts": [{
                "gate": "", "verdict": "deny", "code": "SOLD_OUT", "message": "all seats are taken",
                "fields": { "seats": "40", "show": "7" },
            }],
            "drafted": [],
            "judged_at": 1,
        })
    );
    let again = AppendOptions::new().record_denials(true).key("request-1");
    let decided = store.decide_with(again, |_| -> tidegate::Result<_> { Ok(draft("a", "a.b")) }).unwrap();
    assert!(decided.receipt().is_some(), "a denial leaves nothing under the key");
}

#[test]
fn denials_by_the_gates_of_a_store_are_recorded_too() {
    let store = store();
    store.guard(tag("t"), recording()).unwrap();
    let error = refused(&store, draft("a", "a.b").tag("t"));
    assert_eq!(error.denied().unwrap().recorded, Some(Position(1)));
    let error = store.submit(draft("a", "a.b").tag("t")).unwrap_err();
    assert_eq!(error.denied().unwrap().recorded, Some(Position(2)));
    let decided = store.decide(|_| -> tidegate::Result<_> { Ok(draft("a", "a.b").tag("t")) });
    assert_eq!(denied(decided.unwrap()).recorded, Some(Position(3)));
    let found = store.read(&QueryItem::new().kind("tidegate.*").into()).unwrap();
    assert_eq!(found.count(), 3);
}

#[test]
fn records_pass_every_gate() {
    let store = store();
    store.guard(Query::ALL, recording()).unwrap();
    let error = refused(&store, draft("a", "a.b"));
    assert_eq!(error.denied().unwrap().recorded, Some(Position(1)), "and it was not denied itself");
}

#[test]
fn what_is_not_asked_for_is_not_recorded() {
    let store = store();
    let silent = GateSet::new().and(gate("no", |_: &Proposal<'_, str>, _: &DecisionView| {
        Ok(Verdict::Deny(Denial::new("NO", "no")))
    }));
    assert_eq!(denied(store.propose("ann", draft("a", "a.b"), &silent).unwrap()).recorded, None);
    assert_eq!(head(&store), 0);
}

#[test]
fn only_the_store_writes_reserved_names() {
    let store = store();
    let batches: [Batch; 4] = [
        draft("a", "tidegate.denied").into(),
        draft("a", "tidegate").into(),
        draft("a", "a.b").meta("tidegate.gates", r#"{"passed":["all"],"judged_at":0}"#).into(),
        vec![draft("a", "a.b"), draft("a", "a.b").meta("tidegate.bypass", "{}")].into(),
    ];
    for batch in batches {
        let error = refused(&store, batch.clone());
        assert_eq!(error.kind(), tidegate::ErrorKind::Invalid, "{error}");
        assert_eq!(store.submit(batch.clone()).unwrap_err().kind(), error.kind());
        let decided =
            store.decide(|_| -> tidegate::Result<tidegate::decide::Decision> { Ok(batch.clone().into()) });
        assert_eq!(decided.unwrap_err().kind(), error.kind());
    }
    append(&store, draft("a", "tidegates.opened").meta("tidegates", "fine"));
    assert_eq!(head(&store), 1);
}

/// What no caller could append leaves no record either.
#[test]
fn a_draft_that_breaks_a_rule_is_no_denial() {
    let store = store();
    store.guard(Query::ALL, recording()).unwrap();
    for bad in [draft("", "a.b"), draft("a", "tidegate.denied"), draft("a", "a.b").tag("")] {
        assert_eq!(refused(&store, bad.clone()).kind(), tidegate::ErrorKind::Invalid, "{bad:?}");
        let proposed = store.propose("ann", bad, &recording());
        assert_eq!(proposed.unwrap_err().kind(), tidegate::ErrorKind::Invalid);
    }
    assert_eq!(head(&store), 0);
}
