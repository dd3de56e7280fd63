//! What is written, and who reads it.

mod manual_is_written;
mod may_close;
mod shows_text_and_does_not_obey_it;
mod terminals_get_more;
