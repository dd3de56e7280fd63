//! The way down: from a batch to its receipt.
mod room;
mod ticket;
mod heads;
mod time;
mod names;
mod prepare;
mod outlook;
mod committer;
mod queue;

pub(crate) use committer::Committer;
pub(crate) use prepare::{Bench, Ids, Prepared, prepare, receipt_of};
pub(crate) use queue::{Caller, Journal};
pub use ticket::Ticket;
pub(crate) use ticket::{Leads, panicked};
pub(crate) use time::LogTime;
