//! What disks, machines and processes do to a store, and what comes of it.
//!
//! Every test names the rows of the table of faults that it shows, as F1 to F37. Crashes at every call, power
//! cuts, torn sectors and repairs that crash again (F1 to F9, F15, F24, F31) are swept through by the simulator
//! in `annexes/sim`; processes, system calls and file systems are real in `annexes/crashtest`; short writes (F14) are
//! the native disk's own tests, and hostile bytes (F25, F26) those of the format. docs/reliability.md has the table.

mod hooked;
pub(crate) mod stage;

mod clocks_and_heads;
mod closing_rolls_a_long_segment;
mod damage_is_refused;
mod failed_sync_ends_the_writer;
mod files_come_and_go;
mod full_disk_is_an_error;
mod meetings;
pub(crate) mod mending;
mod panics_answer_everybody;
mod readers;
mod regressions_of_others;
mod stalled_disk_blocks_nobody_else;
mod tickets_are_answered;
mod waits_lose_nothing;

pub(crate) use hooked::{Gate, Hooked, Opened, stalled};
pub(crate) use stage::{LONG, Stage, fill};
