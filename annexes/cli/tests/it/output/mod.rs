//! What is written, and who reads it.

mod may_close;
mod shows_text_and_does_not_obey_it;
