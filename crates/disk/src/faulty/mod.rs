//! A simulated disk that can lose power, fail, fill up and rot, all following from a seed.
//!
//! It keeps what a real disk and its page cache would keep apart: what a reader sees, and what a power cut
//! leaves. Four properties make a simulation worth running:
//!
//! S1: what was synced survives every power cut, in full and unchanged.
//! S2: of what was not synced, any part may survive: each grain on its own, in any state it went through.
//! S3: a process that dies takes nothing with it but its handles; unsynced writes stay visible and unsynced.
//! S4: after a failed sync the written bytes stay readable, are not durable, and the next sync says nothing.
//!
//! Three kinds of trouble are kept apart: a [`Model`] says what kind of disk it is, a [`FaultPlan`] what goes
//! wrong in the life of one process, and [`AtRest`] damages what lies on the disk.
//!
//! ```
//! use tidegate_disk::{Disk, FaultyDisk, Mode, Model};
//!
//! # fn main() -> std::io::Result<()> {
//! let disk = FaultyDisk::new(1, Model::default());
//! let file = disk.open("log", Mode::CreateNew)?;
//! file.write_all_at(b"synced", 0)?;
//! file.sync()?;
//! disk.sync_folder("")?;
//! file.write_all_at(b", and not", 6)?;
//!
//! disk.lose_unsynced();
//! assert!(file.length().is_err(), "the process that held this file is gone");
//! let disk = disk.reopen();
//! assert_eq!(disk.at_rest().read("log")?, b"synced");
//! # Ok(())
//! # }
//! ```
mod model;
mod plan;

mod inode;
mod names;

mod contents;
mod state;

mod at_rest;
mod disk;

pub use at_rest::AtRest;
pub use disk::FaultyDisk;
pub use model::{Directories, Grain, Model};
pub use plan::{Call, Crashed, FaultPlan};
