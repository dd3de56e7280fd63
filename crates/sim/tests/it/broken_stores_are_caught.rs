//! Canaries: stores that break a promise on purpose, by a disk that does not do what it was asked. Checks that
//! let one of them pass are worth nothing.

use std::io;
use std::sync::Arc;

use tidegate::disk::{Block, Disk, Errno, FaultyDisk, File, Identity, Lock, Mode};
use tidegate_sim::{Soak, Sweep, Wrap, soak, sweep};

/// Within so many seeds each canary must be caught.
const SEEDS: u64 = 20;

/// What the disk between store and simulation gets wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    /// A sync of a file answers without doing anything, so appends are acknowledged before they are durable.
    NoSync,
    /// A sync of a folder answers without doing anything.
    NoFolderSync,
    /// A sync that failed is told as one that did not.
    SwallowedError,
    /// A failed write leaves what it wrote, because cutting it off does nothing.
    NoCut,
}

#[derive(Debug)]
struct Between {
    disk: FaultyDisk,
    wrong: Wrong,
}

impl Disk for Between {
    fn open(&self, name: &str, mode: Mode) -> io::Result<Arc<dyn File>> {
        let file = self.disk.open(name, mode)?;
        Ok(Arc::new(Handle { file, wrong: self.wrong }))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.disk.list(folder)
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        self.disk.create_folder(folder)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        if self.wrong == Wrong::NoFolderSync { Ok(()) } else { self.disk.sync_folder(folder) }
    }

    fn lock(&self, name: &str) -> io::Result<Box<dyn Lock>> {
        self.disk.lock(name)
    }

    fn place(&self) -> String {
        self.disk.place()
    }
}

#[derive(Debug)]
struct Handle {
    file: Arc<dyn File>,
    wrong: Wrong,
}

impl File for Handle {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        match (self.wrong, self.file.length()) {
            (Wrong::NoSync, Ok(_)) => Ok(()),
            (Wrong::SwallowedError, _) => match self.file.sync() {
                Err(error) if Errno::from_io_error(&error).is_some() => Ok(()),
                other => other,
            },
            _ => self.file.sync(),
        }
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        if self.wrong == Wrong::NoCut { Ok(()) } else { self.file.set_len(length) }
    }

    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn identity(&self) -> io::Result<Identity> {
        self.file.identity()
    }

    fn map(&self, length: u64) -> io::Result<Block> {
        self.file.map(length)
    }
}

fn caught_by_sweep(wrap: Wrap) -> Option<u64> {
    (0..SEEDS).find(|seed| sweep(&Sweep { acts: 10, repair_every: 1000, wrap, ..Sweep::of(*seed) }).is_err())
}

fn caught_by_soak(wrap: Wrap) -> Option<u64> {
    (0..SEEDS * 10).find(|seed| soak(&Soak { seed: *seed, wrap, ..Soak::default() }).is_err())
}

#[test]
fn acknowledging_before_the_sync() {
    let wrap: Wrap = |disk| Arc::new(Between { disk, wrong: Wrong::NoSync });
    assert!(caught_by_sweep(wrap).is_some());
    assert!(caught_by_soak(wrap).is_some());
}

#[test]
fn leaving_out_the_sync_of_a_folder() {
    let wrap: Wrap = |disk| Arc::new(Between { disk, wrong: Wrong::NoFolderSync });
    assert!(caught_by_sweep(wrap).is_some());
    assert!(caught_by_soak(wrap).is_some());
}

#[test]
fn swallowing_the_error_of_a_sync() {
    let wrap: Wrap = |disk| Arc::new(Between { disk, wrong: Wrong::SwallowedError });
    assert!(caught_by_soak(wrap).is_some());
}

#[test]
fn leaving_the_rest_of_a_failed_write() {
    let wrap: Wrap = |disk| Arc::new(Between { disk, wrong: Wrong::NoCut });
    assert!(caught_by_soak(wrap).is_some());
}

#[test]
fn and_a_disk_that_does_its_work_is_not_caught() {
    let sweeps =
        (0..2).map(|seed| sweep(&Sweep { acts: 10, repair_every: 1000, ..Sweep::of(seed) }).map(|_| ()));
    let soaks = (0..20).map(|seed| soak(&Soak { seed, ..Soak::default() }).map(|_| ()));
    let failures: Vec<_> = sweeps.chain(soaks).filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{failures:?}");
}
