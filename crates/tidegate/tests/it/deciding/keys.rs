//! Idempotency keys: the same again is answered and not written, whatever holds by then.

use tidegate::batch::{ConflictKind, key_of_parts};
use tidegate::decide::{Denial, GateSet, Outcome, Verdict, gate};
use tidegate::testing::{Call, Env, FaultyDisk, Model, SeededRandom, SimulatedClock};
use tidegate::{
    AppendOptions, Batch, Condition, Durability, ErrorKind, EventId, Position, Store, StoreOptions, StreamId,
    Version,
};

use super::{append, conflict, draft, head, refused, stepped, store, submit, tag};

fn paid() -> Batch {
    Batch::from(vec![draft("a", "money.paid").tag("t"), draft("b", "money.got")]).key("k1")
}

#[test]
fn the_same_again_gives_the_first_receipt() {
    let store = store();
    append(&store, draft("z", "a.b"));
    let first = append(&store, paid());
    append(&store, draft("z", "a.b"));
    assert_eq!(append(&store, paid()), first);
    assert_eq!(submit(&store, paid()).wait().unwrap(), first);
    let decided = store.decide(|_| -> tidegate::Result<_> { Ok(paid()) }).unwrap();
    assert_eq!(decided, Outcome::Committed(first.clone()));
    let decided = store.propose(&(), paid(), &GateSet::new()).unwrap();
    assert_eq!(decided, Outcome::Committed(first));
    assert_eq!(head(&store), 4);
}

#[test]
fn other_content_under_a_key_is_refused() {
    let store = store();
    append(&store, draft("z", "a.b"));
    append(&store, paid());
    let twice = Batch::from(draft("a", "money.paid").tag("t")).key("k1");
    for other in [twice, paid().and(draft("c", "a.b")), Batch::from(draft("z", "a.b")).key("k1")] {
        let conflict = conflict(&refused(&store, other));
        assert_eq!((conflict.kind, conflict.position), (ConflictKind::Duplicate, Some(Position(2))));
        assert!(!conflict.retry);
    }
    assert_eq!(head(&store), 3);
}

#[test]
fn a_key_comes_before_every_condition_and_gate() {
    let store = store();
    let id = EventId([1; 16]);
    let batch = || {
        Batch::from(draft("a", "a.b").id(id).tag("t"))
            .key("k")
            .only_if(Condition::Version(StreamId::new("s", "a"), Version(0)))
            .only_if(Condition::fail_if(tag("t")))
            .only_if(Condition::Absent(StreamId::new("s", "a")))
    };
    let first = append(&store, batch());
    assert_eq!(append(&store, batch()), first, "none of the conditions holds any more");
    let never = || gate("never", |_: &_, _: &_| Ok(Verdict::Deny(Denial::new("NO", "never"))));
    store.guard(tidegate::Query::ALL, GateSet::new().and(never())).unwrap();
    assert_eq!(append(&store, batch()), first);
    assert_eq!(submit(&store, batch()).wait().unwrap(), first);
    let decided = store.propose(&(), batch(), &GateSet::new().and(never())).unwrap();
    assert_eq!(decided, Outcome::Committed(first));
    assert_eq!(head(&store), 1);
}

#[test]
fn two_of_one_key_in_a_group_are_one() {
    let store = stepped();
    let unconditional = || Batch::from(draft("a", "a.b").tag("t")).key("k");
    let once = || unconditional().only_if(Condition::fail_if(tag("t")));
    let tickets = [unconditional(), once(), unconditional(), once()].map(|batch| submit(&store, batch));
    let other = submit(&store, Batch::from(draft("b", "a.b")).key("k"));
    store.upkeep().step().unwrap();
    let receipts = tickets.map(|ticket| ticket.wait().unwrap());
    assert!(receipts.iter().all(|receipt| *receipt == receipts[0]), "{receipts:?}");
    let conflict = conflict(&other.wait().unwrap_err());
    assert_eq!((conflict.kind, conflict.position), (ConflictKind::Duplicate, Some(Position(1))));
    assert_eq!(head(&store), 1);
}

#[test]
fn a_key_whose_batch_was_refused_is_free() {
    let store = stepped();
    append(&store, draft("z", "a.b").tag("t"));
    let refused =
        submit(&store, Batch::from(draft("a", "a.b")).key("k").only_if(Condition::fail_if(tag("u"))));
    let kept = submit(&store, Batch::from(draft("b", "a.b").tag("u")).key("k"));
    store.upkeep().step().unwrap();
    assert_eq!(refused.wait().unwrap().first(), Position(2));
    assert_eq!(conflict(&kept.wait().unwrap_err()).kind, ConflictKind::Duplicate);

    let fails = Batch::from(draft("a", "a.b")).key("k2").only_if(Condition::Absent(StreamId::new("s", "z")));
    let fails = submit(&store, fails);
    let kept = submit(&store, Batch::from(draft("b", "a.b")).key("k2"));
    store.upkeep().step().unwrap();
    assert_eq!(conflict(&fails.wait().unwrap_err()).kind, ConflictKind::Exists);
    assert_eq!(kept.wait().unwrap().first(), Position(3));
}

