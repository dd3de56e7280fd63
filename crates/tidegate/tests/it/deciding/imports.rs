//! Imported batches: what another store said of them stays as far as it is true here, and times never decrease.

use tidegate::batch::{ErasedPayload, Import, ImportedPayload, ReceiptStatus};
use tidegate::decide::{Denial, GateSet, Verdict, gate};
use tidegate::subscription::reactor::Step;
use tidegate::testing::{Call, Errno, FaultPlan};
use tidegate::{
    Batch, Draft, ErrorKind, ErrorPlace, EventId, Position, Query, QueryItem, StoreOptions, StoreReader,
};
use tidegate_format::{Blind, Hash, Micros};

use super::{append, draft, head, refused, stepped, store, submit};
use crate::faults::stage::Stage;

/// A batch of one event that was recorded then.
fn at(micros: u64) -> Batch {
    Batch::from(draft("e", "k.x")).imported(Import { recorded: Some(Micros(micros)), ..Import::default() })
}

fn keyed(key: &str) -> Batch {
    let idempotency = Some((key.to_owned().into(), Hash([7; 32])));
    Batch::from(draft("e", "k.x")).imported(Import {
        idempotency,
        recorded: None,
        payloads: vec![ImportedPayload::Blind(Blind([3; 16]))],
    })
}

fn times(store: &StoreReader) -> Vec<u64> {
    store.read(&Query::ALL).unwrap().map(|event| event.unwrap().time().0).collect()
}

/// Two events with one blind were taken: what stays of the one tells of the other after that is erased.
#[test]
fn no_two_events_of_a_batch_have_one_blind() {
    let store = store();
    let batch = |blinds: &[u8]| {
        let payloads = blinds.iter().map(|byte| ImportedPayload::Blind(Blind([*byte; 16]))).collect();
        let drafts = vec![draft("e", "k.x"), draft("f", "k.x"), draft("g", "k.x")];
        Batch::from(drafts).imported(Import { payloads, ..Import::default() })
    };
    let error = refused(&store, batch(&[1, 2, 1]));
    assert_eq!((error.kind(), error.place()), (ErrorKind::Invalid, Some(&ErrorPlace::Draft(2))), "{error}");
    append(&store, batch(&[1, 2, 3]));
    append(&store, batch(&[4]));
}

#[test]
fn times_stay_and_never_decrease() {
    let store = store();
    for micros in [5, 5, 9] {
        let receipt = append(&store, at(micros));
        assert_eq!(receipt.time, Micros(micros));
        assert_eq!(store.check_receipt(&receipt).unwrap(), ReceiptStatus::Agrees);
    }
    let error = refused(&store, at(8));
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.message().contains("times never decrease"), "{error}");
    let now = append(&store, draft("e", "k.x")).time;
    assert!(now > Micros(9), "an event of the store's own is recorded now");
    refused(&store, at(9));
    // What another clock recorded ahead of this one holds up the times behind it, as in the other store.
    let ahead = append(&store, at(now.0 + 1_000_000_000)).time;
    assert_eq!(append(&store, draft("e", "k.x")).time, ahead);
    assert_eq!(times(&store), [5, 5, 9, now.0, ahead.0, ahead.0]);
    assert_eq!(store.verify(|_| ()).unwrap().events, 6);
}

/// The order in a group is that of the log: one batch's time decides about the next one's.
#[test]
fn times_of_a_group_never_decrease() {
    let store = stepped();
    let tickets: Vec<_> = [at(5), at(9), at(8), at(9), draft("e", "k.x").into(), at(9)]
        .into_iter()
        .map(|batch| submit(&store, batch))
        .collect();
    store.upkeep().step().unwrap();
    let told: Vec<_> =
        tickets.into_iter().map(|ticket| ticket.wait().ok().map(|receipt| receipt.time.0)).collect();
    assert_eq!(told[..4], [Some(5), Some(9), None, Some(9)]);
    assert!(told[4] > Some(9) && told[5].is_none(), "{told:?}");
    assert_eq!(times(&store)[..3], [5, 9, 9]);
    store.verify(|_| ()).unwrap();
}

/// What was not written has no time.
#[test]
fn a_full_disk_takes_no_time() {
    let stage = Stage::new();
    let store = stage.open();
    append(&store, at(5));
    stage.disk.set_plan(FaultPlan::default().fail(Call::Write, 1, Errno::NOSPC));
    assert_eq!(refused(&store, at(100)).kind(), ErrorKind::Full);
    assert_eq!(append(&store, at(50)).time, Micros(50));
    refused(&store, at(49));
}

#[test]
fn a_step_too_far_ahead_of_the_clock_is_refused() {
    let options = StoreOptions::new().time_step_max(std::time::Duration::from_secs(60));
    let store = options.in_memory().unwrap();
    append(&store, at(5));
    append(&store, at(1_000_000_000_000));
    let error = refused(&store, at(u64::MAX / 2));
    assert!(error.message().contains("ahead of the clock"), "{error}");
}

