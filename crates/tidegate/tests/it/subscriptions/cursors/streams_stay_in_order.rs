//! Several workers share a cursor, and each stream stays in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tidegate::subscription::cursor::{Cursor, CursorOptions};
use tidegate::{AppendOptions, Draft, Query, StoreOptions};

use super::super::crashes::Dice;

const STREAMS: usize = 7;
const EVENTS: usize = 600;

/// What workers saw, and what they did.
#[derive(Default)]
struct Seen {
    out: Mutex<BTreeSet<String>>,
    done: Mutex<BTreeMap<String, Vec<u64>>>,
    failed: AtomicUsize,
}

fn work(cursor: Cursor, seen: &Seen, mut dice: Dice) {
    for delivery in cursor {
        let delivery = delivery.unwrap();
        let stream = delivery.event().entity().to_owned();
        assert!(seen.out.lock().unwrap().insert(stream.clone()), "two of {stream} are out at once");
        if dice.one_in(20) {
            std::thread::sleep(Duration::from_micros(dice.roll(500)));
        }
        let fails = dice.one_in(8) && delivery.attempt() < 4;
        if !fails {
            let version = delivery.event().version().0;
            seen.done.lock().unwrap().entry(stream.clone()).or_default().push(version);
        }
        assert!(seen.out.lock().unwrap().remove(&stream));
        if fails {
            seen.failed.fetch_add(1, Ordering::Relaxed);
            if dice.one_in(2) {
                delivery.fail("by chance").unwrap();
            }
        } else {
            delivery.ack().unwrap();
        }
    }
}

#[test]
fn workers_share_the_streams() {
    let options = StoreOptions::new().segment_bytes(16 << 10);
    let store = options.in_memory().unwrap();
    let settings =
        CursorOptions::new().retry_after(Duration::from_micros(300)).max_attempts(1000).max_in_flight(50);
    let cursor = store.cursor_with("shared", Query::ALL, settings).unwrap();
    let seen = Seen::default();
    std::thread::scope(|scope| {
        for worker in 0..5 {
            let (cursor, seen) = (cursor.clone(), &seen);
            scope.spawn(move || work(cursor, seen, Dice::new(worker + 1)));
        }
        for event in 0..EVENTS {
            let draft = Draft::new(("s", format!("e{}", event * event % STREAMS)), "a.one");
            store.append_with(draft, AppendOptions::new().buffered()).unwrap();
        }
        while cursor.lag().unwrap() > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        cursor.stop();
    });
    let done = seen.done.lock().unwrap();
    assert_eq!(done.values().map(Vec::len).sum::<usize>(), EVENTS);
    for (stream, versions) in &*done {
        let expected: Vec<_> = (1..=versions.len() as u64).collect();
        assert_eq!(*versions, expected, "{stream} is in order, and each event was done once");
    }
    assert!(seen.failed.load(Ordering::Relaxed) > 20);
    assert_eq!(cursor.position(), store.frontier().visible);
}
