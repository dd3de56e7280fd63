//! The system's clock and its randomness.
#![expect(clippy::disallowed_methods, reason = "this is where times come in")]

use std::fs;
use std::io::{self, Read};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::env::{Clock, Random};

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

/// The random bytes of the operating system: from `getrandom` on Linux, from `/dev/urandom` elsewhere and if a
/// sandbox forbids the call. If neither answers, filling fails.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) -> io::Result<()> {
        let done = fill_by_call(buffer);
        match &mut buffer[done..] {
            [] => Ok(()),
            rest => fill_by_device(DEVICE, rest),
        }
    }
}

/// The device that gives random bytes.
const DEVICE: &str = "/dev/urandom";

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

/// Fills the buffer from a device, or fails.
fn fill_by_device(device: &str, buffer: &mut [u8]) -> io::Result<()> {
    fs::File::open(device)
        .and_then(|mut device| device.read_exact(buffer))
        .map_err(|cause| io::Error::new(cause.kind(), format!("no random bytes from {device}: {cause}")))
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
        assert!(differs(|buffer| SystemRandom.fill(buffer).unwrap()));
        assert!(differs(|buffer| fill_by_device(DEVICE, buffer).unwrap()));
    }

    #[test]
    fn the_clock_is_past_2025_and_steady() {
        let clock = SystemClock::new();
        assert!(clock.now_micros() > 1_735_689_600_000_000);
        let before = clock.steady_micros();
        assert!(clock.steady_micros() >= before);
    }
}
