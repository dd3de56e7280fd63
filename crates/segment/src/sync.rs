//! What the columns share between threads: atomics, cells that are set once, pointers that are replaced, the writer's
//! lock.
//!
//! Under `--cfg loom` they are those of a model checker, which runs small parts through all interleavings and lets a
//! load return every value that its ordering allows (`just interleavings`). Neither can be forced from outside, so
//! this is the one file of the crate that knows of a test.

#[cfg(not(loom))]
pub(crate) use std::sync::{OnceLock, atomic};

#[cfg(not(loom))]
pub(crate) use arc_swap::ArcSwap;
#[cfg(not(loom))]
pub(crate) use parking_lot::Mutex;

#[cfg(loom)]
pub(crate) use loom::sync::atomic;
#[cfg(loom)]
pub(crate) use modelled::{ArcSwap, Mutex, OnceLock};

/// What the model checker does not have, made of its atomics. The locks of the standard library inside are never
/// contended there, as one thread runs at a time and none stops while it holds one: they order nothing.
#[cfg(loom)]
mod modelled {
    use std::sync::{Arc, PoisonError};

    use loom::sync::MutexGuard;
    use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    /// A cell that is set once, by one thread. It gives what the real one does: who sees it set sees what was set.
    #[derive(Debug)]
    pub(crate) struct OnceLock<T> {
        value: std::sync::OnceLock<T>,
        is_set: AtomicBool,
    }

    impl<T> OnceLock<T> {
        pub(crate) fn new() -> Self {
            Self { value: std::sync::OnceLock::new(), is_set: AtomicBool::new(false) }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            if self.is_set.load(Ordering::Acquire) { self.value.get() } else { None }
        }

        pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
            let value = self.value.get_or_init(make);
            self.is_set.store(true, Ordering::Release);
            value
        }
    }

    /// A pointer that is replaced. A reader may get any of the values that its acquiring load allows.
    #[derive(Debug)]
    pub(crate) struct ArcSwap<T> {
        values: std::sync::Mutex<Vec<Arc<T>>>,
        newest: AtomicUsize,
    }

    impl<T> ArcSwap<T> {
        pub(crate) fn new(value: Arc<T>) -> Self {
            Self { values: std::sync::Mutex::new(vec![value]), newest: AtomicUsize::new(0) }
        }

        pub(crate) fn load(&self) -> Arc<T> {
            let at = self.newest.load(Ordering::Acquire);
            Arc::clone(&self.values.lock().unwrap_or_else(PoisonError::into_inner)[at])
        }

        pub(crate) fn store(&self, value: Arc<T>) {
            let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
            values.push(value);
            let at = values.len() - 1;
            drop(values);
            self.newest.swap(at, Ordering::AcqRel);
        }
    }

    /// A lock with the interface of the real one. Nothing is ever poisoned in it: a panic ends the whole run.
    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().expect("a panic ends the whole run")
        }
    }
}

/// Runs a test in every interleaving in which a thread is put aside at most this many times before it would wait, with
/// every value that each load may return. The thread that calls this must be the one that writes, and its readers the
/// ones that it starts: the checker runs it first, and then gives each load of a reader every value that was written.
/// The other way round it misses races, as a writer that loads its own count hides that a reader loaded it before.
#[cfg(all(test, loom))]
pub(crate) fn explore(preemptions: usize, run: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    // A branch is a step at which something else could happen; the default of 1,000 is for smaller parts.
    model.max_branches = 10_000;
    model.check(run);
}
