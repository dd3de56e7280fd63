//! Copies of a store and what is made of them: backups and their examination, restored stores, forks, and salvage.

mod until;
mod places;
mod backup;
mod examine;
mod ship;
mod restore;
mod fork;
mod salvage;

pub(super) use backup::BackupArgs;
pub(super) use examine::ExamineArgs;
pub(super) use fork::ForkArgs;
pub(super) use restore::RestoreArgs;
pub(super) use salvage::SalvageArgs;
pub(super) use ship::ShipArgs;
