//! Turns: those whose decisions are in each other's way at one boundary decide one after the other.
//!
//! The commit judges every decision anyway, so a turn is a courtesy: it keeps contenders from judging in vain. It is
//! taken from the second attempt on, and nothing is wrong if one cannot be had.
//!
//! Invariants:
//!
//! B1. A thread that judges for one decision takes no turn for another one: a decision within a closure, or an append
//!     that asks gates, waits for no turn.
//! B2. A turn is waited for no longer than [`PATIENCE`], since its holder may itself be waiting for the one who waits.
//! B3. One who waits is passed by [`PASSES`] newcomers at most each time it is woken.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use tidegate_disk::Clock;
use tidegate_segment::HashKey;

use super::terms::TermFilter;
use crate::batch::Footprint;
use crate::published::Deadline;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Condvar, Mutex, thread_local};

/// Boundaries that are told apart; those that fall on one number share their turn.
const BOUNDARIES: usize = 64;

/// Boundaries of one footprint that turns are taken at.
const TAKEN_MAX: usize = 8;

/// How long a turn is waited for.
const PATIENCE: Duration = Duration::from_millis(100);

/// How many newcomers that are running may go before one that would have to be woken first.
const PASSES: u32 = 4;

thread_local! {
    /// Whether this thread runs a caller's closure or gate.
    static JUDGES: Cell<bool> = const { Cell::new(false) };
}

/// Runs what judges for a decision. Decisions within it take no turns (keeps B1).
pub(crate) fn judging<T>(judge: impl FnOnce() -> T) -> T {
    /// Puts back what was so before, after a panic too.
    struct Back(bool);
    impl Drop for Back {
        fn drop(&mut self) {
            JUDGES.with(|judges| judges.set(self.0));
        }
    }
    let _back = Back(JUDGES.with(|judges| judges.replace(true)));
    judge()
}

/// Whether a closure or a gate of the caller's runs on this thread.
fn is_within() -> bool {
    JUDGES.with(Cell::get)
}

/// The turns of a store.
#[derive(Debug)]
pub(crate) struct Turns {
    boundaries: Vec<Boundary>,
    /// At how many of them a caller insists.
    insisted: AtomicUsize,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct Boundary {
    state: Mutex<State>,
    freed: Condvar,
    /// Whether the one who has the turn lost again and again to others that had none.
    insists: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    taken: bool,
    waiting: u32,
    /// How many went before those who wait.
    passed: u32,
}

/// The boundaries of a footprint, by number, each once, in ascending order.
pub(crate) fn boundaries(footprint: &Footprint, seed: HashKey) -> Vec<usize> {
    let number = |hash: u128| hash as usize % BOUNDARIES;
    let queries = footprint.queries().iter().flat_map(|query| match TermFilter::of(query, seed) {
        Some(filter) => filter.terms().map(number).collect(),
        // A query that every event may match.
        None => vec![0],
    });
    let ids = footprint.absent_ids().iter().map(|id| number(seed.hash(&id.0)));
    let keys = footprint.absent_keys().iter().map(|key| number(seed.hash(key.as_bytes())));
    let mut all: Vec<_> = queries.chain(ids).chain(keys).take(TAKEN_MAX).collect();
    all.sort_unstable();
    all.dedup();
    all
}

impl Turns {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let boundaries = (0..BOUNDARIES).map(|_| Boundary::default()).collect();
        Self { boundaries, insisted: AtomicUsize::new(0), clock }
    }

    /// Whether a caller has to be let go first at one of these boundaries. It is a hint, so no order is asked of these
    /// numbers.
    pub(crate) fn are_insisted_on(&self, boundaries: &[usize]) -> bool {
        let is_insisted_on = |at: &usize| self.boundaries[*at].insists.load(Ordering::Relaxed);
        self.insisted.load(Ordering::Relaxed) > 0 && boundaries.iter().any(is_insisted_on)
    }

    /// Waits for the turn at these boundaries; `None` if it is not to be had. They are taken in ascending order, so
    /// that two who want several never wait for each other.
    pub(crate) fn take(self: &Arc<Self>, boundaries: &[usize]) -> Option<Arc<Turn>> {
        if is_within() || boundaries.is_empty() {
            return None;
        }
        let deadline = Deadline::after(&self.clock, PATIENCE);
        let mut turn = Turn { turns: Arc::clone(self), taken: Mutex::new(Vec::new()) };
        for at in boundaries {
            if !self.boundaries[*at].take(&deadline) {
                return None;
            }
            turn.taken.get_mut().push(*at);
        }
        Some(Arc::new(turn))
    }
}

impl Boundary {
    fn take(&self, deadline: &Deadline) -> bool {
        let mut state = self.state.lock();
        if !state.taken && (state.waiting == 0 || state.passed < PASSES) {
            state.passed += u32::from(state.waiting > 0);
            state.taken = true;
            return true;
        }
        // A turn that is free here belongs to one who waits and was woken for it: those behind it wait once (keeps B3).
        let mut is_behind = !state.taken;
        state.waiting += 1;
        let mut in_time = true;
        while (state.taken || std::mem::take(&mut is_behind)) && in_time {
            self.freed.wait_for(&mut state, deadline.left());
            in_time = !deadline.is_over();
        }
        let is_free = !state.taken;
        state.waiting -= 1;
        if is_free {
            (state.taken, state.passed) = (true, 0);
        }
        is_free
    }

    fn free(&self) {
        self.state.lock().taken = false;
        self.freed.notify_one();
    }
}

/// A turn that was taken. The writer lets it go once the batch is written, the last owner otherwise.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Arc<Turns>,
    taken: Mutex<Vec<usize>>,
}

impl Turn {
    /// Has those without a turn wait for this one.
    pub(crate) fn insist(&self) {
        for at in &*self.taken.lock() {
            if !self.turns.boundaries[*at].insists.swap(true, Ordering::Relaxed) {
                self.turns.insisted.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Lets it go, unless that was done before.
    pub(crate) fn free(&self) {
        let taken = std::mem::take(&mut *self.taken.lock());
        for at in taken {
            let boundary = &self.turns.boundaries[at];
            if boundary.insists.swap(false, Ordering::Relaxed) {
                self.turns.insisted.fetch_sub(1, Ordering::Relaxed);
            }
            boundary.free();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.free();
    }
}

#[cfg(test)]
#[cfg(not(shuttle))]
mod tests {
    use tidegate_disk::SimulatedClock;

    use super::*;

    /// keeps B3: a newcomer that found the turn free took it however many had gone before one that was woken for it.
    #[test]
    fn one_who_waits_is_passed_a_few_times_only() {
        let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new(0));
        let boundary = Boundary::default();
        let deadline = Deadline::after(&clock, PATIENCE);
        boundary.state.lock().waiting = 1;
        for _ in 0..PASSES {
            assert!(boundary.take(&deadline));
            boundary.free();
        }
        #[expect(clippy::disallowed_methods, reason = "a test of threads")]
        std::thread::scope(|scope| {
            let newcomer = scope.spawn(|| boundary.take(&deadline));
            while boundary.state.lock().waiting < 2 {
                assert!(!newcomer.is_finished(), "the newcomer goes first a fifth time");
                std::thread::yield_now();
            }
            // The one that was woken takes its turn, and lets it go.
            let mut state = boundary.state.lock();
            (state.taken, state.waiting, state.passed) = (true, state.waiting - 1, 0);
            drop(state);
            boundary.free();
            assert!(newcomer.join().expect("it did not panic"));
        });
    }
}
