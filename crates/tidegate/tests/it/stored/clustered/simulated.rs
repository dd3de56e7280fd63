//! Two to five nodes, a shared log with every fault, crashes and power cuts, all from one seed.
//!
//! What holds: histories are prefixes of one; an acknowledged batch is there once, where its receipt says; one of which nothing was
//! handed over is not there; a name is taken once; numbers that decisions give have no gap; all nodes end with the same leaves,
//! and so does one that begins from nothing.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tidegate::report::cluster::{AppendError, LogDescription, MemoryLog, SharedLog, Slot};
use tidegate::{
    AppendOptions, Batch, Condition, Draft, ErrorKind, Query, Receipt, RecordedEvent, Result, Store,
    StoreOptions,
};
use tidegate_shared_log::{Faults, FaultyLog};

use super::{Machine, WAIT, agree, memory};

/// Histories that every run goes through; `TIDEGATE_CLUSTER_SEEDS=FIRST..END` asks for others.
const SEEDS: std::ops::Range<u64> = 0..60;
const STEPS: u64 = 60;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, count: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % count
    }
}

struct Node {
    machine: Machine,
    handle: Arc<FaultyLog>,
    store: Option<Store>,
}

/// What callers were told.
#[derive(Default)]
struct Answers {
    receipts: Vec<(u64, Receipt)>,
    /// Numbers of batches that are not in the log.
    absent: HashSet<u64>,
    unknown: u64,
}

struct Cluster {
    dice: Dice,
    log: MemoryLog,
    /// What the nodes see instead of the log.
    shown: Box<dyn Fn(MemoryLog) -> Arc<dyn SharedLog>>,
    nodes: Vec<Node>,
    /// Handles of nodes that crashed: what they sent may still arrive.
    gone: Vec<Arc<FaultyLog>>,
    told: Answers,
}

fn numbered(number: u64, kind: &'static str, entity: String) -> Draft {
    Draft::new(("sim", entity), kind).json_text(format!("{{\"number\":{number}}}"))
}

fn number(event: &RecordedEvent) -> u64 {
    let payload = String::from_utf8(event.payload().unwrap().to_vec()).unwrap();
    payload.trim_matches(|letter: char| !letter.is_ascii_digit()).parse().unwrap()
}

impl Cluster {
    fn new(seed: u64, shown: impl Fn(MemoryLog) -> Arc<dyn SharedLog> + 'static) -> Self {
        let (mut dice, log) = (Dice(seed), memory());
        let count = 2 + dice.roll(4);
        let mut cluster = Self {
            dice,
            log,
            shown: Box::new(shown),
            nodes: Vec::new(),
            gone: Vec::new(),
            told: Answers::default(),
        };
        for number in 0..count {
            let bytes = [600, 4096, 1 << 20][cluster.dice.roll(3) as usize];
            let options = StoreOptions::new().segment_bytes(bytes).streams_in_memory(number as usize);
            let handle = cluster.handle();
            let mut machine = Machine::new(seed * 10 + number, options);
            // Some give up at the first silence.
            machine.patience = WAIT * cluster.dice.roll(2) as u32;
            cluster.nodes.push(Node { machine, handle, store: None });
        }
        cluster
    }

    fn handle(&mut self) -> Arc<FaultyLog> {
        let rate = [0, 20, 100][self.dice.roll(3) as usize];
        let inner = (self.shown)(self.log.clone());
        Arc::new(FaultyLog::new(inner, Faults::each(rate), self.dice.roll(1 << 30)))
    }

