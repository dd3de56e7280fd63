//! Queries and the indexes that answer them.

mod scan;

mod agree_with_a_scan;
mod crashes_while_indexing_change_no_answer;
mod what_no_event_has_is_refused;
mod epochs_are_told;
mod files_are_closed_again;
mod groups_and_syncs_are_counted;
mod index_files_are_never_believed_blindly;
mod filter_groups_change_no_answer;

mod counted;
mod many_segments_cost_little;
