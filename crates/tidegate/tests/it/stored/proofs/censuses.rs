//! Censuses of a store: all events of something, or none, and what an auditor finds.

use tidegate::proofs::{
    CensusField, CensusTerm, Checkpoint, DEFAULT_PREFIX, DisclosureForm, SignedCheckpoint, Signer,
};
use tidegate::{Batch, Draft, ErrorKind, Position, Store, StoreOptions, StreamId};
use tidegate_proof::{Entry, KeyAlgorithm, MemorySigner, Policy, SigningKey};

fn shop() -> (Store, MemorySigner) {
    let store = StoreOptions::new().thread(false).in_memory().unwrap();
    let origin = Checkpoint::origin_of(DEFAULT_PREFIX, store.id()).unwrap();
    let key = SigningKey::new(&origin, KeyAlgorithm::Ed25519, [3; 32]).unwrap();
    for at in 0..30 {
        let stream = StreamId { lane: at % 2, ..StreamId::new("shop", format!("order-{}", at % 5)) };
        let draft = Draft::new(stream, if at % 3 == 0 { "order.paid" } else { "order.placed" });
        store.append(if at % 4 == 0 { draft.tag("vip").tag("new") } else { draft }).unwrap();
    }
    (store, MemorySigner::new(key).unwrap())
}

fn terms() -> Vec<CensusTerm> {
    vec![
        CensusTerm::Stream(StreamId::new("shop", "order-0")),
        CensusTerm::Stream(StreamId { lane: 1, ..StreamId::new("shop", "order-3") }),
        CensusTerm::Stream(StreamId::new("shop", "order-9")),
        CensusTerm::Scope("shop".into()),
        CensusTerm::Scope("bank".into()),
        CensusTerm::Kind("order.paid".into()),
        CensusTerm::Kind("order".into()),
        CensusTerm::Tag("vip".into()),
        CensusTerm::Tag("none".into()),
    ]
}

#[test]
fn all_events_are_shown_up_to_the_last_census() {
    let (store, signer) = shop();
    for field in CensusField::ALL {
        store.take_census(field).unwrap();
    }
    store.append(Draft::new(("shop", "order-0"), "order.paid").tag("vip")).unwrap();
    let checkpoint = store.proofs().checkpoint(&signer).unwrap();
    let (policy, view) = (Policy::of_log(signer.key()), store.view().unwrap());
    for term in terms() {
        let until = 30 + CensusField::ALL.iter().position(|field| *field == term.field()).unwrap() as u64;
        let all = view.as_of(Position(until)).read(&tidegate::Query::ALL);
        let expected: Vec<u64> = all
            .map(|event| event.unwrap())
            .filter(|event| term.has(&event.record()))
            .map(|event| event.position().0)
            .collect();
        for form in [DisclosureForm::Entry, DisclosureForm::Names, DisclosureForm::Payload] {
            let proof = store.proofs().prove_all(&term, &checkpoint, form).unwrap();
            let proof: tidegate::proofs::CensusProof = proof.to_string().parse().unwrap();
            let finding = proof.verify(&policy, &term).unwrap();
            let found: Vec<u64> = finding.entries.iter().map(|entry: &Entry| entry.position().0).collect();
            assert_eq!((&found, finding.census.until.0), (&expected, until), "{term}");
        }
    }
    let audit = store.proofs().audit_censuses().unwrap();
    assert_eq!((audit.censuses.len(), audit.wrong().count(), audit.events), (4, 0, 33));
}

#[test]
fn there_is_no_proof_without_a_census_under_the_checkpoint() {
    let (store, signer) = shop();
    let term = &terms()[0];
    let before = store.proofs().checkpoint(&signer).unwrap();
    store.take_census(CensusField::Stream).unwrap();
    let after = store.proofs().checkpoint(&signer).unwrap();
    let prove = |term: &CensusTerm, checkpoint: &SignedCheckpoint| {
        store.proofs().prove_all(term, checkpoint, DisclosureForm::Entry)
    };
    assert_eq!(prove(term, &before).unwrap_err().kind(), ErrorKind::Missing);
    assert_eq!(prove(&terms()[3], &after).unwrap_err().kind(), ErrorKind::Missing);
    // The newest one counts.
    store.append(Draft::new(("shop", "order-0"), "order.paid")).unwrap();
    let (_, census) = store.take_census(CensusField::Stream).unwrap();
    assert_eq!(census.until, Position(32));
    let newest = store.proofs().checkpoint(&signer).unwrap();
    let policy = Policy::of_log(signer.key());
    let counts =
        [&after, &newest].map(|under| prove(term, under).unwrap().verify(&policy, term).unwrap().count());
    assert_eq!(counts, [3, 4]);
}

/// Only the store writes a census, and an import does not take over another store's word.
#[test]
fn only_the_store_writes_a_census() {
    let (store, _) = shop();
    let draft = || Draft::new(("tidegate", "tidegate.census"), "tidegate.census").json_text("{}");
    assert_eq!(store.append(draft()).unwrap_err().kind(), ErrorKind::Invalid);
    let imported = Batch::from(draft()).imported(tidegate::batch::Import::default());
    assert_eq!(store.append(imported).unwrap_err().kind(), ErrorKind::Invalid);
    let audit = store.proofs().audit_censuses().unwrap();
    assert_eq!((audit.censuses.len(), audit.events), (0, 0));
}

/// Each census is compared with the log as it was when it was taken, also one of an empty log.
#[test]
fn an_audit_counts_again_what_each_census_counted() {
    let store = StoreOptions::new().thread(false).in_memory().unwrap();
    let (_, empty) = store.take_census(CensusField::Stream).unwrap();
    assert_eq!((empty.until, empty.rows), (Position(0), 0));
    let mut taken = vec![empty];
    for at in 0..20_u32 {
        store.append(Draft::new(("s", format!("e-{}", at % 6)), "k.x").tag("t")).unwrap();
        if at % 3 == 0 {
            taken.push(store.take_census(CensusField::ALL[at as usize % 4]).unwrap().1);
        }
    }
    let audit = store.proofs().audit_censuses().unwrap();
    let said: Vec<_> = audit.censuses.iter().map(|census| census.said.clone().unwrap()).collect();
    assert_eq!((said, audit.wrong().count()), (taken.clone(), 0));
    assert_eq!(audit.events, taken.iter().map(|census| census.until.0).max().unwrap());
    let counted = audit.censuses.iter().map(|census| census.counted.clone().unwrap());
    assert!(counted.eq(taken));
}
