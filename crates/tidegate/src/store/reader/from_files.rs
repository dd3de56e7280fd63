//! Stores that are read from bytes: no directory, no lock, no clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tidegate_disk::{Clock, Disk, Env, MemoryDisk, Mode, SystemRandom};
use tidegate_format::Result;
use tidegate_segment::write_error;

use super::StoreReader;
use crate::settings::StoreOptions;

impl StoreReader {
    /// Opens a store whose files the caller has in memory, for reading: in a program without a file system, such as one in a
    /// browser that fetched them, or of an archive. Each file comes with its name inside the store's directory, a folder and
    /// a `/` in front if it lies in one. Segments, the store file and the watermark are enough; index files and what else is
    /// there make it quicker.
    ///
    /// The bytes are those of one moment, so nothing is ever appended, and every wait for later events ends at once.
    ///
    /// ```
    /// use tidegate::{Draft, Query, Store, StoreReader};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let directory = folder.path().join("shop");
    /// let store = Store::open(&directory)?;
    /// store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
    /// store.close()?;
    ///
    /// let mut files = Vec::new();
    /// for name in ["STORE", "WATERMARK"] {
    ///     files.push((name.to_owned(), std::fs::read(directory.join(name))?));
    /// }
    /// for entry in std::fs::read_dir(directory.join("segments"))? {
    ///     let entry = entry?;
    ///     let name = format!("segments/{}", entry.file_name().to_string_lossy());
    ///     files.push((name, std::fs::read(entry.path())?));
    /// }
    /// let reader = StoreReader::from_files(files)?;
    /// assert_eq!(reader.count(&Query::stream(("shop", "order-7")))?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open); [`Io`](crate::ErrorKind::Io) for a name that no file of a store can have, or that comes
    /// twice.
    pub fn from_files<N: AsRef<str>>(files: impl IntoIterator<Item = (N, Vec<u8>)>) -> Result<Self> {
        let disk = MemoryDisk::new();
        for (name, bytes) in files {
            let name = name.as_ref();
            put(&disk, name, &bytes)
                .map_err(|cause| write_error("the file cannot be part of a store", name, cause))?;
        }
        let env =
            Env { disk: Arc::new(disk), clock: Arc::<EndedClock>::default(), random: Arc::new(SystemRandom) };
        // A map of memory would be a copy of the whole file.
        StoreOptions::new().map(false).open_reader_in(env)
    }
}

fn put(disk: &MemoryDisk, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    if let Some((folder, _)) = name.rsplit_once('/') {
        disk.create_folder(folder)?;
    }
    disk.open(name, Mode::CreateNew)?.write_all_at(bytes, 0)
}

/// A clock by which every wait is over soon: each look at it is an hour later than the one before.
#[derive(Debug, Default)]
struct EndedClock(AtomicU64);

const HOUR: u64 = 3_600_000_000;

impl Clock for EndedClock {
    fn now_micros(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn steady_micros(&self) -> u64 {
        // Only that it grows matters.
        self.0.fetch_add(HOUR, Ordering::Relaxed)
    }
}
