//! What damage leads to.

mod floors_are_none;
mod is_found_and_left_behind;
mod is_told_from_refusal;
mod leaves_no_silent_prefix;
