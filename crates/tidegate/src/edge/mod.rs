//! The lower edge: where frames go and come from. Only these files know of files.
mod seam;
mod watermark;
mod identity;
mod local;
mod open;
mod follow;

pub(crate) use follow::Follower;
pub(crate) use open::{open, seed};
pub(crate) use seam::{Edge, Pending};
