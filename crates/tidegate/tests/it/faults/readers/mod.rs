//! What a process sees that only reads: what is durable and whole, and a word about everything else.

mod questions;

mod end_at_damage;
mod follow_the_writer;
mod from_files;
mod tell_what_is_unconfirmed;
