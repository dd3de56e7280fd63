//! Many callers at once.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use crate::engine::Result;

/// How many callers there are if there are many.
pub(super) const MANY: u64 = 64;

/// Has callers do something again and again, each until it says that it is done or the time is over. What
/// they make ready for it is not timed. Returns how many times in all, and in which time.
pub(super) fn together<R: Send>(
    callers: u64,
    time: Duration,
    ready: impl Fn(u64) -> R + Sync,
    once: impl Fn(&mut R) -> Result<bool> + Sync,
) -> Result<(u64, Duration)> {
    let over = AtomicBool::new(false);
    let barrier = Barrier::new(callers as usize + 1);
    let caller = |number: u64| -> Result<u64> {
        let mut ready = ready(number);
        barrier.wait();
        let mut count = 0;
        while !over.load(Ordering::Relaxed) && once(&mut ready)? {
            count += 1;
        }
        Ok(count)
    };
    let caller = &caller;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers).map(|number| scope.spawn(move || caller(number))).collect();
        barrier.wait();
        let start = Instant::now();
        while start.elapsed() < time && !threads.iter().all(ScopedJoinHandle::is_finished) {
            std::thread::sleep(Duration::from_millis(2));
        }
        over.store(true, Ordering::Relaxed);
        let mut count = 0;
        for thread in threads {
            count += thread.join().map_err(|_| "a caller panicked")??;
        }
        Ok((count, start.elapsed()))
    })
}
