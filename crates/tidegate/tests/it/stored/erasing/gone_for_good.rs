//! What an erasure does to a store, and what it leaves alone.

use tidegate::report::ErasedEvent;
use tidegate::report::{Erase, ErasePlan, StoreVerdict, examine_in};
use tidegate::testing::{Call, FaultPlan};
use tidegate::{
    AppendOptions, Batch, Draft, ErrorKind, Position, Query, QueryItem, ReadOptions, StoreOptions,
};

use super::{erase, fail_copies, files_with, fill, last_erased, of_subject, secret, shown, subject};
use crate::faults::stage::{Stage, history};

#[test]
fn payloads_go_from_views_and_files_and_nothing_else_changes() {
    let mut stage = Stage::new();
    let store = stage.open();
    fill(&store, 12);
    let (before, intact) = (history(&store).unwrap(), shown(&store).0);
    let receipts: Vec<_> = (0..12)
        .map(|batch| store.view().unwrap().find_key(&format!("batch-{batch}")).unwrap().unwrap().leaf())
        .collect();
    let counts =
        |store: &tidegate::Store| (0..3).map(|n| store.count(&subject(n)).unwrap()).collect::<Vec<_>>();
    let counted = counts(&store);
    let old_view = store.view().unwrap();

    let plan = ErasePlan::of(&store, &subject(1)).unwrap();
    let erasure = erase(&store, &subject(1)).unwrap();
    assert_eq!((erasure.events, erasure.payload_bytes), (counted[1], plan.payload_bytes));
    assert_eq!((erasure.segments, erasure.bytes_written), (plan.segments, plan.segment_bytes));
    assert!(erasure.segments > 2 && erasure.left.is_empty(), "{erasure:?}");
    assert!(erasure.to_string().contains("Not reached: backups"), "{erasure}");

    let gone = |(position, payload): &(u64, String)| {
        payload[7..13].parse::<u64>().unwrap() % 3 == 1 && *position > 0
    };
    let (kept, erased): (Vec<_>, Vec<_>) = intact.into_iter().partition(|one| !gone(one));
    let positions: Vec<u64> = erased.iter().map(|(position, _)| *position).collect();
    let check = |store: &tidegate::StoreReader| {
        assert_eq!(shown(store), (kept.clone(), positions.clone()));
        assert_eq!(history(store).unwrap()[..before.len()], before);
        assert_eq!(store.verify(|_| ()).unwrap().erased, positions.len() as u64);
    };
    check(&store);
    assert_eq!(counts(&store), counted);
    assert_eq!(
        old_view.at(Position(positions[0])).unwrap().unwrap().payload().unwrap_err().kind(),
        ErrorKind::Erased
    );
    for (batch, leaf) in receipts.iter().enumerate() {
        let found = store.view().unwrap().find_key(&format!("batch-{batch}")).unwrap().unwrap();
        assert_eq!(found.leaf(), *leaf);
    }
    // The event says which, why and by whom, and not by which query.
    let event = store.view().unwrap().at(last_erased(&store).unwrap()).unwrap().unwrap();
    assert_eq!(erasure.recorded, Some(event.position()));
    let said = ErasedEvent::of(&event).unwrap();
    assert_eq!((said.positions.count(), &*said.reason, &*said.by), (counted[1], "request 17", "desk 2"));
    assert!(!String::from_utf8_lossy(event.payload().unwrap()).contains("subject"));

    // The files hold none of it: while the store is open, after it was closed, and after it was opened again.
    for round in 0..3 {
        for (position, payload) in &erased {
            assert_eq!(files_with(&stage, payload.as_bytes()), [""; 0], "round {round}, position {position}");
        }
        for (position, payload) in &kept {
            assert!(!files_with(&stage, payload.as_bytes()).is_empty(), "position {position}");
        }
        match round {
            0 => store.close().unwrap(),
            1 => {
                stage.restart();
                check(&stage.read_only());
                check(&stage.open());
                let found = examine_in(&stage.world(), |_| ()).unwrap();
                assert_eq!(
                    (found.verdict(), found.verified.erased),
                    (StoreVerdict::Sound, counted[1]),
                    "{found:?}"
                );
            }
            _ => {}
        }
    }
}

