//! Events, as they are chosen and shown.

mod explain_tells_the_grounds;
mod filters_select;
mod payloads_are_searched;
mod show_tells_all;
mod tail_follows_a_writer;
