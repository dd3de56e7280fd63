//! The trials: each does something to workers and their stores, and checks what is left.
pub mod kill;
pub mod inject;