#[test]
fn erasing_again_finds_nothing_left() {
    let store = StoreOptions::new().segment_bytes(2000).in_memory().unwrap();
    fill(&store, 6);
    let first = erase(&store, &subject(0)).unwrap();
    let head = store.view().unwrap().head();
    let again = erase(&store, &subject(0)).unwrap();
    assert_eq!((again.recorded, again.events, again.segments), (None, 0, 0));
    assert!(again.to_string().starts_with("nothing was left to erase"), "{again}");
    assert_eq!(store.view().unwrap().head(), head, "no event says it twice");
    let plan = ErasePlan::of(&store, &subject(0)).unwrap();
    assert_eq!((plan.events, plan.already), (0, first.events));
    // Another subject later, beside events that came meanwhile.
    fill_more(&store);
    let other = erase(&store, &subject(1)).unwrap();
    assert!(other.events > 0 && other.recorded > first.recorded);
    assert!(
        shown(&store)
            .0
            .iter()
            .all(|(_, payload)| payload[7..13].parse::<u64>().unwrap() % 3 == 2 || payload.contains("9000"))
    );
}

fn fill_more(store: &tidegate::Store) {
    store.append(Draft::new(("shop", "other"), "letter.sent").bytes(secret(9000).into_bytes())).unwrap();
}

#[test]
fn many_subjects_share_one_pass() {
    let store = StoreOptions::new().segment_bytes(2000).in_memory().unwrap();
    fill(&store, 12);
    let both = QueryItem::new().stream(("shop", "subject-0"));
    let query = Query::from(both).or(QueryItem::new().stream(("shop", "subject-2")));
    let segments = ErasePlan::of(&store, &query).unwrap().segments;
    let erasure = erase(&store, &query).unwrap();
    assert_eq!(erasure.segments, segments);
    assert_eq!(store.count(&Query::kind(tidegate::report::ERASED)).unwrap(), 1);
    assert!(shown(&store).0.iter().all(|(_, payload)| payload[7..13].parse::<u64>().unwrap() % 3 == 1));
}

#[test]
fn the_stores_own_events_and_bad_words_are_refused() {
    let store = tidegate::Store::in_memory().unwrap();
    fill(&store, 3);
    erase(&store, &subject(0)).unwrap();
    let head = store.view().unwrap().head();
    let error = erase(&store, &Query::ALL).unwrap_err();
    assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("tidegate.erased"), "{error}");
    for (reason, by) in [("", "desk"), ("why", ""), ("two\nlines", "desk"), ("why", &"x".repeat(1025))] {
        let refused = store.upkeep().erase(&subject(1), Erase::new(reason, by)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid, "{reason:?} {by:?}");
    }
    let draft = Draft::new(("tidegate", "tidegate.erasures"), "tidegate.erased").json_text("{}");
    assert_eq!(store.append(draft).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!((store.view().unwrap().head(), shown(&store).0.len()), (head, 4));
}

/// The hash of a key's content goes with any payload of its batch, so a retry cannot be compared any more.
#[test]
fn a_retry_of_an_erased_batch_is_a_duplicate() {
    let store = tidegate::Store::in_memory().unwrap();
    let pair = |pin: u32| {
        let draft = |entity: &'static str, text: String| {
            Draft::new(("s", entity), "pin.set").bytes(text.into_bytes())
        };
        Batch::from(vec![draft("a", "open".to_owned()), draft("b", format!("{pin:04}"))]).key("pins")
    };
    let receipt = store.append(pair(4711)).unwrap();
    assert_eq!(store.append(pair(4711)).unwrap(), receipt);
    erase(&store, &Query::stream(("s", "b"))).unwrap();
    for pin in [4711, 4712] {
        let error = store.append(pair(pin)).unwrap_err();
        let conflict = error.conflict().expect("a duplicate");
        assert_eq!(conflict.position, Some(receipt.first()), "{error}");
        assert!(error.to_string().contains("erased"), "{error}");
    }
    let first = store.view().unwrap().at(receipt.first()).unwrap().unwrap();
    assert_eq!(
        (first.payload().unwrap(), first.record().key().unwrap().1),
        (&b"open"[..], tidegate_format::Hash::ZERO)
    );
    // A decision's key stands for the request, and is answered.
    let decide = || {
        store.decide_with(AppendOptions::new().key("pick"), |_| {
            Ok::<_, tidegate::Error>(vec![Draft::new(("s", "c"), "pin.set").bytes(b"0815".to_vec())])
        })
    };
    let decided = decide().unwrap().receipt().cloned().unwrap();
    erase(&store, &Query::stream(("s", "c"))).unwrap();
    assert_eq!(decide().unwrap().receipt().cloned(), Some(decided));
}

