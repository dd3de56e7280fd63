//! Files, clock and randomness of a Tidegate store behind one seam.
//!
//! This crate knows no events, records or segments: it opens, reads, writes, syncs, renames and locks
//! files, and says what time it is. Everything above reaches the outside through the three traits of
//! [`Env`], so one store runs unchanged on a real directory, in memory, and on a simulated disk.
//!
//! ```
//! use tidegate_disk::{Mode, Env};
//!
//! # fn main() -> std::io::Result<()> {
//! let world = Env::memory();
//! world.disk.create_folder("segments")?;
//! let file = world.disk.open("segments/first", Mode::CreateNew)?;
//! file.write_all_at(b"bytes", 0)?;
//! file.sync()?;
//! world.disk.sync_folder("segments")?;
//! drop(file);
//! let file = world.disk.open("segments/first", Mode::Read)?;
//! assert_eq!(&*file.map(5)?, b"bytes");
//! # Ok(())
//! # }
//! ```
//!
//! Reading order:
//!
//! * `name`: which names the disks accept
//! * `plain`: something else in the place of a file
//! * `os`: the calls that differ from system to system
//! * `room`: what has run out, what the process has open, and how much of that it may have
//! * `uses`: which files are mapped, and which are written to
//! * `block`: bytes that stay put, mapped or on the heap
//! * `env`: the traits and what each call promises
//! * `replace`: files that are there as a whole or not at all
//! * `map`: mapping a file; the only unsafe code of the workspace
//! * `system`: the system's clock and randomness
//! * `native`: a directory of the operating system
//! * `memory`: a directory in memory
//! * `dice`: repeatable choices
//! * `simulated`: a clock moved by hand and seeded randomness
//! * `faulty`: a simulated disk that loses power, fails, fills up and rots
mod name;
mod plain;
mod os;

pub mod room;
mod uses;

mod block;
mod env;

pub mod replace;

mod map;
mod system;

mod native;

mod memory;

mod dice;
mod simulated;

mod faulty;

pub use block::Block;
pub use env::{Clock, Disk, Env, File, FileLock, Identity, Mode, Random};
pub use faulty::{AtRest, Call, Crashed, Directories, FaultPlan, FaultyDisk, Grain, Model};
pub use memory::MemoryDisk;
pub use native::NativeDisk;
pub use os::{Errno, Permissions, process_id};
pub use plain::NotPlain;
pub use simulated::{SeededRandom, SimulatedClock};
pub use system::{SystemClock, SystemRandom};
