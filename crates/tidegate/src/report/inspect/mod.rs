//! Inspecting a store that may be damaged. Nothing here writes.
mod files;
mod frame_scan;
mod identity;
mod erasure_check;
mod log_scan;
#[cfg(feature = "proofs")]
mod tree_check;
mod index_check;
mod reader_check;
mod remainder_check;
mod doctor;

pub use doctor::{DoctorReport, examine, examine_in, examine_with};
pub use reader_check::{LeftCursor, LeftPlace};

pub(super) use doctor::inspect;
pub(super) use files::{folders, list};
pub(super) use log_scan::{FrameVisitor, LogScan, scan_log};
pub(super) use reader_check::left_cursors;
