//! A clock that stands still until it is moved, and randomness that follows from a seed.

use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::dice::Dice;
use crate::env::{Clock, Random};

/// A clock moved by hand. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct SimulatedClock(Arc<Mutex<Times>>);

#[derive(Debug)]
struct Times {
    now_micros: u64,
    steady_micros: u64,
}

impl SimulatedClock {
    /// Creates a clock standing at a time of day; its steady time begins at 0.
    pub fn new(now_micros: u64) -> Self {
        Self(Arc::new(Mutex::new(Times { now_micros, steady_micros: 0 })))
    }

    /// Lets time pass: both times move.
    pub fn advance(&self, micros: u64) {
        let mut times = self.0.lock();
        times.now_micros = times.now_micros.saturating_add(micros);
        times.steady_micros = times.steady_micros.saturating_add(micros);
    }

    /// Sets the time of day, forwards or backwards; the steady time stays.
    pub fn set(&self, now_micros: u64) {
        self.0.lock().now_micros = now_micros;
    }

    /// Moves the time of day backwards, at most to 0; the steady time stays.
    pub fn jump_back(&self, micros: u64) {
        let mut times = self.0.lock();
        times.now_micros = times.now_micros.saturating_sub(micros);
    }
}

impl Clock for SimulatedClock {
    fn now_micros(&self) -> u64 {
        self.0.lock().now_micros
    }

    fn steady_micros(&self) -> u64 {
        self.0.lock().steady_micros
    }
}

/// Bytes that follow from a seed. Clones draw from the same source.
#[derive(Clone, Debug)]
pub struct SeededRandom(Arc<Mutex<Dice>>);

impl SeededRandom {
    /// Creates the source of one seed.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Dice::new(seed))))
    }
}

impl Random for SeededRandom {
    fn fill(&self, buffer: &mut [u8]) -> io::Result<()> {
        let mut dice = self.0.lock();
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&dice.roll().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steady_time_never_runs_backwards() {
        let clock = SimulatedClock::new(1000);
        clock.advance(10);
        clock.jump_back(500);
        assert_eq!((clock.now_micros(), clock.steady_micros()), (510, 10));
        clock.set(7);
        clock.jump_back(8);
        clock.clone().advance(1);
        assert_eq!((clock.now_micros(), clock.steady_micros()), (1, 11));
    }

    #[test]
    fn a_seed_says_everything() {
        let draw = |seed| {
            let random = SeededRandom::new(seed);
            let mut bytes = [0; 21];
            random.fill(&mut bytes[..3]).unwrap();
            random.clone().fill(&mut bytes[3..]).unwrap();
            bytes
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_ne!(draw(1)[..3], draw(1)[3..6]);
    }
}
