//! Puts real processes with a real store through what a machine can do to them, and checks what is left.
//!
//! A *worker* is a process that does a standard run over a directory and tells each acknowledgement on its standard
//! output. A *trial* kills it, makes its system calls fail, fills its disk or cuts its power, and then compares the
//! store with what was report. Nothing here reaches into the store.
//!
//! Reading order: `dice` and `failure`, [`story`] (what is handed in), [`report`] (what was acknowledged), [`worker`] and
//! [`follower`] (what processes do), [`forked`] (what one does that forks), [`keeper`] (what one does that keeps a store up),
//! [`child`] (workers as processes), [`check`] (what must be true afterwards), [`trace`] and
//! [`mount`] (what is done to them), [`trial`].
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

mod dice;
mod failure;
pub mod story;
pub mod report;
pub mod worker;
pub mod many;
pub mod follower;
pub mod forked;
pub mod keeper;
pub mod child;
pub mod check;
pub mod trace;
pub mod mount;
pub mod trial;

pub use dice::Dice;
pub use failure::{Failure, Outcome, ensure};
