//! What the bytes of a store promise, shown from outside.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod bytes_stay_the_same;
mod damage_is_noticed;
mod drafts_keep_limits;
mod golden;
mod hostile_bytes_do_no_harm;
mod ids_are_stable;
mod impossible_is_not_written;
mod newer_is_told_from_damaged;
mod records_read_back;
mod sample;
mod specification_tells_the_truth;
