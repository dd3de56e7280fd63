//! What an import takes, and what it refuses.

mod history_comes_back_whole;
mod refuse_bad_lines;
mod run_again;
