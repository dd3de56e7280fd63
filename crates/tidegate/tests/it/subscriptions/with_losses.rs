//! A tap keeps up, and says what that cost.

use tidegate::{AppendOptions, ErrorKind, Position};

use super::{LONG, SHORT, draft, kind, positions, store};

#[test]
fn what_is_too_much_is_left_out_and_counted() {
    let store = store();
    let mut tap = store.subscribe(kind("a.one"), Position::START).lossy(3);
    let append = |kinds: &[&'static str]| {
        for kind in kinds {
            store.append(draft(kind)).unwrap();
        }
    };
    append(&["a.one", "b.one", "a.one", "a.one"]);
    assert_eq!(tap.next_within(LONG).unwrap().unwrap().position(), Position(1));
    assert_eq!(tap.dropped(), 0, "three are no more than it may fall behind");
    append(&["a.one"; 5]);
    assert_eq!(tap.next_within(LONG).unwrap().unwrap().position(), Position(7), "the newest three");
    assert_eq!(tap.dropped(), 4);
    append(&["b.one"; 9]);
    assert_eq!(tap.next().unwrap().unwrap().position(), Position(8), "what it does not want costs nothing");
    assert_eq!(tap.next().unwrap().unwrap().position(), Position(9));
    assert_eq!(tap.next_within(SHORT).unwrap_err().kind(), ErrorKind::TimedOut);
    append(&["a.one"; 100]);
    store.close().unwrap();
    assert_eq!(positions((&mut tap).map(Result::unwrap)), [Position(116), Position(117), Position(118)]);
    assert_eq!(tap.dropped(), 4 + 97);
}

/// Whatever the pace, what was delivered and what was left out is everything.
#[test]
fn nothing_is_lost_uncounted() {
    let store = store();
    let mut tap = store.subscribe(kind("a.*"), Position::START).lossy(2);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut delivered = Vec::new();
            for event in &mut tap {
                delivered.push(event.unwrap().position());
                std::thread::yield_now();
            }
            assert!(delivered.is_sorted(), "{delivered:?}");
            delivered.len() as u64 + tap.dropped()
        });
        for _ in 0..500 {
            store.append_with(draft("a.one"), AppendOptions::new().buffered()).unwrap();
            store.append_with(draft("b.one"), AppendOptions::new().buffered()).unwrap();
        }
        store.close().unwrap();
        assert_eq!(reading.join().unwrap(), 500);
    });
}
