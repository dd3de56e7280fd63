//! The trials: each does something to workers and their stores, and checks what is left.
pub mod kill;
pub mod upkeep;
pub mod inject;
pub mod power;
pub mod openers;
pub mod fork;
pub mod reader;
pub mod descriptors;
pub mod open_files;
pub mod truncate;
pub mod full;
pub mod readonly;
pub mod flips;
pub mod memory;