#[test]
fn a_key_survives_closing_crashing_and_the_loss_of_indexes() {
    let disk = FaultyDisk::new(1, Model::default());
    let (clock, random) = (SimulatedClock::new(1), SeededRandom::new(1));
    let open = |disk: &FaultyDisk| {
        let options = StoreOptions::new().segment_bytes(900).thread(false);
        options.open_in(Env::simulated(disk, &clock, &random)).unwrap()
    };
    let first = {
        let store = open(&disk);
        let first = append(&store, paid());
        for _ in 0..20 {
            append(&store, draft("z", "a.b"));
        }
        store.upkeep().step().unwrap();
        store.close().unwrap();
        first
    };
    let store = open(&disk);
    assert_eq!(append(&store, paid()), first);
    disk.power_cut(5);
    drop(store);
    let disk = disk.reopen();
    let store = open(&disk);
    assert_eq!(append(&store, paid()), first);
    drop(store);
    let indexes: Vec<_> = tidegate::testing::Disk::list(&disk, "index").unwrap_or_default();
    for index in &indexes {
        tidegate::testing::Disk::remove(&disk, &format!("index/{index}")).unwrap();
    }
    assert!(!indexes.is_empty(), "a sealed segment has an index");
    let store = open(&disk);
    assert_eq!(append(&store, paid()), first);
    assert_eq!(conflict(&refused(&store, paid().and(draft("c", "a.b")))).kind, ConflictKind::Duplicate);
    assert_eq!(store.frontier().visible, Position(22));
}

/// A retry that asks for a sync was once answered without one if the first time had not asked.
#[test]
fn a_retry_is_as_durable_as_it_asks_to_be() {
    let appended = |retry: &dyn Fn(&Store) -> Position| {
        let disk = FaultyDisk::new(1, Model::default());
        let world = Env::simulated(&disk, &SimulatedClock::new(1), &SeededRandom::new(1));
        let store = StoreOptions::new().thread(false).open_in(world).unwrap();
        store.append_with(paid(), AppendOptions::new().buffered()).unwrap();
        let syncs = disk.count(Call::Sync);
        store.append_with(paid(), AppendOptions::new().buffered()).unwrap();
        assert_eq!((disk.count(Call::Sync), store.frontier().durable), (syncs, Position(0)));
        assert_eq!(retry(&store), Position(2));
        assert_eq!(store.frontier().durable, Position(2));
        assert_eq!(disk.count(Call::Sync), syncs + 1);
    };
    appended(&|store| store.append_with(paid(), AppendOptions::new().synced()).unwrap().last());
    appended(&|store| {
        store.submit_with(paid(), AppendOptions::new().synced()).unwrap().wait().unwrap().last()
    });
    appended(&|store| {
        let decided = store
            .decide_with(AppendOptions::new().synced(), |_| -> tidegate::Result<tidegate::decide::Decision> {
                Ok(paid().into())
            })
            .unwrap();
        decided.receipt().unwrap().last()
    });
    appended(&|store| {
        let decided =
            store.propose_with(&(), paid(), &GateSet::new(), AppendOptions::new().synced()).unwrap();
        decided.receipt().unwrap().last()
    });
    appended(&|store| {
        store.guard(tag("t"), GateSet::new()).unwrap();
        store.append_with(paid(), AppendOptions::new().synced()).unwrap().last()
    });
}

/// The same, if the first one came into the log after the retry was prepared, in an earlier group.
#[test]
fn a_retry_behind_a_full_group_is_as_durable_as_it_asks_to_be() {
    let store = stepped();
    let buffered = AppendOptions::new().durability(Durability::Buffered);
    let first = store.submit_with(paid(), buffered.clone()).unwrap();
    let large = vec![7; 8 << 20];
    let filler = store.submit_with(draft("z", "a.b").bytes(large), buffered.clone()).unwrap();
    let again = store.submit_with(paid(), AppendOptions::new().synced()).unwrap();
    let receipt = again.wait().unwrap();
    assert_eq!(receipt, first.wait().unwrap());
    assert!(store.frontier().durable >= receipt.last(), "{}", store.frontier());
    filler.wait().unwrap();
}

#[test]
fn keys_from_parts_tell_parts_apart() {
    let parts: [&[&str]; 9] = [
        &[],
        &[""],
        &["", ""],
        &["ab", "c"],
        &["a", "bc"],
        &["abc"],
        &["abc", ""],
        &["", "abc"],
        &["a\0b", "c"],
    ];
    let mut keys: Vec<_> = parts.iter().map(|parts| key_of_parts("pay", parts).unwrap()).collect();
    keys.push(key_of_parts("pay:", &["ab", "c"]).unwrap());
    keys.push(key_of_parts("refund", &["ab", "c"]).unwrap());
    let unlike: std::collections::HashSet<_> = keys.iter().collect();
    assert_eq!(unlike.len(), keys.len(), "{keys:?}");
    assert_eq!(key_of_parts("pay", &["ab", "c"]).unwrap(), keys[3], "the same parts give the same key");
    assert_eq!(key_of_parts(&"d".repeat(129), &[]).unwrap_err().kind(), ErrorKind::Invalid);
    let store = store();
    append(&store, Batch::from(draft("a", "a.b")).key(key_of_parts(&"d".repeat(128), &["x"]).unwrap()));
}

#[test]
fn a_key_keeps_the_rules_of_names() {
    let store = store();
    for bad in [String::new(), "k".repeat(1025), "a\nb".to_owned()] {
        let error = refused(&store, Batch::from(draft("a", "a.b")).key(bad));
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    assert_eq!(head(&store), 0);
}
