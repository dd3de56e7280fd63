//! The lower edge: where frames go and come from. Only these files know of files.
mod seam;
mod watermark;
mod identity;
mod rosters;
mod indexer;
mod sealed;
mod local;
mod open;
mod follow;

pub(crate) use follow::Follower;
pub(crate) use identity::seed;
pub(crate) use indexer::Indexer;
pub(crate) use open::open;
pub(crate) use seam::{Edge, Pending};
