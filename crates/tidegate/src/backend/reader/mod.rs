//! Reading only: a log that no lock is taken of, and that another process may be writing.
mod find;
mod follow;

pub(crate) use follow::Follower;
