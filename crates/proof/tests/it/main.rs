//! Tests of the whole crate through its public names.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod sample;

mod censuses;
mod notes;
mod policies;
mod proofs;
mod signing;
mod texts;
mod trees;
mod witnesses;
