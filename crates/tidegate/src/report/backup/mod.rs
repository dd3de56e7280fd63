//! Backups, and stores made of other ones: restored from a backup, or forked.
//!
//! ```
//! use tidegate::report::backup::{self, RestoreOptions};
//! use tidegate::{Draft, Store};
//!
//! # let folder = tempfile::tempdir()?;
//! # let (shop, copy, restored) = (folder.path().join("shop"), folder.path().join("backup"), folder.path().join("restored"));
//! let store = Store::open(&shop)?;
//! store.append(Draft::new(("shop", "order-7"), "order.placed"))?;
//! // From this process or any other, while the store is written to.
//! let made = backup::back_up(&shop, &copy, |_| ())?;
//! assert_eq!(made.until.0, 1);
//!
//! // Proved without restoring it.
//! let examined = backup::examine(&copy, |_| ())?;
//! assert!(examined.faults.is_empty() && examined.root == store.proofs().root(1)?);
//!
//! let report = backup::restore(&copy, &restored, &RestoreOptions::new(), |_| ())?;
//! assert_ne!(report.store, store.id(), "a fork, with an id of its own");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A backup is a directory with the store's segments, its index files and its cursors, and a file `BACKUP` that names them with
//! their digests, the last position and the root of the Merkle tree up to there. A [`StoreReader`](crate::StoreReader) opens
//! it as the store that it is of; for writing it is refused. Another backup into the same directory adds what is new.
//!
//! Segments never change, so on one file system they are links and take no room. Such a backup is safe from a program that
//! goes wrong and not from a disk that does: a byte that rots is wrong in both. On another file system they are copies.
//!
//! What is made of a backup, or of a store, is a *fork* by default: a store with an id of its own that names the one it was made
//! of and the position up to which both are the same. Receipts of the parent agree up to there, and a key that signs for the
//! parent does not sign for it. Keeping the id ([`RestoreOptions::keep_id`]) is for a store that is lost.
//!
//! A [`Shipper`] does the same all the time, to a [`ShipTarget`]: a folder, or an object store that the caller brings.
//!
//! Saved states are not backed up; they are folded again. A payload that is erased in the store later stays in its backups.
//!
//! Invariants:
//!
//! K1. A backup file is written last, once all that it names is durable. A backup that is interrupted leaves the one before.
//! K2. A backup ends at the durable position of some moment after it was begun, or later.
//! K3. The newest segment of a backup, a restored store or a fork is never a link: what is written to it is its own.
//! K4. A store that is made here ends with a batch.
mod placing;
mod source;
mod create;
mod examining;
mod erasures;
mod restoring;
mod target;
mod shipping;

pub use create::{BackupPlan, BackupReport, back_up, back_up_in, plan_backup, plan_backup_in};
pub use examining::{BackupExamination, examine, examine_in};
pub use placing::CopyProgress;
pub use restoring::{
    CursorPlan, RestoreOptions, RestorePlan, RestoreReport, RestoreUntil, fork, fork_in, plan_restore,
    plan_restore_in, restore, restore_in,
};
pub use shipping::{Shipment, Shipper, fetch, fetch_in};
pub use target::{FolderTarget, ShipTarget};
