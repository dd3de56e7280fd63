//! What the store promises to those who use it, one module a promise.
#![allow(clippy::disallowed_methods, reason = "tests stand outside the store and hold real files and clocks")]
#![allow(clippy::unwrap_used, reason = "tests may stop at the first surprise")]

mod crashes_while_indexing_change_no_answer;
mod dcb;
mod deciding;
mod failed_sync_is_final;
mod faults;
mod house;
mod index_files_are_never_believed_blindly;
mod linearizable;
mod queries_agree_with_a_scan;
mod scan;
