//! What the command line promises, shown by running it.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
#![allow(clippy::disallowed_methods, reason = "a program outside the store")]

mod program;
mod append_tells_what_it_did;
mod page_is_served;
mod conditions_hold_or_refuse;
mod copies;
mod cursors;
mod damage;
mod events;
mod graph;
mod help_shows_the_way;
mod output;
mod proofs_need_no_store;
mod typed_events_are_shown;
mod upkeep;
