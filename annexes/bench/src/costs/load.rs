//! Whether other work ran beside the measurements.

use std::time::Instant;

use crate::row::processor_time;

/// Ticks of a second in `/proc/stat`, on every Linux that this runs on.
const TICKS: f64 = 100.0;

/// What the machine and this process had done when the measurements began.
#[derive(Debug)]
pub(crate) struct Load {
    start: Instant,
    busy: Option<f64>,
    own: f64,
}

impl Load {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), busy: busy(), own: processor_time() }
    }

    /// Returns the share of the machine's processors that went to others since, to other machines on it included; `None`
    /// if the system does not tell.
    pub(crate) fn beside(&self) -> Option<f64> {
        let others = busy()? - self.busy? - (processor_time() - self.own);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Some((others / (self.start.elapsed().as_secs_f64() * cores as f64)).max(0.0))
    }
}

/// Returns the seconds that all processors were at work, or were taken by other machines.
fn busy() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let numbers: Vec<f64> =
        stat.lines().next()?.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    // user, nice, system, idle, waiting for a disk, interrupts of two kinds, stolen.
    let [user, nice, system, _, _, hard, soft, stolen, ..] = numbers[..] else { return None };
    Some((user + nice + system + hard + soft + stolen) / TICKS)
}
