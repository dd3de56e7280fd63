//! What batpak shows of its stores is what is read of them.

use tidegate_batpak::FindingKind;

use crate::files::{Files, expected, line};

#[test]
fn what_batpak_shows_is_read() {
    for store in ["closed", "killed", "half-batch", "merged"] {
        let found = Files::of(store).read().unwrap();
        let mut lines: Vec<_> = found.visible().into_iter().map(line).collect();
        let mut expected = expected(store);
        if store == "merged" {
            // The result of a compaction has no footer, and batpak counts anew at its next opening.
            for line in lines.iter_mut().chain(&mut expected) {
                line.as_object_mut().unwrap().remove("sequence");
            }
        }
        assert_eq!(lines, expected, "{store}: {:?}", found.findings);
        assert!(found.visible().iter().all(|event| event.is_payload_intact() == Some(true)), "{store}");
    }
}

#[test]
fn a_batch_is_one_and_hidden_events_are_told() {
    let found = Files::of("closed").read().unwrap();
    let sizes: Vec<usize> = found.batches.iter().map(|batch| batch.events.len()).collect();
    assert_eq!(sizes.iter().filter(|size| **size == 3).count(), 1, "{sizes:?}");
    // Behind a cancelled fence batpak 0.8.0 begins the chain of an entity anew.
    let kinds = [FindingKind::Hidden, FindingKind::Hidden, FindingKind::Chain];
    assert_eq!(found.kinds(), kinds, "{:?}", found.findings);
    let hidden = found.batches.iter().flat_map(|batch| &batch.events).filter(|event| event.is_hidden);
    assert_eq!(
        hidden.map(|event| (event.sequence, &*event.entity)).collect::<Vec<_>>(),
        [(6, "order:7"), (7, "order:10")]
    );
    let keyed = found.visible().into_iter().find(|event| !event.extensions.is_empty()).unwrap();
    assert_eq!(keyed.extensions, [("shop.desk".to_owned(), vec![0, 1, 254, 255])]);
    assert_eq!((keyed.flags, keyed.clock), (2, 1));
    let denial = found.visible().into_iter().find(|event| event.kind == 0xF).unwrap();
    assert!(!denial.is_lifecycle() && denial.is_payload_intact() == Some(true));
}

/// batpak 0.8.0 takes events behind a half batch for the rest of it if it reads the segments alone.
#[test]
fn an_event_behind_a_half_batch_is_not_lost() {
    let found = Files::of("half-batch").read().unwrap();
    let (shown, without_index) = (found.visible().len(), expected("half-batch-without-index").len());
    assert_eq!((shown, without_index), (3, 2));
    assert_eq!(found.kinds().iter().filter(|kind| **kind == FindingKind::HalfBatch).count(), 1);
    assert!(!found.kinds().contains(&FindingKind::Chain), "{:?}", found.findings);
}

#[test]
fn a_torn_tail_is_told_with_its_byte() {
    let files = Files::of("killed");
    let found = files.read().unwrap();
    let [tail] = &found.findings[..] else { panic!("{:?}", found.findings) };
    assert_eq!(tail.kind, FindingKind::TornTail);
    let length = files.0["000001.fbat"].len() as u64;
    assert!(tail.offset.is_some_and(|at| at > 2000 && at < length), "{tail}");
    assert!(tail.message.starts_with(&format!("{} bytes", length - tail.offset.unwrap())), "{tail}");
}

/// batpak 0.8.0 writes them as values instead of bytes, and cannot read them back.
#[test]
fn survivors_of_compactions_are_read() {
    let found = Files::of("retention").read().unwrap();
    let lines: Vec<_> = found.visible().into_iter().map(|event| line(event)["payload"].clone()).collect();
    // The last one stands in the newest segment, which is never compacted.
    let kept = expected("retention")
        .into_iter()
        .filter(|line| line["kind"] == "2101" || line["payload"]["number"] == 8);
    assert_eq!(lines, kept.map(|line| line["payload"].clone()).collect::<Vec<_>>());
    assert!(found.visible().iter().any(|event| event.is_rewritten));
    assert!(
        found.kinds().contains(&FindingKind::Chain),
        "what was dropped leaves gaps: {:?}",
        found.findings
    );

    let found = Files::of("tombstones").read().unwrap();
    let kinds: Vec<u16> = found.visible().iter().map(|event| event.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == 0xFFE).count(), 3, "{kinds:04x?}");
    let lines: Vec<_> = found.visible().into_iter().map(|event| line(event)["payload"].clone()).collect();
    let all = expected("tombstones");
    assert_eq!(lines, all.iter().map(|line| line["payload"].clone()).collect::<Vec<_>>());
}
