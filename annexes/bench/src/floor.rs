//! The floor: a bare append log, the least that keeps the same events.
//!
//! A batch is one frame: length, CRC-32C, count and time, then for each event an id, its names and its
//! payload. The caller encodes outside any lock. Synced batches that wait together are written and synced together, by the
//! first of them (leader and followers, as in the store). It hashes nothing, indexes nothing, and checks
//! nothing that it is given.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex};

use crate::sample::{SCOPE, Sample, mix};

const HEADER_BYTES: usize = 20;

/// An open log.
#[derive(Debug)]
pub(crate) struct Floor {
    file: File,
    ids: AtomicU64,
    state: Mutex<State>,
    synced: Condvar,
}

#[derive(Debug, Default)]
struct State {
    tail: u64,
    /// Frames that wait for their group.
    waiting: Vec<u8>,
    /// Frames that were queued, and how many of them are durable.
    queued: u64,
    durable: u64,
    led: bool,
}

impl Floor {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = File::create_new(path)?;
        let state = Mutex::default();
        Ok(Self { file, ids: AtomicU64::new(0), state, synced: Condvar::new() })
    }

    /// Appends a batch and returns when it is written, or synced.
    pub(crate) fn append(&self, samples: &[Sample], synced: bool) -> io::Result<()> {
        let first = self.ids.fetch_add(samples.len() as u64, Ordering::Relaxed);
        let frame = encode(samples, first);
        if synced { self.append_synced(&frame) } else { self.append_buffered(&frame) }
    }

    fn append_buffered(&self, frame: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock();
        self.file.write_all_at(frame, state.tail)?;
        state.tail += frame.len() as u64;
        Ok(())
    }

    fn append_synced(&self, frame: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock();
        state.waiting.extend_from_slice(frame);
        state.queued += 1;
        let own = state.queued;
        while state.durable < own {
            if state.led {
                self.synced.wait(&mut state);
                continue;
            }
            state.led = true;
            let group = std::mem::take(&mut state.waiting);
            let (last, tail) = (state.queued, state.tail);
            drop(state);
            self.file.write_all_at(&group, tail)?;
            rustix::fs::fdatasync(&self.file)?;
            state = self.state.lock();
            state.tail = tail + group.len() as u64;
            state.durable = last;
            state.led = false;
            self.synced.notify_all();
        }
        Ok(())
    }
}

fn encode(samples: &[Sample], first: u64) -> Vec<u8> {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64;
    let events = samples.iter().map(|sample| sample.payload.len() + 80);
    let mut frame = Vec::with_capacity(HEADER_BYTES + events.sum::<usize>());
    frame.resize(HEADER_BYTES, 0);
    for (Sample { entity, kind, payload }, number) in samples.iter().zip(first..) {
        frame.extend_from_slice(&time.to_be_bytes());
        frame.extend_from_slice(&mix(number).to_le_bytes());
        frame.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        for name in [SCOPE, entity, kind] {
            frame.push(name.len() as u8);
            frame.extend_from_slice(name.as_bytes());
        }
        frame.extend_from_slice(payload);
    }
    let length = frame.len() as u32;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[8..12].copy_from_slice(&(samples.len() as u32).to_le_bytes());
    frame[12..HEADER_BYTES].copy_from_slice(&time.to_le_bytes());
    let crc = crc32c::crc32c(&frame[8..]);
    frame[4..8].copy_from_slice(&crc.to_le_bytes());
    frame
}
