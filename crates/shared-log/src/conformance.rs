//! What any shared log has to pass. An adapter calls [`check`] in its tests, with a function that gives another handle to the
//! same log, which was empty at first.
//!
//! ```
//! use std::sync::Arc;
//! use tidegate_shared_log::{MemoryLog, conformance};
//!
//! let log = MemoryLog::new("orders");
//! conformance::check(&|| Arc::new(log.clone()));
//! ```
//!
//! What needs servers that are killed or cut off (durability, a stale member) an adapter tests by itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_format::ErrorKind;

use crate::log::{AppendError, SharedLog, Slot};

/// How long any call may take here.
const WAIT: Duration = Duration::from_secs(20);
/// Writers at a time.
const WRITERS: u64 = 8;
/// Items of each of them.
const ITEMS: u64 = 50;

/// Opens another handle to the log.
pub type Open<'a> = &'a (dyn Fn() -> Arc<dyn SharedLog> + Sync);

/// Checks a log that was never written to.
///
/// # Panics
///
/// At the first thing that is not as [`SharedLog`] says.
pub fn check(open: Open<'_>) {
    an_empty_log_has_no_end(open);
    what_is_appended_reads_back(open);
    a_reader_waits_for_the_next_item(open);
    the_end_knows_what_others_have_appended(open);
    what_is_too_large_is_refused_and_the_handle_goes_on(open);
    many_writers_get_one_order(open);
    what_is_trimmed_is_told_and_slots_keep_their_numbers(open);
}

/// Reads everything from a slot up to another one.
///
/// # Panics
///
/// If there is a gap, or it does not end.
pub fn read_all(log: &dyn SharedLog, from: Slot, to: Slot) -> Vec<(Slot, Vec<u8>)> {
    let (mut items, mut next) = (Vec::new(), from);
    while next <= to {
        let read = log.read(next, WAIT).expect("it can be read");
        assert!(!read.is_empty(), "slot {next} is there, and the read waited for it");
        for (slot, item) in read {
            assert_eq!(slot, next, "slots are dense and in order");
            next = slot.next();
            items.push((slot, item));
        }
    }
    items.retain(|(slot, _)| *slot <= to);
    items
}

fn append(log: &dyn SharedLog, item: &[u8]) -> Slot {
    log.append(item, WAIT).expect("it is appended")
}

fn an_empty_log_has_no_end(open: Open<'_>) {
    let log = open();
    let described = log.describe(WAIT).expect("it is described");
    assert!(!described.name.is_empty() && !described.durability.is_empty(), "{described:?}");
    assert!(described.item_bytes_max >= 1 << 10, "{described:?}");
    assert_eq!(log.first(WAIT).expect("it can be asked"), Slot(1));
    assert_eq!(log.read(Slot(1), Duration::ZERO).expect("it can be read"), [], "nothing is there yet");
}

fn what_is_appended_reads_back(open: Open<'_>) {
    let (log, other) = (open(), open());
    let items: [&[u8]; 4] = [b"one", b"", &[0, 255, 10, 13], &[7; 1000]];
    let slots: Vec<_> = items.iter().map(|item| append(&*log, item)).collect();
    assert!(slots.is_sorted_by(|one, next| one < next), "{slots:?}");
    for handle in [&log, &other] {
        for (slot, item) in slots.iter().zip(items) {
            let read = read_all(&**handle, *slot, *slot);
            assert_eq!(read, [(*slot, item.to_vec())], "every handle reads the same");
        }
    }
    let end = log.end(WAIT).expect("it can be asked");
    let all = read_all(&*other, Slot(1), end);
    assert_eq!(all.len() as u64, end.0, "there is no gap");
}

fn a_reader_waits_for_the_next_item(open: Open<'_>) {
    let (log, other) = (open(), open());
    let end = log.end(WAIT).expect("it can be asked");
    let none = log.read(end.next(), Duration::from_millis(10)).expect("it can be read");
    assert_eq!(none, [], "nothing came");
    #[expect(clippy::disallowed_methods, reason = "a test for adapters, which run threads")]
    let read = std::thread::scope(|scope| {
        let reader = scope.spawn(move || log.read(end.next(), WAIT).expect("it can be read"));
        append(&*other, b"awaited");
        reader.join().expect("it reads")
    });
    assert_eq!(read.first(), Some(&(end.next(), b"awaited".to_vec())));
}

fn the_end_knows_what_others_have_appended(open: Open<'_>) {
    let (log, other) = (open(), open());
    for number in 0..20_u8 {
        let slot = append(&*log, &[number]);
        let end = other.end(WAIT).expect("it can be asked");
        assert!(end >= slot, "{slot} was acknowledged, and the end is {end}");
        let found = read_all(&*other, slot, end);
        assert_eq!(found.first(), Some(&(slot, vec![number])));
    }
}

fn what_is_too_large_is_refused_and_the_handle_goes_on(open: Open<'_>) {
    let log = open();
    let max = log.describe(WAIT).expect("it is described").item_bytes_max;
    let before = log.end(WAIT).expect("it can be asked");
    match log.append(&vec![1; max + 1], WAIT) {
        Err(AppendError::TooLarge { max: said }) => assert_eq!(said, max),
        other => panic!("an item above the limit is refused as too large, not {other:?}"),
    }
    let largest = vec![2; max];
    let slot = append(&*log, &largest);
    let between = read_all(&*log, before.next(), slot);
    assert!(between.iter().all(|(_, item)| item.first() != Some(&1)), "nothing of the refused item is there");
    assert!(between.last().is_some_and(|(_, item)| *item == largest), "the largest item reads back");
}

fn many_writers_get_one_order(open: Open<'_>) {
    let before = open().end(WAIT).expect("it can be asked");
    #[expect(clippy::disallowed_methods, reason = "a test for adapters, which run threads")]
    let written: HashMap<Slot, Vec<u8>> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    let log = open();
                    let item = |number: u64| format!("writer {writer} item {number}").into_bytes();
                    (0..ITEMS).map(|number| (append(&*log, &item(number)), item(number))).collect::<Vec<_>>()
                })
            })
            .collect();
        writers.into_iter().flat_map(|writer| writer.join().expect("it writes")).collect()
    });
    assert_eq!(written.len() as u64, WRITERS * ITEMS, "no two items have one slot");
    let end = open().end(WAIT).expect("it can be asked");
    let [one, other] = [open(), open()].map(|log| read_all(&*log, before.next(), end));
    assert_eq!(one, other, "there is one order");
    let found: HashMap<_, _> = one.into_iter().filter(|(_, item)| item.starts_with(b"writer ")).collect();
    assert_eq!(found, written, "each item is there once, in the slot that was acknowledged");
}

fn what_is_trimmed_is_told_and_slots_keep_their_numbers(open: Open<'_>) {
    let log = open();
    let slots: Vec<_> = (0..4_u8).map(|number| append(&*log, &[number])).collect();
    log.trim(slots[2], WAIT).expect("it can be trimmed");
    let first = log.first(WAIT).expect("it can be asked");
    assert!(first <= slots[2], "the slot itself is never removed: {first}, not {}", slots[2]);
    assert_eq!(read_all(&*log, slots[2], slots[3]), [(slots[2], vec![2]), (slots[3], vec![3])]);
    if first > Slot(1) {
        for handle in [log, open()] {
            let error = handle.read(Slot(1), Duration::from_secs(1)).expect_err("slot 1 was trimmed");
            assert_eq!(error.kind(), ErrorKind::Retired, "{error}");
        }
    }
    let next = append(&*open(), b"behind");
    assert!(next > slots[3], "slots go on behind what was trimmed");
}