    fn step(&mut self, number: u64) -> Result<()> {
        let at = self.dice.roll(self.nodes.len() as u64) as usize;
        if self.nodes[at].store.is_none() {
            let node = &mut self.nodes[at];
            match node.machine.open(node.handle.clone()) {
                Ok(store) => node.store = Some(store),
                Err(error) if error.kind() == ErrorKind::Unavailable => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        match self.dice.roll(12) {
            0..=7 => self.append(at, number),
            8 | 9 => match self.nodes[at].store.as_ref().expect("it is open").catch_up(WAIT) {
                Err(error) if error.kind() != ErrorKind::Unavailable => Err(error),
                _ => Ok(()),
            },
            10 => self.crash(at),
            _ => {
                let saved = |node: &Node| Some(node.store.as_ref()?.node()?.saved);
                // A node that is down counts as one that has saved nothing.
                let least = self.nodes.iter().map(|node| saved(node).unwrap_or(0)).min().unwrap_or(0);
                self.log.trim(Slot(least), WAIT)
            }
        }
    }

    fn append(&mut self, at: usize, number: u64) -> Result<()> {
        let store = self.nodes[at].store.as_ref().expect("it is open");
        let options =
            if self.dice.roll(2) == 0 { AppendOptions::new() } else { AppendOptions::new().buffered() };
        let entity = format!("entity-{}", self.dice.roll(4));
        let plain = numbered(number, "sim.plain", entity.clone());
        let outcome = match self.dice.roll(5) {
            0 => store.append_with(plain, options),
            1 => {
                let both = vec![plain, numbered(number, "sim.plain", entity)];
                store.append_with(Batch::from(both).key(format!("key-{number}")), options)
            }
            2 => {
                let name = format!("name-{}", self.dice.roll(6));
                let free = Condition::fail_if(Query::tag(name.clone()));
                let taken = numbered(number, "sim.named", entity).tag(name);
                store.append_with(Batch::from(taken).only_if(free), options)
            }
            _ => {
                let counted = Query::kind("sim.counted");
                let decided = store.decide_with(options, |view| -> Result<Draft> {
                    let count = view.count(&counted)?;
                    Ok(numbered(number, "sim.counted", "counter".to_owned()).tag(format!("count-{count}")))
                });
                decided.and_then(tidegate::decide::Outcome::into_result)
            }
        };
        match outcome {
            Ok(receipt) => self.told.receipts.push((number, receipt)),
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Unavailable) => {
                self.told.absent.insert(number);
            }
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => self.told.unknown += 1,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn crash(&mut self, at: usize) -> Result<()> {
        let handle = self.handle();
        let how = self.dice.roll(3);
        let node = &mut self.nodes[at];
        let store = node.store.take().expect("it is open");
        match how {
            0 => store.close()?,
            1 => {
                node.machine.disk.kill();
                drop(store);
                node.machine.disk = node.machine.disk.reopen();
            }
            _ => node.machine.lose_power(store),
        }
        self.gone.push(std::mem::replace(&mut node.handle, handle));
        Ok(())
    }

    /// Ends all faults, has all nodes catch up, and looks at what became of everything.
    fn settle(mut self, seed: u64) -> Result<(), String> {
        for handle in self.nodes.iter().map(|node| &node.handle).chain(&self.gone) {
            handle.set_faults(Faults::default());
            handle.deliver();
        }
        // One that begins from nothing, if the beginning is still there.
        let fresh = if self.log.first(WAIT).is_ok_and(|first| first == Slot(1)) {
            let mut late = Machine::new(seed * 10 + 9, StoreOptions::new());
            Some(late.open((self.shown)(self.log.clone())).map_err(|error| error.to_string())?)
        } else {
            None
        };
        for node in &mut self.nodes {
            if node.store.is_none() {
                node.store = Some(node.machine.open(node.handle.clone()).map_err(|error| error.to_string())?);
            }
        }
        let stores: Vec<_> = self.nodes.iter().filter_map(|node| node.store.as_ref()).chain(&fresh).collect();
        let agreed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| agree(&stores)));
        agreed.map_err(|_| "the nodes do not agree".to_owned())?;
        check(stores[0], &self.told)
    }
}

/// Compares what callers were told with the history.
fn check(store: &Store, told: &Answers) -> Result<(), String> {
    let events: Vec<_> = store.read(&Query::ALL).unwrap().map(|event| event.unwrap()).collect();
    let mut batches: HashMap<u64, u64> = HashMap::new();
    for event in events.iter().filter(|event| event.record().ends_batch()) {
        *batches.entry(number(event)).or_default() += 1;
    }
    if let Some((number, count)) = batches.iter().find(|(_, count)| **count > 1) {
        return Err(format!("batch {number} is there {count} times"));
    }
    for (number, receipt) in &told.receipts {
        for placed in &receipt.events {
            let found = events.get(placed.position.0 as usize - 1).map(RecordedEvent::leaf);
            if found != Some(placed.leaf) {
                return Err(format!(
                    "batch {number} was acknowledged at {} and is not there",
                    placed.position
                ));
            }
        }
    }
    if let Some(number) = told.absent.iter().find(|number| batches.contains_key(number)) {
        return Err(format!("batch {number} was refused and is there"));
    }
    let mut names = HashSet::new();
    let mut tags =
        events.iter().flat_map(|event| event.record().tags().map(str::to_owned).collect::<Vec<_>>());
    if let Some(tag) = tags.find(|tag| !names.insert(tag.clone())) {
        return Err(format!("{tag} is there twice"));
    }
    let counted = events.iter().filter(|event| event.kind() == "sim.counted").count();
    match (0..counted).find(|count| !names.contains(&format!("count-{count}"))) {
        Some(missing) => Err(format!("count {missing} of {counted} is missing")),
        None => Ok(()),
    }
}

/// Runs one history; returns how many batches were acknowledged, refused and left unknown.
fn run(seed: u64, shown: impl Fn(MemoryLog) -> Arc<dyn SharedLog> + 'static) -> Result<[u64; 3], String> {
    let mut cluster = Cluster::new(seed, shown);
    for number in 0..STEPS {
        cluster.step(number).map_err(|error| format!("step {number}: {error}"))?;
    }
    let told = &cluster.told;
    let counts = [told.receipts.len() as u64, told.absent.len() as u64, told.unknown];
    cluster.settle(seed).map(|()| counts)
}

fn as_it_is(log: MemoryLog) -> Arc<dyn SharedLog> {
    Arc::new(log)
}

#[test]
fn every_history_is_one() {
    let asked = std::env::var("TIDEGATE_CLUSTER_SEEDS").ok();
    let seeds = asked.map_or(SEEDS, |asked| {
        let (first, end) = asked.split_once("..").expect("write FIRST..END");
        first.parse().unwrap()..end.parse().unwrap()
    });
    let mut total = [0; 3];
    for seed in seeds {
        match run(seed, as_it_is) {
            Ok(counts) => total.iter_mut().zip(counts).for_each(|(total, count)| *total += count),
            Err(what) => panic!("TIDEGATE_CLUSTER_SEEDS={seed}..{}: {what}", seed + 1),
        }
    }
    println!("acknowledged {}, refused {}, unknown {}", total[0], total[1], total[2]);
    assert!(total.iter().all(|count| *count > 0), "every answer is given: {total:?}");
}

/// A log that breaks its promise to one of its readers.
#[derive(Debug)]
struct Lying {
    inner: MemoryLog,
    how: Lie,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    /// Every ninth slot is shown as empty to this reader.
    Hides,
    /// Every ninth item is acknowledged with a slot that is another's, and lost.
    Loses,
    /// Two neighbours are shown in the other order.
    Swaps,
}

impl SharedLog for Lying {
    fn describe(&self, wait: Duration) -> Result<LogDescription> {
        self.inner.describe(wait)
    }

