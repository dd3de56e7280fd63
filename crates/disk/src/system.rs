//! The system's clock and its randomness.
#![expect(clippy::disallowed_methods, reason = "this is where times come in")]

use std::io;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::env::{Clock, Random};
use crate::os;

/// The clock of the operating system.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// Creates a clock whose steady time begins now.
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now_micros(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    fn steady_micros(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// The random bytes of the operating system. If it gives none, filling fails.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) -> io::Result<()> {
        os::fill_random(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_buffer_is_filled_anew() {
        let (mut first, mut second) = ([0; 37], [0; 37]);
        SystemRandom.fill(&mut first).unwrap();
        SystemRandom.fill(&mut second).unwrap();
        assert!(first != second && first[32..] != [0; 5]);
    }

    #[test]
    fn the_clock_is_past_2025_and_steady() {
        let clock = SystemClock::new();
        assert!(clock.now_micros() > 1_735_689_600_000_000);
        let before = clock.steady_micros();
        assert!(clock.steady_micros() >= before);
    }
}
