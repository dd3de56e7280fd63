//! Many callers decide about the same thing: every caller comes to an end, with little judged in vain, and whatever a closure
//! does it waits for no turn of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;

use tidegate::decide::{Decision, Outcome};
use tidegate::{AppendOptions, Durability, Store, StoreOptions};

use super::{append, draft, store, tag};
use crate::faults::LONG;

/// No caller was ever told "no" while there was a way: 64 threads that took seats on one tag were judged 42 times for each
/// seat, and one of 20 was refused after 256 attempts.
#[test]
fn nobody_is_refused_and_little_is_judged_in_vain() {
    const THREADS: u64 = 32;
    const EACH: u64 = 20;
    for durability in [Durability::Synced, Durability::Buffered] {
        let store = StoreOptions::new().durability(durability).in_memory().unwrap();
        let judged = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..EACH {
                        let decided = store.decide(|view| -> tidegate::Result<Decision> {
                            judged.fetch_add(1, Ordering::Relaxed);
                            let taken = view.count(&tag("t"))?;
                            Ok(draft("seat", "a.b").tag("t").bytes(taken.to_string().into_bytes()).into())
                        });
                        assert!(matches!(decided, Ok(Outcome::Committed(_))), "{decided:?}");
                    }
                });
            }
        });
        let (judged, committed) = (judged.into_inner(), THREADS * EACH);
        println!("{durability:?}: judged {judged} times for {committed} commits");
        assert_eq!(store.frontier().visible.0, committed);
        for (event, taken) in store.read(&tag("t")).unwrap().zip(0_u64..) {
            assert_eq!(
                event.unwrap().payload().unwrap(),
                taken.to_string().as_bytes(),
                "each saw all before it"
            );
        }
        assert!(judged <= 3 * committed, "judged {judged} times for {committed} commits");
        store.close().unwrap();
    }
}

/// What hangs fails.
fn in_time(case: impl FnOnce(&Arc<Store>) + Send + 'static) {
    let (done, ended) = channel();
    std::thread::spawn(move || {
        let store = Arc::new(store());
        case(&store);
        done.send(()).unwrap();
    });
    ended.recv_timeout(LONG).expect("it came to its end");
}

/// Judges until what it read was moved three times, so that it has its turn, and then does something.
fn decide_late(store: &Store, deed: impl Fn()) {
    let mut judged = 0;
    let decided = store.decide(|view| -> tidegate::Result<Decision> {
        view.count(&tag("t"))?;
        judged += 1;
        if judged <= 3 {
            append(store, draft("rival", "a.b").tag("t"));
        } else if judged == 4 {
            deed();
        }
        Ok(draft("seat", "a.b").tag("t").into())
    });
    assert!(matches!(decided, Ok(Outcome::Committed(_))), "{decided:?}");
}

#[test]
fn a_decision_within_a_closure_waits_for_no_turn() {
    in_time(|store| decide_late(store, || decide_late(store, || ())));
}

/// The closure waits for a thread that contends for the same boundary.
#[test]
fn a_closure_may_wait_for_a_rival() {
    in_time(|store| {
        decide_late(store, || {
            std::thread::scope(|scope| {
                scope.spawn(|| decide_late(store, || ()));
            });
        });
    });
}

#[test]
fn a_closure_that_panics_lets_its_turn_go() {
    in_time(|store| {
        let panicked = std::thread::scope(|scope| {
            scope.spawn(|| decide_late(store, || panic!("as planned"))).join().is_err()
        });
        assert!(panicked);
        decide_late(store, || ());
    });
}

/// A caller that sets a limit is refused when that is reached, with the reason.
#[test]
fn a_limit_of_attempts_still_refuses() {
    let store = store();
    let refused = store.decide_with(AppendOptions::new().attempts(3), |view| -> tidegate::Result<Decision> {
        view.count(&tag("t"))?;
        append(&store, draft("rival", "a.b").tag("t"));
        Ok(Decision::from(draft("seat", "a.b").tag("t")))
    });
    let error = refused.unwrap_err();
    assert!(error.message().contains("3 times"), "{error}");
    assert!(error.conflict().is_some(), "{error}");
}