    fn append(&self, item: &[u8], wait: Duration) -> Result<Slot, AppendError> {
        let end = self.inner.end(wait).unwrap();
        if self.how == Lie::Loses && end.0 % 9 == 8 {
            return self.inner.append(b"lost", wait);
        }
        self.inner.append(item, wait)
    }

    fn read(&self, from: Slot, wait: Duration) -> Result<Vec<(Slot, Vec<u8>)>> {
        let mut items = self.inner.read(from, wait)?;
        for (slot, item) in &mut items {
            if self.how == Lie::Hides && slot.0 % 9 == 8 {
                *item = Vec::new();
            }
        }
        if self.how == Lie::Swaps && items.len() > 3 {
            let [one, other] = [1, 2].map(|at| items[at].1.clone());
            (items[1].1, items[2].1) = (other, one);
        }
        Ok(items)
    }

    fn end(&self, wait: Duration) -> Result<Slot> {
        self.inner.end(wait)
    }

    fn first(&self, wait: Duration) -> Result<Slot> {
        self.inner.first(wait)
    }

    fn trim(&self, before: Slot, wait: Duration) -> Result<()> {
        self.inner.trim(before, wait)
    }
}

/// The simulation can fail. A log that loses what it acknowledged does no harm: nothing is told before it is read back.
#[test]
fn a_log_that_lies_is_found() {
    for how in [Lie::Hides, Lie::Swaps] {
        let every_other = std::cell::Cell::new(0);
        let lies = move |inner: MemoryLog| -> Arc<dyn SharedLog> {
            every_other.set(every_other.get() + 1);
            if every_other.get() % 2 == 0 { Arc::new(Lying { inner, how }) } else { Arc::new(inner) }
        };
        let found = (0..20).filter(|seed| run(*seed, lies.clone()).is_err()).count();
        assert!(found > 0, "{how:?} was not noticed");
    }
    for seed in 0..5 {
        let loses = |inner| -> Arc<dyn SharedLog> { Arc::new(Lying { inner, how: Lie::Loses }) };
        run(seed, loses).unwrap();
    }
}
