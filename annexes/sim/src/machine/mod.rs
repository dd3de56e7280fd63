//! The world one store lives in: its disk, clock and randomness, and how the store is opened on them.

mod sync_hook;
mod trace;
mod synced;

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate::{Durability, Result, Store, StoreOptions, StoreReader};
use tidegate_disk::{Disk, Env, FaultyDisk, Model as DiskModel, SeededRandom, SimulatedClock};

pub(crate) use sync_hook::SyncHook;
pub(crate) use synced::last_position;
pub(crate) use trace::Trace;

/// Puts another disk between the store and the simulated one; how a canary is let in.
pub type Wrap = fn(FaultyDisk) -> Arc<dyn Disk>;

/// The store gets the simulated disk as it is.
pub fn plain(disk: FaultyDisk) -> Arc<dyn Disk> {
    Arc::new(disk)
}

/// A simulated machine with one store on it.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The disk, in the hands of the process that lives now.
    pub disk: FaultyDisk,
    pub(crate) clock: SimulatedClock,
    pub(crate) random: SeededRandom,
    pub(crate) options: StoreOptions,
    /// All that was called and answered so far.
    pub(crate) trace: Trace,
    /// What happens in the middle of the next sync.
    pub(crate) meanwhile: SyncHook,
    /// The disks that the store is backed up and shipped to, of other machines.
    pub(crate) backup: FaultyDisk,
    pub(crate) target: FaultyDisk,
    wrap: Wrap,
    seed: u64,
}

impl Machine {
    /// An empty machine.
    pub fn new(seed: u64, model: DiskModel, segment_bytes: u64, wrap: Wrap) -> Self {
        let space_ahead = [0, 300, 1000, 4000][(seed / 2 % 4) as usize];
        let options = StoreOptions::new()
            .segment_bytes(segment_bytes)
            .space_ahead(space_ahead)
            .streams_in_memory([1 << 16, 1, 0, 3][(seed / 3 % 4) as usize])
            .thread(false)
            .map(seed.is_multiple_of(2))
            .durability(Durability::Synced);
        Self {
            disk: FaultyDisk::new(seed, model),
            clock: SimulatedClock::new(1_795_000_000_000_000),
            random: SeededRandom::new(seed),
            options,
            trace: Trace::default(),
            meanwhile: SyncHook::default(),
            backup: FaultyDisk::new(seed ^ 0xbac, model),
            target: FaultyDisk::new(seed ^ 0x7a6, model),
            wrap,
            seed,
        }
    }

    /// The same machine once more, its process killed; what happens to one is nothing to the other.
    #[must_use]
    pub fn fork(&self) -> Self {
        use tidegate_disk::Clock;
        Self {
            disk: self.disk.fork(),
            clock: SimulatedClock::new(self.clock.now_micros()),
            random: SeededRandom::new(self.seed ^ 0x5eed),
            meanwhile: SyncHook::default(),
            backup: self.backup.fork(),
            target: self.target.fork(),
            ..self.clone()
        }
    }

    /// The next process on the same machine.
    pub fn restart(&mut self) {
        self.disk = self.disk.reopen();
    }

    /// The segments that are there, by first position, each with its name.
    pub(crate) fn segments(&self) -> BTreeMap<u64, String> {
        let names = self.disk.at_rest().names_in("segments");
        synced::newest(names).into_iter().map(|(first, name)| (first.0, name)).collect()
    }

    /// Opens the store for writing.
    pub fn open(&self) -> Result<Store> {
        self.open_with(self.options)
    }

    /// Opens the store for reading only.
    pub fn open_reader(&self) -> Result<StoreReader> {
        self.options.open_reader_in(self.env())
    }

    /// Opens the store for writing with these options.
    pub(crate) fn open_with(&self, options: StoreOptions) -> Result<Store> {
        options.open_in(self.env())
    }

    /// Returns another disk with its clock and randomness.
    pub(crate) fn env_of(&self, disk: &FaultyDisk) -> Env {
        Env::simulated(disk, &self.clock, &self.random)
    }

    /// Returns its disk, as the trace sees it, with its clock and randomness.
    pub(crate) fn env(&self) -> Env {
        let mut env = Env::simulated(&self.disk, &self.clock, &self.random);
        env.disk = self.trace.watch((self.wrap)(self.disk.clone()), &self.meanwhile);
        env
    }
}
