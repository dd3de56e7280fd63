//! The way down: from a batch to its receipt.
mod room;
mod ticket;
mod heads;
mod time;
mod names;
mod prepare;
mod outlook;
mod turns;
mod unsettled;
mod committer;
mod queue;
mod settling;

pub(crate) use committer::Committer;
pub(crate) use prepare::{Bench, Ids, Prepared, prepare, receipt_of};
pub(crate) use queue::{Caller, Journal, Wish};
pub use ticket::Ticket;
pub(crate) use ticket::{Leads, panicked};
pub(crate) use time::LogTime;
pub(crate) use turns::{Turn, Turns, boundaries, judging};
