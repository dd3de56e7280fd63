//! Whatever is proposed where, and whatever becomes of a node, all nodes have the same leaves.

use std::sync::Arc;

use tidegate::report::{cluster::NodeOptions, examine_in};
use tidegate::testing::{Env, SeededRandom};
use tidegate::{
    AppendOptions, Batch, Condition, Draft, ErrorKind, Position, Query, Store, StoreOptions, Version,
};

use super::{Machine, WAIT, agree, last, memory, order};

fn options(number: u64) -> StoreOptions {
    let options = StoreOptions::new().segment_bytes([1 << 12, 1 << 20, 900][number as usize % 3]);
    if number == 1 { options.streams_in_memory(1).map(false) } else { options }
}

fn machines(count: u64) -> Vec<Machine> {
    (0..count).map(|number| Machine::new(number, options(number))).collect()
}

#[test]
fn what_one_node_appends_every_other_one_has() {
    let (log, mut machines) = (Arc::new(memory()), machines(2));
    let one = machines[0].open(log.clone()).unwrap();
    let other = machines[1].open(log).unwrap();
    assert_eq!(one.id(), other.id(), "they are one store");
    let receipt = one.append(Batch::from(vec![order(1), order(2)])).unwrap();
    assert_eq!(receipt.last(), Position(2));
    assert_eq!(other.catch_up(WAIT).unwrap(), Position(2));
    let receipt = other.append(order(3)).unwrap();
    assert_eq!(receipt.last(), Position(3));
    assert!(other.check_receipt(&receipt).is_ok());
    let history = agree(&[&one, &other]);
    assert_eq!(history.len(), 3);
    let leaf = one.view().unwrap().at(Position(3)).unwrap().unwrap().leaf();
    assert_eq!(leaf, receipt.events[0].leaf);
    for store in [one, other] {
        store.verify(|_| ()).unwrap();
        store.close().unwrap();
    }
}

/// A node need not have caught up to append: it is judged by what stands before it in the shared log.
#[test]
fn conditions_hold_across_nodes() {
    let (log, mut machines) = (Arc::new(memory()), machines(2));
    let one = machines[0].open(log.clone()).unwrap();
    let other = machines[1].open(log).unwrap();
    let taken = Query::tag("name:alice");
    let account = |entity: &str| Draft::new(("bank", entity.to_owned()), "account.opened").tag("name:alice");
    let unique = |entity: &str| Batch::from(account(entity)).only_if(Condition::fail_if(taken.clone()));
    one.append(unique("a")).unwrap();
    let error = other.append(unique("b")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(error.conflict().unwrap().position, Some(Position(1)));

    let stream = ("bank", "a");
    let second = |kind: &'static str| {
        Batch::from(Draft::new(stream, kind)).only_if(Condition::Version(stream.into(), Version(1)))
    };
    other.append(second("account.closed")).unwrap();
    assert_eq!(one.append(second("account.changed")).unwrap_err().kind(), ErrorKind::Conflict);

    let id = one.append(order(7)).unwrap().events[0].id;
    let again = other.append(order(8).id(id)).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict, "{again}");

    let keyed = |number: u64| Batch::from(order(number)).key("request-1");
    let first = one.append(keyed(9)).unwrap();
    assert_eq!(other.append(keyed(9)).unwrap(), first, "the same content under a key is appended once");
    assert_eq!(other.append(keyed(10)).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(agree(&[&one, &other]).len(), 4);
}

#[test]
fn a_decision_is_judged_again_where_its_footprint_moved() {
    let (log, mut machines) = (Arc::new(memory()), machines(3));
    let stores: Vec<_> = machines.iter_mut().map(|machine| machine.open(log.clone()).unwrap()).collect();
    let seats = Query::kind("seat.sold");
    let sell = |store: &Store| {
        store.decide(|view| -> tidegate::Result<Vec<Draft>> {
            let sold = view.count(&seats)?;
            Ok(if sold < 5 {
                vec![Draft::new(("hall", format!("seat-{sold}")), "seat.sold")]
            } else {
                Vec::new()
            })
        })
    };
    let mut sold = 0;
    for round in 0..4 {
        for store in &stores {
            match sell(store) {
                Ok(outcome) => sold += u64::from(outcome.into_result().is_ok()),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Invalid, "round {round}: {error}"),
            }
        }
    }
    assert_eq!(sold, 5);
    let stores: Vec<_> = stores.iter().collect();
    assert_eq!(agree(&stores).len(), 5, "no seat was sold twice, and none beyond the fifth");
}

