//! The read model is the fold of the log, wherever its process is killed.
#![allow(
    clippy::disallowed_methods,
    reason = "tests stand outside the store, with processes and folders of their own"
)]
#![allow(clippy::unwrap_used, reason = "tests may stop at the first surprise")]

mod fold;
mod killed_anywhere;
mod rules_hold;
