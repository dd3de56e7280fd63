//! What the disks promise, shown from outside.
#![allow(clippy::disallowed_methods, reason = "these tests look at the native disk from behind its back")]

mod every_disk_agrees;
mod native_keeps_to_itself;
