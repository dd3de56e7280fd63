//! Reports: what opening found, what verifying went through, what is wrong with a store, and what was salvaged of it.
mod fault;
mod verdict;
mod files;
mod scan;
mod identity;
mod survey;
mod derived;
mod readers;
mod doctor;
mod rebuilt;
mod salvage;

pub use doctor::{DoctorReport, examine};
pub use fault::{Fault, Lost, Remark};
pub use readers::{LeftCursor, LeftPlace};
pub use rebuilt::Run;
pub use salvage::{SalvageReport, salvage};
pub use verdict::Verdict;

pub use crate::backend::{OpenReport, Unconfirmed};
pub use crate::published::Frontier;
pub use crate::read::{Stats, VerifyReport};
