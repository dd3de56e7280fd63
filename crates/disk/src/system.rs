//! The system's clock and its randomness.
#![expect(clippy::disallowed_methods, reason = "this is where times come in")]

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Read;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::seam::{Clock, Random};

/// The clock of the operating system.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose steady time begins now.
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

/// The random bytes of the operating system.
///
/// They come from `getrandom` on Linux and from `/dev/urandom` elsewhere. Where neither answers (a sandbox,
/// no descriptors left) they are derived from the secret hash keys that the standard library was started with.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) {
        let done = fill_by_call(buffer);
        let rest = &mut buffer[done..];
        if !rest.is_empty() && !fill_by_device(rest) {
            fill_by_hash(rest);
        }
    }
}

/// Fills as much as the system call gives and returns how much that was.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn fill_by_call(buffer: &mut [u8]) -> usize {
    use rustix::io::Errno;
    use rustix::rand::{GetRandomFlags, getrandom};

    let mut done = 0;
    while done < buffer.len() {
        match getrandom(&mut buffer[done..], GetRandomFlags::empty()) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(Errno::INTR) => {}
            Err(_) => break,
        }
    }
    done
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn fill_by_call(_buffer: &mut [u8]) -> usize {
    0
}

fn fill_by_device(buffer: &mut [u8]) -> bool {
    fs::File::open("/dev/urandom").and_then(|mut device| device.read_exact(buffer)).is_ok()
}

fn fill_by_hash(buffer: &mut [u8]) {
    let keys = RandomState::new();
    for (count, chunk) in buffer.chunks_mut(8).enumerate() {
        let mut hasher = keys.build_hasher();
        hasher.write_usize(count);
        chunk.copy_from_slice(&hasher.finish().to_le_bytes()[..chunk.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differs(fill: impl Fn(&mut [u8])) -> bool {
        let (mut first, mut second) = ([0; 37], [0; 37]);
        fill(&mut first);
        fill(&mut second);
        first != second && first[32..] != [0; 5]
    }

    #[test]
    fn every_source_fills_the_whole_buffer_anew() {
        assert!(differs(|buffer| SystemRandom.fill(buffer)));
        assert!(differs(|buffer| assert!(fill_by_device(buffer))));
        assert!(differs(fill_by_hash));
    }

    #[test]
    fn the_clock_is_past_2025_and_steady() {
        let clock = SystemClock::new();
        assert!(clock.now_micros() > 1_735_689_600_000_000);
        let before = clock.steady_micros();
        assert!(clock.steady_micros() >= before);
    }
}