#[test]
fn the_key_stands_for_what_it_stood_for() {
    let store = store();
    let first = append(&store, keyed("a"));
    assert_eq!(append(&store, keyed("a")), first);
    assert_eq!(refused(&store, Batch::from(draft("e", "k.x")).key("a")).kind(), ErrorKind::Conflict);
    assert_eq!(refused(&store, keyed("")).kind(), ErrorKind::Invalid);
    assert_eq!(refused(&store, keyed("b").key("c")).kind(), ErrorKind::Invalid);
    assert_eq!(head(&store), 1);
}

#[test]
fn only_names_that_were_imported_are_allowed() {
    let store = store();
    for name in ["tidegate", "tidegate.gates", "tidegate.importeds"] {
        let batch = Batch::from(draft("e", "k.x").meta(name, "x"));
        assert_eq!(refused(&store, batch.imported(Import::default())).kind(), ErrorKind::Invalid, "{name}");
    }
    let named = || Batch::from(draft("e", "tidegate.imported.denied").meta("tidegate.imported.gates", "x"));
    assert_eq!(refused(&store, named()).kind(), ErrorKind::Invalid, "it is not an import");
    let receipt = append(&store, named().imported(Import::default()));
    assert_eq!((receipt.gates.len(), receipt.judged_at), (0, None));
}

/// An import passes the gates of the store that it comes to, and says which.
#[test]
fn gates_are_asked() {
    let store = store();
    let no_y = gate("no y", |proposal: &tidegate::decide::Proposal<'_>, _| {
        let denied = proposal.drafts.iter().any(|draft| draft.kind == "k.y");
        Ok(if denied { Verdict::Deny(Denial::new("Y", "no")) } else { Verdict::Allow })
    });
    store.guard(QueryItem::new().kind("k.*"), GateSet::new().and(no_y)).unwrap();
    let denied = Batch::from(draft("e", "k.y")).imported(Import::default());
    assert!(refused(&store, denied).denied().is_some());
    assert_eq!(append(&store, at(5)).gates, ["no y"]);
}

/// What was erased in the other store is erased here too, under the same leaf.
#[test]
fn an_erased_payload_comes_without_it() {
    let (old, new) = (store(), store());
    let paid = || draft("e", "k.x").bytes(&b"a name"[..]).id(EventId([9; 16]));
    let there = append(&old, Batch::from(paid()).key("payment"));
    let event = old.view().unwrap().at(there.first()).unwrap().unwrap();
    let commitment = event.record().commitment();
    let erased = |length| ImportedPayload::Erased(ErasedPayload { commitment, length });
    let import = |draft: Draft, payload, kept: Option<Hash>| {
        let idempotency = kept.map(|kept| ("payment".into(), kept));
        Batch::from(draft).imported(Import {
            idempotency,
            recorded: Some(there.time),
            payloads: vec![payload],
        })
    };
    let empty = || paid().bytes(&b""[..]);
    let kept = event.record().key().unwrap().1;
    for (batch, why) in [
        (import(paid(), erased(6), None), "its draft has an empty one"),
        (import(empty(), erased(u32::MAX), None), "too long"),
        (import(empty(), erased(6), Some(kept)), "is zeros"),
        (import(paid(), ImportedPayload::of(&event), Some(Hash::ZERO)), "none was"),
        (import(empty(), erased(6), None).key("payment"), "leave the key out"),
    ] {
        let error = refused(&new, batch);
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.message().contains(why), "{error}");
    }
    let here = append(&new, import(empty(), erased(6), Some(Hash::ZERO)));
    assert_eq!(here.events, there.events, "leaf and all");
    let event = new.view().unwrap().at(here.first()).unwrap().unwrap();
    assert_eq!(event.payload().unwrap_err().kind(), ErrorKind::Erased);
    assert_eq!(ImportedPayload::of(&event), erased(6));
    // The event of the source that says so comes along with a whole log; here it did not.
    let unnamed = new.verify(|_| ()).unwrap_err();
    assert!(unnamed.message().contains("no event says are erased"), "{unnamed}");
    let again = refused(&new, Batch::from(paid()).key("payment"));
    assert!(again.message().contains("a payload of that batch was erased"), "{again}");
}

#[test]
fn a_reaction_has_no_other_key() {
    let store = store();
    append(&store, draft("e", "k.x"));
    let reactor = store.reactor("r", QueryItem::new().kind("k.x"), |_, _| Ok(Some(keyed("other"))));
    assert!(matches!(reactor.unwrap().step().unwrap(), Step::Failed(_)));
    assert_eq!(store.view().unwrap().head(), Position(1));
    assert!(store.append(draft("e", "k.y")).is_ok());
}
