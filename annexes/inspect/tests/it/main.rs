//! Whether the inspector answers its page, and no one else.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test outside the store; it may stop at the first surprise"
)]

mod story;
mod client;
mod only_its_page_is_answered;
mod hostile_clients_wait_alone;
mod answers_say_what_the_store_says;
mod vendored_files_are_what_they_were;
mod browser;
