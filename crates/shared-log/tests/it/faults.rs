//! What the faulty log does, and logs that break the promise.

use std::collections::HashMap;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use tidegate_shared_log::{
    AppendError, Faults, FaultyLog, LogDescription, MemoryLog, Result, SharedLog, Slot, conformance,
};

/// How a log breaks its promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Every tenth item is acknowledged and not there.
    Forgets,
    /// The end is that of a member that lags.
    StaleEnd,
    /// Two items are returned in the wrong order.
    Reorders,
}

#[derive(Clone, Debug)]
pub(crate) struct BrokenLog {
    inner: MemoryLog,
    how: Broken,
}

impl BrokenLog {
    pub(crate) fn new(inner: MemoryLog, how: Broken) -> Self {
        Self { inner, how }
    }
}

impl UnwindSafe for BrokenLog {}
impl RefUnwindSafe for BrokenLog {}

impl SharedLog for BrokenLog {
    fn describe(&self, wait: Duration) -> Result<LogDescription> {
        self.inner.describe(wait)
    }

    fn append(&self, item: &[u8], wait: Duration) -> Result<Slot, AppendError> {
        let end = self.inner.end(wait).unwrap();
        if self.how == Broken::Forgets && end.0 % 10 == 9 {
            return Ok(end.next());
        }
        self.inner.append(item, wait)
    }

    fn read(&self, from: Slot, wait: Duration) -> Result<Vec<(Slot, Vec<u8>)>> {
        let wait = wait.min(Duration::from_millis(50));
        let mut items = self.inner.read(from, wait)?;
        if self.how == Broken::Reorders && items.len() > 2 {
            let (one, other) = (items[1].1.clone(), items[2].1.clone());
            (items[1].1, items[2].1) = (other, one);
        }
        Ok(items)
    }

    fn end(&self, wait: Duration) -> Result<Slot> {
        let end = self.inner.end(wait)?;
        Ok(if self.how == Broken::StaleEnd { Slot(end.0.saturating_sub(1)) } else { end })
    }

    fn first(&self, wait: Duration) -> Result<Slot> {
        self.inner.first(wait)
    }

    fn trim(&self, before: Slot, wait: Duration) -> Result<()> {
        self.inner.trim(before, wait)
    }
}

const WAIT: Duration = Duration::ZERO;

/// Appends a thousand items through faults, and returns how many times each arrived, and what the caller was told.
fn run(seed: u64) -> (Vec<u32>, Vec<&'static str>, Vec<Vec<u8>>) {
    let log = MemoryLog::new("orders");
    let faulty = FaultyLog::new(Arc::new(log.clone()), Faults::each(60), seed);
    let mut told = Vec::new();
    for number in 0..1000_u32 {
        told.push(match faulty.append(&number.to_le_bytes(), WAIT) {
            Ok(_) => "there",
            Err(AppendError::Unavailable(_)) => "not there",
            Err(_) => "unknown",
        });
    }
    faulty.deliver();
    let end = log.end(WAIT).unwrap();
    let items: Vec<_> = conformance::read_all(&log, Slot(1), end).into_iter().map(|(_, item)| item).collect();
    let mut counts = HashMap::new();
    for item in &items {
        *counts.entry(item.clone()).or_insert(0) += 1;
    }
    let arrived = (0..1000_u32).map(|number| counts.get(&number.to_le_bytes()[..]).copied().unwrap_or(0));
    (arrived.collect(), told, items)
}

#[test]
fn faults_are_those_of_the_seed() {
    assert_eq!(run(7), run(7));
    assert_ne!(run(7).2, run(8).2);
}

#[test]
fn what_callers_are_told_is_true_and_every_fault_happens() {
    let (arrived, told, items) = run(11);
    let of = |what: &str| {
        let pairs = told.iter().zip(&arrived).filter(move |(told, _)| **told == what);
        pairs.map(|(_, arrived)| *arrived).collect::<Vec<_>>()
    };
    assert!(of("there").iter().all(|arrived| *arrived > 0), "an acknowledged item is there");
    assert!(of("there").contains(&2), "one arrived twice");
    assert!(of("not there").iter().all(|arrived| *arrived == 0), "what was not handed over is not there");
    assert!(!of("not there").is_empty());
    assert!(of("unknown").contains(&0) && of("unknown").contains(&1), "it is unknown, and both happen");
    let numbers: Vec<_> = items.iter().map(|item| u32::from_le_bytes(item[..].try_into().unwrap())).collect();
    assert!(!numbers.is_sorted(), "some were overtaken");
}
