//! Large batches: what is done with every byte is done once, in processor time and not in time on the wall.
#![cfg(target_os = "linux")]

use tidegate::decide::{DecisionView, GateSet, Proposal, Verdict, gate};
use tidegate::{AppendOptions, Batch, Query, Store, StoreOptions};
use tidegate_format::hash::sha256;

use crate::deciding::draft;

const BYTES: usize = 8 << 20;
const ROUNDS: usize = 7;

/// Returns how many nanoseconds of a processor this thread has used.
fn used() -> u64 {
    // The count is brought up to date when the thread gives up the processor.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// Returns the least processor time of several rounds: everything else adds to it.
fn least(mut work: impl FnMut(usize)) -> f64 {
    let round = |round| {
        let before = used();
        work(round);
        used() - before
    };
    (0..ROUNDS).map(round).min().unwrap() as f64
}

/// A keyed batch was hashed twice before it was committed, and one that a gate might concern was copied twice.
#[test]
fn a_keyed_and_guarded_batch_costs_one_hash_more() {
    let append = |store: &Store, keyed: bool| {
        let mut payloads: Vec<_> = (0..ROUNDS).map(|round| vec![round as u8; BYTES]).collect();
        least(|round| {
            let batch = Batch::from(draft("a", "a.b").bytes(std::mem::take(&mut payloads[round])));
            let batch = if keyed { batch.key(format!("key-{round}")) } else { batch };
            store.append_with(batch, AppendOptions::new().buffered()).unwrap();
        })
    };
    let open = || StoreOptions::new().thread(false).in_memory().unwrap();
    let payload = vec![9; BYTES];
    let hash = least(|_| assert_ne!(sha256(&payload).0, [0; 32]));
    let plain = append(&open(), false);
    let keyed = append(&open(), true);
    let store = open();
    let allow = gate("allow", |_: &Proposal<'_>, _: &DecisionView| Ok(Verdict::Allow));
    store.guard(Query::ALL, GateSet::new().and(allow)).unwrap();
    let guarded = append(&store, true);
    let hashes = |time: f64| (time - plain) / hash;
    let said = format!("hash {hash}, plain {plain}, keyed {keyed}, keyed and guarded {guarded} ns");
    println!("{said}");
    assert!(hashes(keyed) < 1.5, "{said}");
    assert!(hashes(guarded) < 1.5, "{said}");
}
