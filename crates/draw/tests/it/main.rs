//! Pictures hold what was selected, and stay readable and well formed for any selection.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests stand outside the store and may stop"
)]

mod story;

mod colours_say_the_same_everywhere;
mod every_event_is_accounted_for;
mod example_is_the_picture_of_the_readme;
mod fans_fold_and_rows_break;
mod hostile_names_stay_text;
mod labels_and_titles_say_what;
mod lanes_fork;
mod large_selections_stay_small;
mod layouts_are_the_picture;
mod logs_stay_clean;
mod nothing_overlaps;
mod same_events_same_bytes;
mod text_formats_are_plain;
