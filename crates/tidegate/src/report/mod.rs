//! Reports: what opening found, and what verifying went through.
mod open;
mod verify;

pub use crate::published::Frontier;
pub use crate::read::Stats;
pub use open::OpenReport;
pub use verify::Verified;
pub(crate) use verify::verify;
