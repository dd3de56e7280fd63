//! The way down: from a batch to its receipt.
mod counters;
mod room;
mod completion;
mod ticket;
mod tails;
mod time;
mod terms;
mod prepare;
mod turns;
mod settle_queue;
mod committer;
mod queue;
mod settling;
pub(crate) mod threads;

pub(crate) use committer::Committer;
#[cfg(feature = "cluster")]
pub(crate) use committer::{DecidedAt, QueuedBatch, Sequencer};
pub(crate) use completion::panicked;
pub use counters::Metrics;
pub(crate) use prepare::{Ids, PrepareContext, PreparedBatch, prepare, receipt_of};
#[cfg(feature = "cluster")]
pub(crate) use prepare::{NoMatch, Precondition, PreparedRecord, Stream};
pub(crate) use queue::{Journal, QueueOptions};
#[cfg(feature = "cluster")]
pub(crate) use settle_queue::{GroupResult, PendingAnswer};
pub(crate) use tails::StreamTails;
#[cfg(feature = "cluster")]
pub(crate) use terms::TermFilter;
pub(crate) use ticket::Leader;
pub use ticket::{Ticket, Tickets};
pub(crate) use time::LogTime;
pub(crate) use turns::{Turn, Turns, boundaries, judging};
