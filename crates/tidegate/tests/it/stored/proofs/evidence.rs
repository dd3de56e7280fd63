//! Evidence: small values that are signed, and checked later.

use tidegate::project::{Poison, Projection, ProjectorOptions};
use tidegate::proofs::{EventsEvidence, Evidence};
use tidegate::{AppendOptions, Draft, ErrorKind, Position, Query, RecordedEvent, Store, StoreOptions};
use tidegate_format::Hash;
use tidegate_proof::tree::MemoryTree;
use tidegate_proof::{KeyAlgorithm, SignedNote, SigningKey};

use crate::faults::stage::{Stage, batch};

fn store() -> Store {
    let store = StoreOptions::new().thread(false).in_memory().unwrap();
    for at in 0..20 {
        let kind = if at % 4 == 0 { "order.paid" } else { "order.placed" };
        store.append(Draft::new(("shop", format!("order-{}", at % 3)), kind).tag("vip \"x\"")).unwrap();
    }
    store
}

fn events(evidence: &Evidence) -> EventsEvidence {
    match evidence {
        Evidence::Events(events) => events.clone(),
        other => panic!("{other}"),
    }
}

#[test]
fn it_says_which_events_were_read() {
    let store = store();
    let view = store.view().unwrap();
    let queries =
        [Query::ALL, Query::kind("order.paid"), Query::stream(("shop", "order-2")), Query::tag("none")];
    for query in queries {
        for (from, until) in [(1, 20), (1, 1), (5, 13), (20, 20), (7, 6)] {
            let evidence = store.proofs().evidence(&query, Position(from), Position(until)).unwrap();
            let found = events(&evidence);
            let leaves: Vec<Hash> = view
                .read(&query)
                .map(|event| event.unwrap())
                .filter(|event| (from..=until).contains(&event.position().0))
                .map(|event| event.leaf())
                .collect();
            let ends = [leaves.first(), leaves.last()].map(|leaf| leaf.copied().unwrap_or(Hash::ZERO));
            assert_eq!((found.count, [found.first, found.last]), (leaves.len() as u64, ends));
            assert_eq!(found.root, leaves.into_iter().collect::<MemoryTree>().root());
            assert_eq!(evidence.to_string().parse::<Evidence>().unwrap(), evidence);
            store.proofs().check_evidence(&evidence).unwrap();
        }
    }
    for (from, until) in [(0, 3), (1, 21)] {
        let refused = store.proofs().evidence(&Query::ALL, Position(from), Position(until)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid);
    }
}

/// Each member says something: changed, the log says otherwise or it is not evidence.
#[test]
fn what_was_changed_is_disproved() {
    let store = store();
    let good = store.proofs().evidence(&Query::kind("order.paid"), Position(3), Position(15)).unwrap();
    let text = good.to_string();
    let changes = [
        ("\"count\":3", "\"count\":4"),
        ("\"from\":3", "\"from\":6"),
        ("\"until\":15", "\"until\":17"),
        ("order.paid", "order.placed"),
    ];
    for (from, to) in changes {
        assert!(text.contains(from), "{text}");
        let changed: Evidence = text.replace(from, to).parse().unwrap();
        assert_eq!(store.proofs().check_evidence(&changed).unwrap_err().kind(), ErrorKind::Disproved, "{to}");
    }
    for name in ["first", "last", "root"] {
        let at = text.find(&format!("\"{name}\":\"")).unwrap() + name.len() + 4;
        let digit = if text.as_bytes()[at] == b'0' { "1" } else { "0" };
        let changed = format!("{}{digit}{}", &text[..at], &text[at + 1..]);
        let refused = store.proofs().check_evidence(&changed.parse().unwrap()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Disproved, "{name}");
    }
    let later: Evidence = text.replace("\"until\":15", "\"until\":99").parse().unwrap();
    assert_eq!(store.proofs().check_evidence(&later).unwrap_err().kind(), ErrorKind::Older);
    let other = self::store();
    assert_eq!(other.proofs().check_evidence(&good).unwrap_err().kind(), ErrorKind::Invalid);
    for wrong in
        [&text[1..], &format!("{text} "), &text.replace(',', ", "), "{}", "[]", "1", "", "\"events\""]
    {
        assert_eq!(wrong.parse::<Evidence>().unwrap_err().kind(), ErrorKind::Invalid, "{wrong}");
    }
    let twice = text.replace("\"count\":3", "\"count\":3,\"count\":3");
    assert!(twice.parse::<Evidence>().is_err(), "one spelling");
}

