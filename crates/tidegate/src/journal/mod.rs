//! The way down: from a batch to its receipt.
mod counters;
mod room;
mod completion;
mod ticket;
mod tails;
mod time;
mod terms;
mod prepare;
mod satisfiable;
mod turns;
mod settle_queue;
mod committer;
mod queue;
mod settling;
pub(crate) mod threads;

pub(crate) use committer::Committer;
pub(crate) use completion::panicked;
pub use counters::Metrics;
pub(crate) use prepare::{Ids, PrepareContext, PreparedBatch, prepare, receipt_of};
pub(crate) use queue::{Journal, QueueOptions};
pub(crate) use tails::StreamTails;
pub(crate) use ticket::Leader;
pub use ticket::{Ticket, Tickets};
pub(crate) use time::LogTime;
pub(crate) use turns::{Turn, Turns, boundaries, judging};
