//! Two handles on one directory, as of two processes, each of them stopped at any of its calls.

mod backups;
mod examiners;
mod openers;
mod readers;
mod salvagers;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread::{JoinHandle, spawn};

use parking_lot::Mutex;
use tidegate::testing::Disk;

use super::hooked::Hooked;

/// Runs one side over a disk that does something before its `at`th call. Nothing else is to run on that disk, so the
/// calls are the same ones every time.
fn stopped<D: Disk + 'static, T>(
    disk: D,
    at: usize,
    then: impl FnOnce() + Send + 'static,
    side: impl FnOnce(Arc<dyn Disk>) -> T,
) -> T {
    let then = Arc::new(Mutex::new(Some(then)));
    let (calls, waiting) = (AtomicUsize::new(0), Arc::clone(&then));
    let hooked = Hooked::new(disk, move |_| {
        if calls.fetch_add(1, Ordering::Relaxed) + 1 == at {
            let then = waiting.lock().take();
            if let Some(then) = then {
                then();
            }
        }
    });
    let answer = side(Arc::new(hooked));
    // What a side leaves open has calls at its end too, and they are not meant.
    then.lock().take();
    answer
}

/// What came of a meeting.
struct Met<A, B> {
    first: A,
    second: B,
    /// Whether the first side was stopped in the middle; otherwise it had come to its end.
    midway: bool,
}

/// Stops the second side at its call `at`, runs the first one up to its call `first_at`, then the second to its end,
/// then the first. `None` if the second side ends before that call.
fn meet<D, A, B>(
    disk: &D,
    (first_at, first): (usize, impl FnOnce(Arc<dyn Disk>) -> A + Send + 'static),
    (at, second): (usize, impl FnOnce(Arc<dyn Disk>) -> B),
) -> Option<Met<A, B>>
where
    D: Disk + Clone + 'static,
    A: Send + 'static,
{
    let (meeting, (begun, beginning)) = (disk.clone(), channel());
    let run_first = move || {
        let (stands, standing) = channel();
        let (go_on, goes_on) = channel::<()>();
        let ended = stands.clone();
        let stop = move || {
            stands.send(true).unwrap();
            goes_on.recv().unwrap();
        };
        let end: JoinHandle<A> = spawn(move || {
            let answer = stopped(meeting, first_at, stop, first);
            let _ = ended.send(false);
            answer
        });
        // A side that panics says nothing, and is joined.
        let midway = standing.recv().unwrap_or(false);
        begun.send((end, go_on, midway)).unwrap();
    };
    let second = stopped(disk.clone(), at, run_first, second);
    let (end, go_on, midway) = beginning.try_recv().ok()?;
    let _ = go_on.send(());
    Some(Met { first: end.join().unwrap(), second, midway })
}