#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
struct Paid {
    count: u64,
}

impl Projection for Paid {
    const NAME: &'static str = "paid";
    const VERSION: u16 = 3;

    fn query() -> Query {
        Query::kind("order.paid")
    }

    fn apply(&mut self, event: &RecordedEvent) -> tidegate::Result<()> {
        if event.entity() == "order-poison" {
            return Err(tidegate::Error::invalid("it cannot be taken in"));
        }
        self.count += 1;
        Ok(())
    }
}

#[test]
fn it_says_what_a_projection_said() {
    let store = store();
    let paid = store.projector_with::<Paid>(ProjectorOptions::new().poison(Poison::Park(1))).unwrap();
    let reading = paid.read().unwrap();
    let said = paid.evidence(&reading).unwrap();
    let Evidence::State(state) = &said else { panic!("{said}") };
    let last = store.view().unwrap().at(Position(20)).unwrap().unwrap();
    assert_eq!((&*state.projection, state.version, &state.query), ("paid", 3, &Query::kind("order.paid")));
    assert_eq!((state.store, state.position, state.leaf), (store.id(), Position(20), last.leaf()));
    assert_eq!(state.state, tidegate_format::hash::sha256(b"\x81\xa5count\x05"));
    assert_eq!(said.to_string().parse::<Evidence>().unwrap(), said);

    let paid_for = |entity: &'static str| store.append(Draft::new(("shop", entity), "order.paid")).unwrap();
    paid_for("order-1");
    store.proofs().check_evidence(&said).unwrap();
    assert_eq!(paid.evidence(&paid.at(Position(20)).unwrap()).unwrap(), said);
    let moved: Evidence = said.to_string().replace("\"position\":20", "\"position\":19").parse().unwrap();
    assert_eq!(store.proofs().check_evidence(&moved).unwrap_err().kind(), ErrorKind::Disproved);
    // A state that lacks a parked event is not the one that follows from the log.
    paid_for("order-poison");
    let lacking = paid.read().unwrap();
    assert_eq!((lacking.parked(), paid.evidence(&lacking).unwrap_err().kind()), (1, ErrorKind::Invalid));
}

/// What was buffered is synced before anything is said of it, so a power cut makes nothing false that was signed.
#[test]
fn it_is_of_what_is_durable() {
    let mut stage = Stage::new();
    let store = stage.open();
    for number in 0..4 {
        store.append_with(batch(number), AppendOptions::new().buffered()).unwrap();
    }
    let head = store.frontier().visible;
    assert!(store.frontier().durable < head);
    let evidence = store.proofs().evidence(&Query::ALL, Position(1), head).unwrap();
    let said = |store: &Store| {
        let paid = store.projector::<Paid>().unwrap();
        paid.evidence(&paid.read().unwrap()).unwrap()
    };
    stage.disk.lose_unsynced();
    stage.restart();
    let store = stage.open();
    store.proofs().check_evidence(&evidence).unwrap();
    store.append_with(batch(5), AppendOptions::new().buffered()).unwrap();
    let state = said(&store);
    stage.disk.lose_unsynced();
    stage.restart();
    stage.open().proofs().check_evidence(&state).unwrap();
}

#[test]
fn it_is_signed_as_a_note() {
    let store = store();
    let key = |name, seed| SigningKey::new(name, KeyAlgorithm::Ed25519, [seed; 32]).unwrap();
    let (auditor, other) = (key("auditor.example", 1), key("auditor.example", 2));
    let evidence = store.proofs().evidence(&Query::tag("vip \"x\""), Position(1), Position(20)).unwrap();
    let note: SignedNote = evidence.sign(&auditor).unwrap().to_string().parse().unwrap();
    assert_eq!(Evidence::from_note(&note, [auditor.verifier()]).unwrap(), evidence);
    let refused = Evidence::from_note(&note, [other.verifier()]).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Disproved);
    let text = evidence.to_string() + "\n";
    let bare = SignedNote::new(&text, vec![auditor.sign(&text).unwrap()]).unwrap();
    assert_eq!(Evidence::from_note(&bare, [auditor.verifier()]).unwrap_err().kind(), ErrorKind::Invalid);
    assert!(note.to_string().parse::<tidegate::proofs::SignedCheckpoint>().is_err(), "no text is both");
}
