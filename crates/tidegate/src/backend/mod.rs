//! The lower edge: where frames go and come from, and what else is kept. Only these files know of files.
mod process;
mod report;
mod seam;
mod watermark;
mod identity;
mod keeping;
mod evidence;
mod rosters;
mod indexer;
mod sealed;
mod tail;
mod local;
mod open;
mod reader;
mod source;

pub(crate) use evidence::{Evidence, Witnesses};
pub(crate) use identity::{
    CURSORS, LOCK, PROJECTIONS, STORE, UNFINISHED, io, keep as keep_store, lock, no_store,
    read as read_store, refuse_unfinished, seed,
};
pub(crate) use indexer::Indexer;
pub(crate) use keeping::{BYTES_MAX, Keeping, Kept, Progress, list, read, replace};
pub(crate) use open::open;
pub(crate) use process::OwnerProcess;
pub(crate) use reader::Follower;
pub(crate) use report::clock_behind;
pub use report::{OpenReport, Unconfirmed};
pub(crate) use seam::{Backend, Pending};
pub(crate) use source::Source;
pub(crate) use watermark::{WATERMARK, WatermarkFile};