/// What is read backwards, by id, by key, as the last of a stream, through a window or a map: all of it is masked before
/// the files are written anew.
#[test]
fn every_way_to_read_is_masked_while_the_files_cannot_be_written() {
    for map in [true, false] {
        let mut stage = Stage::new();
        stage.options = stage.options.map(map);
        let store = stage.open();
        fill(&store, 9);
        let ids: Vec<_> = store.read(&subject(1)).unwrap().map(|event| event.unwrap().id()).collect();
        fail_copies(&stage);
        let error = erase(&store, &subject(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        let view = store.view().unwrap();
        let is_gone = |event: &tidegate::RecordedEvent| {
            event.payload().map(|_| ()).unwrap_err().kind() == ErrorKind::Erased
        };
        assert!(last_erased(&store).is_some(), "it is decided");
        for id in &ids {
            let event = view.find(*id).unwrap().unwrap();
            assert!(is_gone(&event) && is_gone(&view.at(event.position()).unwrap().unwrap()));
        }
        assert!(is_gone(&view.last_event(&("shop", "subject-1").into()).unwrap().unwrap()));
        for options in [ReadOptions::new(), ReadOptions::new().backwards(true)] {
            assert!(store.read_with(&subject(1), options).unwrap().all(|event| is_gone(&event.unwrap())));
        }
        assert!(
            store
                .read_with(&subject(0), ReadOptions::new())
                .unwrap()
                .all(|event| event.unwrap().payload().is_ok())
        );
        // The files hold it still, and the next opening takes it from them.
        assert!(!files_with(&stage, secret(1).as_bytes()).is_empty());
        drop(store);
        stage.disk.set_plan(FaultPlan::default());
        stage.restart();
        let store = stage.open();
        assert_eq!(shown(&store).1.len(), ids.len());
        assert_eq!(files_with(&stage, secret(1).as_bytes()), [""; 0]);
        store.append(of_subject(1)).unwrap();
        assert_eq!(store.verify(|_| ()).unwrap().erased, ids.len() as u64);
    }
}

/// A recovery copies what nothing shows to be durable into a new segment, and leaves it in the old file until the opening after
/// it. An erasure in between has to reach both.
#[test]
fn what_a_recovery_left_behind_a_segment_goes_too() {
    // Also if nothing else of that segment is erased.
    let cases = [(false, vec![91]), (false, vec![91, 92, 93]), (true, vec![91]), (true, vec![91, 92, 93])];
    for (is_alone, numbers) in cases {
        let mut stage = Stage::new();
        stage.options.segment_bytes = 40_000;
        let store = stage.open();
        if is_alone {
            store.append((0..9).map(|number| of_subject(3 * number)).collect::<Vec<_>>()).unwrap();
        } else {
            fill(&store, 9);
        }
        for number in &numbers {
            store.append_with(of_subject(*number), AppendOptions::new().buffered()).unwrap();
        }
        stage.disk.kill();
        stage.restart();
        let store = stage.open();
        assert_eq!(files_with(&stage, secret(91).as_bytes()).len(), 2, "the copy, and what it is of");
        erase(&store, &subject(1)).unwrap();
        assert_eq!(files_with(&stage, secret(91).as_bytes()), [""; 0]);
        let before = history(&store).unwrap();
        store.verify(|_| ()).unwrap();
        assert_eq!(examine_in(&stage.world(), |_| ()).unwrap().faults.len(), 0);
        stage.restart();
        assert_eq!(history(&stage.open()).unwrap(), before);
    }
}

/// A view from before, which has read the old files, reads the new ones from then on, so it keeps no old one alive.
#[test]
fn an_older_view_goes_over_to_the_new_files() {
    let mut stage = Stage::new();
    stage.options = stage.options.map(false);
    let store = stage.open();
    fill(&store, 9);
    let view = store.view().unwrap();
    let opened = |position| {
        let before = stage.disk.count(Call::Open);
        let event = view.at(Position(position)).unwrap().unwrap();
        assert_eq!(event.payload().unwrap(), secret(position - 1).as_bytes());
        stage.disk.count(Call::Open) - before
    };
    opened(1);
    assert_eq!(opened(1), 0, "it is open already");
    assert_eq!(erase(&store, &subject(1)).unwrap().held, 0);
    assert!(opened(1) > 0, "the old file is not kept open");
}
