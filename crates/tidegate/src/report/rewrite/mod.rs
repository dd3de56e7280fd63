//! Writing a new store out of what is whole of another one.
mod rebuilt_log;
mod salvage;

pub use rebuilt_log::MovedRun;
pub use salvage::{SalvageReport, salvage, salvage_in};
