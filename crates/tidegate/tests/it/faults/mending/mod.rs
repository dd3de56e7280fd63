//! Damage is found where it is, and everything beside it is saved.

mod doctor_names_the_place;
mod no_plain_file;
mod one_state_one_verdict;
mod random_damage;
mod salvage_saves_the_rest;
pub(crate) mod sample;
mod unfinished_salvage;
