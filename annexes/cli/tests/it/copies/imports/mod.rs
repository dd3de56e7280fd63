//! What an import takes, and what it refuses; and what an export gives it.

mod copies_keep_what_a_store_says;
mod copies_of_random_histories;
mod erased_payloads_stay_erased;
mod exports_are_whole;
mod history_comes_back_whole;
mod other_logs_are_taken;
mod other_stores_come_over;
mod refuse_bad_lines;
mod run_again;
