//! What an import takes, and what it refuses.

mod refuse_bad_lines;
mod run_again;
