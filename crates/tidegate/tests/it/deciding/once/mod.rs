//! What is done once: a decision under a key, and the work on a large batch.

mod decided_again;
mod work_is_done_once;
