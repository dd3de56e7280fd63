//! Writing a new store out of what is whole of another one.
mod fork_point;
mod new_store;
mod rebuilt_log;
mod salvage;

#[cfg(not(feature = "proofs"))]
pub(crate) use fork_point::LogRoot;
pub(crate) use fork_point::Parent;
pub(crate) use new_store::{NewStore, new_store_file, refuse_filled};
pub use rebuilt_log::MovedRun;
pub use salvage::{SalvageOptions, SalvageReport, salvage, salvage_in, salvage_with};
