//! Any shared log, with the faults of networks and servers: answers and requests that are lost, requests that arrive late
//! or twice, and silence. The same seed and the same calls give the same faults.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tidegate_format::{Error, ErrorKind, Result};

use crate::log::{AppendError, LogDescription, SharedLog, Slot};

/// How many of a thousand calls meet each fault. The default has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Faults {
    /// Appends that are taken, and whose answer is lost.
    pub lost_answers: u32,
    /// Appends that never arrive, of which the caller does not learn.
    pub lost_requests: u32,
    /// Appends whose answer is lost, and that arrive before a later append or behind it: they overtake and are overtaken.
    pub late_requests: u32,
    /// Appends that arrive twice, once now and once later.
    pub duplicates: u32,
    /// Calls of any kind that find the log out of reach.
    pub silence: u32,
    /// Reads that return fewer items than there are, or none.
    pub short_reads: u32,
}

impl Faults {
    /// Returns this many of a thousand of each fault.
    pub fn each(rate: u32) -> Self {
        Self {
            lost_answers: rate,
            lost_requests: rate,
            late_requests: rate,
            duplicates: rate,
            silence: rate,
            short_reads: rate,
        }
    }
}

/// A handle to a shared log whose calls meet faults. Each node of a simulated cluster has one of its own.
#[derive(Debug)]
pub struct FaultyLog {
    inner: Arc<dyn SharedLog>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    dice: u64,
    faults: Faults,
    /// What is still on its way.
    late: VecDeque<Vec<u8>>,
}

impl State {
    /// Returns a number below `count` (`SplitMix64`).
    fn roll(&mut self, count: u32) -> u32 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % u64::from(count.max(1))) as u32
    }

    fn meets(&mut self, rate: u32) -> bool {
        self.roll(1000) < rate
    }
}

impl FaultyLog {
    /// Puts faults before a log.
    pub fn new(inner: Arc<dyn SharedLog>, faults: Faults, seed: u64) -> Self {
        Self { inner, state: Mutex::new(State { dice: seed, faults, late: VecDeque::new() }) }
    }

    /// Sets other faults from here on.
    pub fn set_faults(&self, faults: Faults) {
        self.state.lock().faults = faults;
    }

    /// Lets everything arrive that is still on its way, in an order of chance.
    pub fn deliver(&self) {
        let mut state = self.state.lock();
        while !state.late.is_empty() {
            self.deliver_one(&mut state);
        }
    }

    fn deliver_one(&self, state: &mut State) {
        let count = state.late.len() as u32;
        let at = state.roll(count) as usize;
        if let Some(item) = state.late.remove(at) {
            // No caller waits for the answer to what arrives late.
            let _ = self.inner.append(&item, Duration::ZERO);
        }
    }

    /// Refuses a call that finds the log out of reach. What is on its way may arrive meanwhile.
    fn reach(&self) -> Result<()> {
        let mut state = self.state.lock();
        if !state.late.is_empty() && state.roll(4) == 0 {
            self.deliver_one(&mut state);
        }
        let rate = state.faults.silence;
        if state.meets(rate) { Err(silent()) } else { Ok(()) }
    }
}

fn silent() -> Error {
    Error::new(ErrorKind::Unavailable, "the shared log does not answer")
}

impl SharedLog for FaultyLog {
    fn describe(&self, wait: Duration) -> Result<LogDescription> {
        self.inner.describe(wait)
    }

    fn append(&self, item: &[u8], wait: Duration) -> Result<Slot, AppendError> {
        self.reach().map_err(AppendError::Unavailable)?;
        let unknown = || Err(AppendError::Unknown(silent()));
        let mut state = self.state.lock();
        let faults = state.faults;
        if state.meets(faults.lost_requests) {
            return unknown();
        }
        if state.meets(faults.late_requests) {
            state.late.push_back(item.to_vec());
            return unknown();
        }
        if state.meets(faults.duplicates) {
            state.late.push_back(item.to_vec());
        }
        let slot = self.inner.append(item, wait)?;
        if state.meets(faults.lost_answers) { unknown() } else { Ok(slot) }
    }

    fn read(&self, from: Slot, wait: Duration) -> Result<Vec<(Slot, Vec<u8>)>> {
        self.reach()?;
        let mut items = self.inner.read(from, wait)?;
        let mut state = self.state.lock();
        let rate = state.faults.short_reads;
        if state.meets(rate) {
            let count = state.roll(items.len() as u32 + 1);
            items.truncate(count as usize);
        }
        Ok(items)
    }

    fn end(&self, wait: Duration) -> Result<Slot> {
        self.reach()?;
        self.inner.end(wait)
    }

    fn first(&self, wait: Duration) -> Result<Slot> {
        self.reach()?;
        self.inner.first(wait)
    }

    fn trim(&self, before: Slot, wait: Duration) -> Result<()> {
        self.reach()?;
        self.inner.trim(before, wait)
    }
}
