//! What the store promises to those who use it, one module a promise.
#![allow(clippy::disallowed_methods, reason = "tests stand outside the store and hold real files and clocks")]
#![allow(clippy::unwrap_used, reason = "tests may stop at the first surprise")]

mod dcb;
mod deciding;
mod faults;
mod graph;
// It looks at paths and folders, which read otherwise on Windows.
#[cfg(unix)]
mod house;
#[cfg(shuttle)]
mod interleavings;
mod project;
mod queries;
mod reopened;
mod stored;
mod subscriptions;
mod typed;
