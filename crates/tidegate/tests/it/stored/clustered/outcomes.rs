//! What callers are told when the shared log loses answers, repeats, overtakes or is silent.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate::report::cluster::{AppendError, LogDescription, MemoryLog, SharedLog, Slot};
use tidegate::report::{Erase, Retire};
use tidegate::{
    Batch, Cause, Condition, Error, ErrorKind, Position, Query, QueryItem, Result, StoreOptions, Version,
};
use tidegate_format::hash::{crc, sha256};
use tidegate_shared_log::{Faults, FaultyLog};

use super::{Machine, WAIT, agree, memory, order};

fn faulty(log: &MemoryLog, faults: Faults, seed: u64) -> Arc<FaultyLog> {
    Arc::new(FaultyLog::new(Arc::new(log.clone()), faults, seed))
}

fn only(change: impl Fn(&mut Faults)) -> Faults {
    let mut faults = Faults::default();
    change(&mut faults);
    faults
}

/// A lost answer is not a failure, and what arrives twice is there once.
#[test]
fn lost_answers_and_copies_neither_lose_nor_double() {
    let log = memory();
    let faults =
        only(|faults| (faults.lost_answers, faults.duplicates, faults.lost_requests) = (300, 300, 100));
    let handle = faulty(&log, faults, 3);
    let mut machine = Machine::new(1, StoreOptions::new());
    let store = machine.open(handle.clone()).unwrap();
    for number in 0..100 {
        store.append(order(number)).unwrap();
    }
    handle.deliver();
    store.catch_up(WAIT).unwrap();
    assert_eq!(store.count(&Query::ALL).unwrap(), 100);
    let status = store.node().unwrap();
    assert!(status.void > 10, "{status}");
    assert_eq!((status.applied, status.applied), (log.end(WAIT).unwrap().0, status.end));
    let mut fresh = Machine::new(2, StoreOptions::new());
    agree(&[&store, &fresh.open(Arc::new(log)).unwrap()]);
}

/// A shared log that takes items and neither shows nor acknowledges them for as long as it holds.
#[derive(Debug)]
struct HoldingLog {
    inner: MemoryLog,
    is_holding: AtomicBool,
    held: Mutex<Vec<Vec<u8>>>,
}

impl HoldingLog {
    fn hold(&self, is_holding: bool) {
        self.is_holding.store(is_holding, Ordering::Relaxed);
    }

    fn deliver(&self) {
        for item in self.held.lock().unwrap().drain(..) {
            self.inner.append(&item, WAIT).unwrap();
        }
    }

    fn refuse(&self) -> Result<()> {
        let is_holding = self.is_holding.load(Ordering::Relaxed);
        let silent = || Err(Error::new(ErrorKind::Unavailable, "it is silent"));
        if is_holding { silent() } else { Ok(()) }
    }
}

impl SharedLog for HoldingLog {
    fn describe(&self, wait: Duration) -> Result<LogDescription> {
        self.inner.describe(wait)
    }

    fn append(&self, item: &[u8], wait: Duration) -> Result<Slot, AppendError> {
        self.refuse().map_err(|error| {
            self.held.lock().unwrap().push(item.to_vec());
            AppendError::Unknown(error)
        })?;
        self.inner.append(item, wait)
    }

    fn read(&self, from: Slot, wait: Duration) -> Result<Vec<(Slot, Vec<u8>)>> {
        self.refuse().and_then(|()| self.inner.read(from, wait))
    }

    fn end(&self, wait: Duration) -> Result<Slot> {
        self.refuse().and_then(|()| self.inner.end(wait))
    }

    fn first(&self, wait: Duration) -> Result<Slot> {
        self.refuse().and_then(|()| self.inner.first(wait))
    }

    fn trim(&self, before: Slot, wait: Duration) -> Result<()> {
        self.inner.trim(before, wait)
    }
}

