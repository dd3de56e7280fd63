//! Environments of tests: simulated disks that crash and fail, clocks that are set, and randomness that repeats.
//!
//! The feature `testing` gives this module. A store opens in such an environment with
//! [`StoreOptions::open_in`](crate::StoreOptions::open_in), and goes on from what a crash leaves:
//!
//! ```
//! use tidegate::testing::{Env, FaultyDisk, Model, SeededRandom, SimulatedClock};
//! use tidegate::{Draft, Query, StoreOptions};
//!
//! let (disk, clock) = (FaultyDisk::new(1, Model::default()), SimulatedClock::new(1_700_000_000_000_000));
//! let env = |disk: &FaultyDisk| Env::simulated(disk, &clock, &SeededRandom::new(2));
//! let store = StoreOptions::new().thread(false).open_in(env(&disk))?;
//! store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
//! disk.lose_unsynced(); // the power goes
//! let store = StoreOptions::new().thread(false).open_in(env(&disk.reopen()))?;
//! assert_eq!(store.count(&Query::ALL)?, 1);
//! # Ok::<(), tidegate::Error>(())
//! ```
pub use tidegate_disk::{
    AtRest, Block, Call, Clock, Crashed, Directories, Disk, Env, Errno, FaultPlan, FaultyDisk, File,
    FileLock, Grain, Identity, MemoryDisk, Mode, Model, NativeDisk, Random, SeededRandom, SimulatedClock,
    SystemClock, SystemRandom,
};
