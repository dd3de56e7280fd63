//! The log backend and the directory below it: where frames go and come from, and what else is kept. Nothing above knows
//! of files.
mod process;
mod report;
mod log_backend;
mod watermark;
mod identity;
mod saved_state;
mod state_files;
mod evidence;
mod filter_groups;
mod indexer;
mod sealed;
mod tail;
mod file_backend;
mod open;
mod reader;

pub(crate) use evidence::{DurabilityEvidence, EvidenceFiles};
#[cfg(feature = "cluster")]
pub(crate) use identity::new_store;
pub(crate) use identity::{
    BACKUP, BackupDisk, CURSORS, ERASING, FLOOR, Floor, LOCK, NODE, PROJECTIONS, READERS, STORE, STORE_COPY,
    TREE, UNFINISHED, as_store, check_lock_file, erasing_or_all, floor_name, io, keep as keep_store,
    keep_erasing, lock, no_store, read as read_store, read_backup, read_erasing, reader_name,
    refuse_unfinished, seed,
};
#[cfg(any(feature = "encryption", feature = "proofs"))]
pub(crate) use identity::{check_held, lock_outside, outside, refuse_store};
pub(crate) use indexer::Indexer;
pub(crate) use log_backend::{LogBackend, PendingSync};
pub(crate) use open::{open, remove_retired};
pub(crate) use process::OwnerProcess;
pub(crate) use reader::Follower;
pub(crate) use report::clock_behind;
pub use report::{OpenReport, Unconfirmed};
pub(crate) use saved_state::{STATE_BYTES_MAX, SnapshotHeader, rejected};
pub(crate) use state_files::{
    BYTES_MAX, Flush, StateFile, StateFiles, list, list_others, read, replace, state_folders,
};
pub(crate) use watermark::{WATERMARK, WatermarkFile};
