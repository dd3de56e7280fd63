//! A disk that counts what is asked of it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidegate::testing::{
    Block, Disk, Env, File, FileLock, Identity, MemoryDisk, Mode, SystemClock, SystemRandom,
};

/// What was asked since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IoCounts {
    /// Calls of any kind, but for those that close.
    pub(super) calls: u64,
    /// Reads of segments.
    pub(super) reads: u64,
    /// Bytes read from segments. What is looked at through a map does not count.
    pub(super) bytes: u64,
}

/// A disk in memory that counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    disk: MemoryDisk,
    counts: Arc<[AtomicU64; 3]>,
}

impl Counted {
    pub(super) fn world(&self) -> Env {
        Env {
            disk: Arc::new(self.clone()),
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom),
        }
    }

    /// What was asked since the last look.
    pub(super) fn look(&self) -> IoCounts {
        let [calls, reads, bytes] = &*self.counts;
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        IoCounts { calls: take(calls), reads: take(reads), bytes: take(bytes) }
    }

    fn call(&self) -> &MemoryDisk {
        self.counts[0].fetch_add(1, Ordering::Relaxed);
        &self.disk
    }
}

impl Disk for Counted {
    fn open(&self, name: &str, mode: Mode) -> io::Result<Arc<dyn File>> {
        let file = self.call().open(name, mode)?;
        let (counts, is_segment) = (Arc::clone(&self.counts), name.starts_with("segments/"));
        Ok(Arc::new(CountedFile { file, counts, is_segment }))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.call().list(folder)
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        self.call().create_folder(folder)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.call().rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.call().remove(name)
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        self.call().sync_folder(folder)
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn FileLock>> {
        self.call().lock(name)
    }

    fn place(&self) -> String {
        self.disk.place()
    }
}

#[derive(Debug)]
struct CountedFile {
    file: Arc<dyn File>,
    counts: Arc<[AtomicU64; 3]>,
    is_segment: bool,
}

impl CountedFile {
    fn call(&self) -> &dyn File {
        self.counts[0].fetch_add(1, Ordering::Relaxed);
        &*self.file
    }
}

impl File for CountedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.call().read_at(buffer, offset)?;
        if self.is_segment {
            self.counts[1].fetch_add(1, Ordering::Relaxed);
            self.counts[2].fetch_add(count as u64, Ordering::Relaxed);
        }
        Ok(count)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.call().write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.call().sync()
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.call().set_len(length)
    }

    fn length(&self) -> io::Result<u64> {
        self.call().length()
    }

    fn identity(&self) -> io::Result<Identity> {
        self.call().identity()
    }

    fn map(&self, length: u64) -> io::Result<Block> {
        self.call().map(length)
    }
}
