//! Reports: what opening found, what verifying went through, what is wrong with a store, and what was salvaged of it. And
//! [`Upkeep`], which keeps its files in order, [`backup`], which copies them, and, with the feature `encryption`, `keyring`, by
//! which payloads are encrypted and erased. With the feature `cluster` there is `cluster`, by which several machines have one history.
mod fault;
mod verdict;
mod inspect;
mod rewrite;
mod retire;
pub mod backup;

pub use fault::{Fault, LostRange, Remark};
pub use inspect::{DoctorReport, LeftCursor, LeftPlace, examine, examine_in, examine_with};
pub use retire::{BehindFloor, Retire, RetirePlan, Retirement};
pub use rewrite::{MovedRun, SalvageOptions, SalvageReport, salvage, salvage_in, salvage_with};
pub use tidegate_format::Offset;
pub use verdict::StoreVerdict;

pub use crate::backend::{OpenReport, Unconfirmed};
pub use crate::journal::Metrics;
pub use crate::published::Frontier;
pub use crate::read::{DESTROYED, ERASED, ErasedEvent, ErasedPositions, RETIRED, Stats, VerifyReport};
#[cfg(feature = "encryption")]
pub use crate::store::keyring;
#[cfg(feature = "cluster")]
pub use crate::store::node as cluster;
pub use crate::store::{Erase, ErasePlan, Erasure, ImportOptions, ImportReport, Stage, Upkeep};