/// The clocks of the machines differ by seconds, and a refused proposal of the fastest leaves no time behind.
#[test]
fn times_are_those_of_the_shared_log() {
    let (log, mut machines) = (Arc::new(memory()), machines(3));
    let stores: Vec<_> = machines.iter_mut().map(|machine| machine.open(log.clone()).unwrap()).collect();
    stores[0].append(order(1)).unwrap();
    let refused = Batch::from(order(2)).only_if(Condition::fail_if(Query::ALL));
    machines[2].clock.advance(100_000_000);
    // It has not seen the event, so the conflict is found in the shared log's order.
    assert_eq!(stores[2].append(refused).unwrap_err().kind(), ErrorKind::Conflict);
    // A node that opens now has not seen that clock.
    stores[1].append(order(3)).unwrap();
    agree(&stores.iter().collect::<Vec<_>>());
    drop(stores);
    let stores: Vec<_> = machines.iter_mut().map(|machine| machine.open(log.clone()).unwrap()).collect();
    stores[1].append(order(4)).unwrap();
    agree(&stores.iter().collect::<Vec<_>>());
}

/// Restarts, power cuts, index files that are gone, and an empty directory: all come to the same leaves.
#[test]
fn nodes_go_on_where_they_were() {
    let (log, mut machines) = (Arc::new(memory()), machines(3));
    let mut stores: Vec<_> =
        machines.iter_mut().map(|machine| Some(machine.open(log.clone()).unwrap())).collect();
    let mut receipts = Vec::new();
    for number in 0..120_u64 {
        let at = (number % 3) as usize;
        let store = stores[at].as_ref().unwrap();
        let buffered = AppendOptions::new().buffered();
        let options = if number % 4 == 0 { AppendOptions::new() } else { buffered };
        let batch = match number % 5 {
            0 => Batch::from(vec![order(number), order(number + 1)]),
            1 => Batch::from(order(number)).only_if(Condition::fail_if(Query::tag("none"))),
            2 => {
                Batch::from(order(number)).only_if(Condition::Version(("shop", "order-2").into(), Version(9)))
            }
            _ => Batch::from(order(number)).key(format!("key-{}", number / 2)),
        };
        match store.append_with(batch, options) {
            Ok(receipt) => receipts.push(receipt),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{number}: {error}"),
        }
        if number % 17 == 16 {
            let store = stores[at].take().unwrap();
            match number % 2 {
                0 => store.close().unwrap(),
                _ => machines[at].lose_power(store),
            }
            stores[at] = Some(machines[at].open(log.clone()).unwrap());
        }
    }
    let mut late = Machine::new(7, options(1));
    stores.push(Some(late.open(log.clone()).unwrap()));
    let stores: Vec<_> = stores.iter().flatten().collect();
    let history = agree(&stores);
    assert!(
        receipts.len() > 40 && history.len() > 60,
        "{} receipts, {} events",
        receipts.len(),
        history.len()
    );
    for receipt in &receipts {
        for event in &receipt.events {
            let line = &history[event.position.0 as usize - 1];
            assert!(line.contains(&event.leaf.to_string()), "an acknowledged event is where it was: {line}");
        }
        assert!(receipt.last() <= last(&history));
    }
    for store in stores {
        store.verify(|_| ()).unwrap();
        store.close().unwrap();
    }
    for machine in machines.iter().chain([&late]) {
        let env = Env::simulated(&machine.disk, &machine.clock, &SeededRandom::new(5));
        let report = examine_in(&env, |_| ()).unwrap();
        assert!(report.faults.is_empty() && report.remarks.is_empty(), "{report:?}");
    }
}

#[test]
fn a_nodes_directory_is_not_written_to_without_its_log() {
    let (log, mut machines) = (Arc::new(memory()), machines(1));
    let store = machines[0].open(log.clone()).unwrap();
    store.append(order(1)).unwrap();
    store.close().unwrap();
    let env = || Env::simulated(&machines[0].disk, &machines[0].clock, &SeededRandom::new(5));
    let refused = StoreOptions::new().thread(false).open_in(env()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert!(refused.to_string().contains("memory:orders"), "{refused}");
    let reader = StoreOptions::new().open_reader_in(env()).unwrap();
    assert_eq!(reader.count(&Query::ALL).unwrap(), 1, "it reads as any other store");
    let elsewhere = Arc::new(super::MemoryLog::new("elsewhere"));
    let options = StoreOptions::new().thread(false);
    let refused = options.open_node_in(env(), NodeOptions::new(elsewhere)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
    // Another log of the same name is about another store.
    let other = Arc::new(memory());
    drop(Machine::new(9, StoreOptions::new()).open(other.clone()).unwrap());
    let refused = options.open_node_in(env(), NodeOptions::new(other)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Diverged, "{refused}");
    options.open_node_in(env(), NodeOptions::new(log)).unwrap().append(order(2)).unwrap();
}