/// What was given up on may still come, but never twice, and nothing is stuck behind it.
#[test]
fn an_unknown_outcome_is_told_and_resolved_later() {
    for comes_first in [false, true] {
        let log = Arc::new(HoldingLog {
            inner: memory(),
            is_holding: AtomicBool::new(false),
            held: Mutex::default(),
        });
        let mut machine = Machine::new(1, StoreOptions::new());
        let store = machine.open(log.clone()).unwrap();
        store.append(order(0)).unwrap();
        log.hold(true);
        let error = store.append(Batch::from(order(1)).key("request-1")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        let error = store.append(order(2)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "nothing of it was handed over: {error}");
        assert_eq!(store.count(&Query::ALL).unwrap(), 1, "reads go on");
        log.hold(false);
        if comes_first {
            log.deliver();
        }
        let next = store.append(order(3)).unwrap();
        let again = store.append(Batch::from(order(1)).key("request-1")).unwrap();
        let places = if comes_first { (3, 2) } else { (2, 3) };
        assert_eq!((next.last().0, again.last().0), places);
        log.deliver();
        store.catch_up(WAIT).unwrap();
        assert_eq!(store.count(&Query::ALL).unwrap(), 3);
    }
}

/// A node with no shared log opens for reading what it has, if it was a node of it before.
#[test]
fn a_silent_log_stops_no_reads() {
    let log = memory();
    let mut machine = Machine::new(1, StoreOptions::new());
    let store = machine.open(Arc::new(log.clone())).unwrap();
    store.append(order(0)).unwrap();
    store.close().unwrap();
    let handle = faulty(&log, only(|faults| faults.silence = 1000), 5);
    let store = machine.open(handle.clone()).unwrap();
    assert_eq!(store.count(&Query::ALL).unwrap(), 1);
    assert_eq!(store.append(order(1)).unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(store.catch_up(WAIT).unwrap_err().kind(), ErrorKind::Unavailable);
    let mut fresh = Machine::new(2, StoreOptions::new());
    assert_eq!(fresh.open(handle.clone()).unwrap_err().kind(), ErrorKind::Unavailable);
    handle.set_faults(Faults::default());
    store.append(order(1)).unwrap();
    agree(&[&store, &fresh.open(handle).unwrap()]);
}

/// Erasing would leave the payload in the shared log and on every other node.
#[test]
fn what_would_change_one_copy_alone_is_refused() {
    let mut machine = Machine::new(1, StoreOptions::new());
    let store = machine.open(Arc::new(memory())).unwrap();
    store.append(order(0)).unwrap();
    let refused = store.upkeep().erase(&Query::ALL, Erase::new("a request", "desk 2")).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
    let retire = Retire::new("a test", "desk 2");
    let refused = store.upkeep().retire(Position(1), retire).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused, "{refused}");
    assert!(store.view().unwrap().at(Position(1)).unwrap().unwrap().payload().is_ok());
}

#[test]
fn a_batch_that_no_proposal_takes_is_refused_with_the_limit() {
    let log = Arc::new(MemoryLog::with_item_bytes_max("orders", 2000));
    let mut machine = Machine::new(1, StoreOptions::new());
    let store = machine.open(log.clone()).unwrap();
    let error = store.append(order(1).bytes(vec![7; 2000])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(error.limit().unwrap().max, 2000 - 80, "{error}");
    // A group that is too large for one proposal becomes several.
    let tickets: Vec<_> =
        (0..20).map(|number| store.submit(order(number).bytes(vec![1; 300])).unwrap()).collect();
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    assert_eq!(store.count(&Query::ALL).unwrap(), 20);
    assert!(log.end(WAIT).unwrap() > Slot(5));
}

/// Bytes of others take a slot and nothing else; those of a node that do not hold, or are newer, end the node.
#[test]
fn what_is_in_the_shared_log_is_not_trusted() {
    let log = memory();
    let mut machine = Machine::new(1, StoreOptions::new());
    let store = machine.open(Arc::new(log.clone())).unwrap();
    store.append(order(1)).unwrap();
    log.append(b"something else", WAIT).unwrap();
    log.append(b"", WAIT).unwrap();
    store.append(order(2)).unwrap();
    assert_eq!(store.count(&Query::ALL).unwrap(), 2);
    let [genesis, proposal] = [Slot(1), Slot(2)].map(|slot| log.read(slot, WAIT).unwrap()[0].1.clone());
    for bit in [8 * 8, 8 * 50, 8 * 100, 8 * proposal.len() - 1] {
        let log = memory();
        log.append(&genesis, WAIT).unwrap();
        let mut broken = proposal.clone();
        broken[bit / 8] ^= 1 << (bit % 8);
        log.append(&broken, WAIT).unwrap();
        let mut machine = Machine::new(2, StoreOptions::new());
        let store = machine.open(Arc::new(log.clone())).unwrap();
        let error = store.catch_up(WAIT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "bit {bit}: {error}");
        let error = store.append(order(3)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ended, "{error}");
        assert_eq!(store.count(&Query::ALL).unwrap(), 0, "what stood before is read");
    }
}

/// What was trimmed before a node had applied it, it never gets; another one that had goes on.
#[test]
fn a_node_that_is_behind_for_ever_says_so() {
    let log = memory();
    let mut machine = Machine::new(1, StoreOptions::new());
    let store = machine.open(Arc::new(log.clone())).unwrap();
    for number in 0..5 {
        store.append(order(number)).unwrap();
    }
    store.close().unwrap();
    let mut other = Machine::new(2, StoreOptions::new());
    let behind = other.open(Arc::new(log.clone())).unwrap();
    log.trim(Slot(4), WAIT).unwrap();
    let error = behind.catch_up(WAIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retired, "{error}");
    let mut fresh = Machine::new(3, StoreOptions::new());
    let error = fresh.open(Arc::new(log.clone())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Retired, "{error}");
    // The one that had applied it goes on.
    machine.open(Arc::new(log)).unwrap().append(order(9)).unwrap();
}

/// A log with the genesis and a proposal of every part, made by seeds and clocks that stay.
fn written() -> (Vec<Vec<u8>>, String) {
    let log = memory();
    let mut machine = Machine::new(1, StoreOptions::new());
    let store = machine.open(Arc::new(log.clone())).unwrap();
    let free = Condition::fail_if(Query::tag("none").or(QueryItem::new().kind("no.*").lane(3)));
    let batch =
        Batch::from(vec![order(1).tag("t"), order(2).cause(Cause::Draft(0))]).key("request-1").only_if(free);
    let batch = batch.only_if(Condition::Version(("shop", "order-1").into(), Version(0)));
    let receipt = store.append(batch).unwrap();
    let items = log.read(Slot(1), WAIT).unwrap().into_iter().map(|(_, item)| item).collect();
    (items, receipt.events[1].leaf.to_string())
}

/// Neither the bytes of items nor the judgement change without another number of format or rules.
#[test]
fn items_and_judgements_stay_the_same() {
    let (items, leaf) = written();
    let digest = sha256(&items.concat()).to_string();
    assert_eq!(items.iter().map(Vec::len).collect::<Vec<_>>(), [100, 669]);
    assert_eq!(digest, "3473da4ffe1e65e246529200a62cc5bcc80198e10930649dde9c7a0532f00dd1");
    assert_eq!(leaf, "e3e88eab3bfacde595ab86c18674f217f9f91b0c50a7155693cd711a974cacb0");
}

/// One bit of each byte of a proposal is another one, and its checksum is made right: every node comes to the same end, and none
/// panics.
#[test]
fn a_forged_proposal_is_void_or_ends_every_node_alike() {
    let (items, _) = written();
    let (genesis, proposal) = (&items[0], &items[1]);
    let mut left = [0; 2];
    for at in 12..proposal.len() - 4 {
        let mut forged = proposal[..proposal.len() - 4].to_vec();
        forged[at] ^= 1 << (at % 8);
        let crc = crc(0, &forged);
        forged.extend_from_slice(&crc.to_le_bytes());
        let log = memory();
        log.append(genesis, WAIT).unwrap();
        log.append(&forged, WAIT).unwrap();
        let ends = [2, 3].map(|number| {
            let options = StoreOptions::new().segment_bytes(number * 1000);
            let store = Machine::new(number, options).open(Arc::new(log.clone())).unwrap();
            let caught_up = store.catch_up(WAIT).map_err(|error| error.kind());
            (caught_up, super::history(&store))
        });
        assert_eq!(ends[0], ends[1], "byte {at}");
        left[usize::from(ends[0].1.is_empty())] += 1;
    }
    assert!(left[0] > 20 && left[1] > 100, "both happen: {left:?}");
}
